import { beforeAll, expect, it } from 'vitest'
import type { ListOptions, Selection } from '../../../src/kube/client.ts'
import { kinds } from '../../../src/kube/kinds.ts'
import { codeOf, configMap, ghosts, makeNamespace, signal, widget, widgets, type KubeUnderTest } from './subject.ts'

export function reading(subject: () => KubeUnderTest): void {
  const { get, list } = {
    get: (...args: Parameters<KubeUnderTest['client']['get']>) => subject().client.get(...args),
    list: (...args: Parameters<KubeUnderTest['client']['list']>) => subject().client.list(...args),
  }
  let namespace = ''
  beforeAll(async () => {
    namespace = await makeNamespace(subject())
    const labelled = { a: { tier: 'web', size: 'big' }, b: { tier: 'db' }, c: { tier: 'web' }, d: {} }
    for (const [name, labels] of Object.entries(labelled)) {
      await subject().client.create(widgets, widget({ namespace, name }, { metadata: { labels } }), signal)
    }
  })
  const names = async (selection: Selection): Promise<readonly string[]> =>
    (await list(widgets, { namespace, ...selection }, signal)).items.map(({ metadata }) => metadata.name)

  it('gives null for an object that does not exist', async () => {
    expect(await get(widgets, { namespace, name: 'nobody' }, signal)).toBeNull()
    expect(await get(widgets, { namespace: 'no-such-namespace', name: 'nobody' }, signal)).toBeNull()
    expect(await get(kinds.namespace, { namespace: '', name: 'no-such-namespace' }, signal)).toBeNull()
  })

  it('says ApiNotFound for a kind that is not installed, whatever is asked', async () => {
    const { client } = subject()
    const key = { namespace, name: 'a' }
    const ghost = { ...widget(key), kind: 'Ghost' }
    const asked = [
      client.get(ghosts, key, signal),
      client.list(ghosts, { namespace }, signal),
      client.watch(ghosts, { namespace, resourceVersion: '1' }, () => {}, signal),
      client.create(ghosts, ghost, signal),
      client.replace(ghosts, ghost, signal),
      client.patch(ghosts, key, { kind: 'merge', body: {} }, signal),
      client.apply(ghosts, ghost, 'suite', signal),
      client.delete(ghosts, key, signal),
    ]
    expect(await Promise.all(asked.map(codeOf))).toEqual(asked.map(() => 'ApiNotFound'))
  })

  it('lists one namespace or all, each object with its apiVersion and kind, in the order of names', async () => {
    expect(await names({})).toEqual(['a', 'b', 'c', 'd'])
    const everywhere = await list(widgets, {}, signal)
    expect(everywhere.items.filter(({ metadata }) => metadata.namespace === namespace)).toHaveLength(4)
    await subject().client.create(kinds.configMap, configMap({ namespace, name: 'typed' }), signal)
    const maps = await list(kinds.configMap, { namespace, fieldSelector: 'metadata.name=typed' }, signal)
    expect(maps.items).toMatchObject([{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'typed' } }])
  })

  it.each<[string, readonly string[]]>([
    ['tier=web', ['a', 'c']],
    ['tier==web,size', ['a']],
    ['tier!=web', ['b', 'd']],
    ['tier in (web, db)', ['a', 'b', 'c']],
    ['tier notin (web)', ['b', 'd']],
    ['tier', ['a', 'b', 'c']],
    ['!tier', ['d']],
    ['tier in (web,db),!size', ['b', 'c']],
    ['tier=none', []],
  ])('selects by labels: %s', async (labelSelector, expected) => {
    expect(await names({ labelSelector })).toEqual(expected)
  })

  it('selects by name and namespace', async () => {
    expect(await names({ fieldSelector: 'metadata.name=b' })).toEqual(['b'])
    expect(await names({ fieldSelector: 'metadata.name!=b' })).toEqual(['a', 'c', 'd'])
    expect(await names({ fieldSelector: `metadata.namespace=${namespace},metadata.name=c` })).toEqual(['c'])
  })

  it.each<Selection>([{ labelSelector: 'tier in (' }, { labelSelector: 'tier web' }, { fieldSelector: 'spec.size=1' }])(
    'refuses a selector that it cannot read: %o',
    async (selection) => {
      expect(await codeOf(names(selection))).toBe('ApiRefused')
    },
  )

  it('gives metadata alone when that is asked for, under the kind of the object', async () => {
    const { items } = await list(widgets, { namespace, metadataOnly: true, labelSelector: 'size' }, signal)
    expect(items.map((item) => Object.keys(item).sort())).toEqual([['apiVersion', 'kind', 'metadata']])
    expect(items[0]).toMatchObject({ apiVersion: 'suite.millrace.dev/v1', kind: 'Widget', metadata: { name: 'a' } })
    expect(items[0]?.metadata).toEqual((await get(widgets, { namespace, name: 'a' }, signal))?.metadata)
  })

  it('pages through what was there at the first page, whatever changes meanwhile', async () => {
    const { client } = subject()
    const namespace = await makeNamespace(subject())
    const all = Array.from({ length: 25 }, (_, i) => `w${String(i).padStart(2, '0')}`)
    await Promise.all(all.map((name) => client.create(widgets, widget({ namespace, name }), signal)))
    const seen: string[] = []
    const versions = new Set<string>()
    let options: ListOptions | undefined = { namespace, limit: 10 }
    for (let pages = 0; options; pages += 1) {
      const page = await client.list(widgets, options, signal)
      seen.push(...page.items.map(({ metadata, ...item }) => `${metadata.name} ${JSON.stringify(item['spec'])}`))
      versions.add(page.resourceVersion)
      options = page.continue === undefined ? undefined : { ...options, continue: page.continue }
      await client.create(widgets, widget({ namespace, name: `w1-${pages}` }), signal)
      await client.delete(widgets, { namespace, name: `w2${pages}` }, signal)
      const patch = { kind: 'merge', body: { spec: { size: 2 } } } as const
      await client.patch(widgets, { namespace, name: 'w24' }, patch, signal)
    }
    expect(seen).toEqual(all.map((name) => `${name} {"size":1}`))
    expect(versions.size).toBe(1)
  })

  it('does nothing for a signal that is aborted already, and says Closed', async () => {
    const aborted = AbortSignal.abort()
    const { client } = subject()
    const key = { namespace, name: 'a' }
    const asked = [
      client.get(widgets, key, aborted),
      client.list(widgets, {}, aborted),
      client.watch(widgets, { resourceVersion: '1' }, () => {}, aborted),
      client.create(widgets, widget({ namespace, name: 'never' }), aborted),
      client.delete(widgets, key, aborted),
    ]
    expect(await Promise.all(asked.map(codeOf))).toEqual(asked.map(() => 'Closed'))
    expect(await names({})).toEqual(['a', 'b', 'c', 'd'])
  })

  it('says Closed to everything once it is closed', async () => {
    const client = subject().another()
    expect(await client.get(widgets, { namespace, name: 'a' }, signal)).not.toBeNull()
    client.close()
    expect(await codeOf(client.get(widgets, { namespace, name: 'a' }, signal))).toBe('Closed')
    expect(await codeOf(client.watch(widgets, { resourceVersion: '1' }, () => {}, signal))).toBe('Closed')
  })
}
