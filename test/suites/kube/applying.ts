import { beforeAll, expect, it } from 'vitest'
import {
  versionOfNone,
  type KubeObject,
  type ObjectName,
  type StoredObject,
  type WriteOptions,
} from '../../../src/kube/client.ts'
import { kinds } from '../../../src/kube/kinds.ts'
import { configMap, makeNamespace, signal, widget, widgets, type KubeUnderTest } from './subject.ts'

/**
 * Server-side apply. Not promised, as it depends on the schema: what is left of a map that loses its last field; and that fields of others
 * stay in a map that the schema does not know.
 */
export function applying(subject: () => KubeUnderTest): void {
  let namespace = ''
  let count = 0
  beforeAll(async () => {
    namespace = await makeNamespace(subject())
  })
  const fresh = (): ObjectName => ({ namespace, name: `a-${(count += 1)}` })
  const apply = (object: KubeObject, manager = 'suite', options: WriteOptions = {}): Promise<StoredObject> =>
    subject().client.apply(widgets, object, manager, signal, options)
  const merge = (key: ObjectName, body: object): Promise<StoredObject> =>
    subject().client.patch(widgets, key, { kind: 'merge', body }, signal)
  const read = (key: ObjectName): Promise<StoredObject | null> => subject().client.get(widgets, key, signal)

  it('creates what does not exist', async () => {
    const key = fresh()
    const applied = await apply(widget(key, { metadata: { labels: { a: 'b' } }, status: { ignored: true } }))
    expect(applied).toMatchObject({ metadata: { ...key, generation: 1, labels: { a: 'b' } }, spec: { size: 1 } })
    expect(applied['status']).toBeUndefined()
    expect(await read(key)).toEqual(applied)
  })

  it('creates and nothing else, or changes one version and no other, when it is told so', async () => {
    const key = fresh()
    const over = (resourceVersion: string, size: number) => apply(widget(key, { metadata: { resourceVersion }, spec: { size } })) // prettier-ignore
    const first = await over(versionOfNone, 1)
    await expect(over(versionOfNone, 2)).rejects.toMatchObject({ code: 'ApiConflict' })
    const second = await over(first.metadata.resourceVersion, 2)
    expect(second['spec']).toEqual({ size: 2 })
    await expect(over(first.metadata.resourceVersion, 3)).rejects.toMatchObject({ code: 'ApiConflict' })
    expect(await apply(widget(key, { spec: { size: 2 } }))).toEqual(second)
    await subject().client.delete(widgets, key, signal)
    expect((await over(second.metadata.resourceVersion, 4))['spec']).toEqual({ size: 4 })
  })

  it('changes nothing when it says the same again, status and all others present', async () => {
    const key = fresh()
    const wanted = widget(key, {
      metadata: { labels: { a: 'b' }, finalizers: ['suite.millrace.dev/x'] },
      spec: { list: [{ name: 'x' }], map: { deep: { er: 1 } }, none: {}, empty: [] },
    })
    await apply(wanted)
    await merge(key, { metadata: { annotations: { theirs: '1' } }, spec: { theirs: true } })
    const before = await subject().client.patch(widgets, key, { kind: 'merge', body: { status: { ok: 1 } } }, signal, {
      subresource: 'status',
    })
    expect(await apply(wanted)).toEqual(before)
    expect(await read(key)).toEqual(before)
    await merge(key, { metadata: { finalizers: null } })
  })

  it('removes what it said before and says no more, and leaves what others said', async () => {
    const key = fresh()
    await apply(
      widget(key, { metadata: { labels: { mine: '1', kept: '1' } }, spec: { a: 1, box: { mine: 2 }, kept: 1 } }),
    )
    await merge(key, { metadata: { labels: { theirs: '1' } }, spec: { theirs: true, box: { theirs: 3 } } })
    const applied = await apply(widget(key, { metadata: { labels: { kept: '1' } }, spec: { kept: 1 } }))
    expect(applied['spec']).toEqual({ kept: 1, theirs: true, box: { theirs: 3 } })
    expect(applied.metadata.labels).toEqual({ kept: '1', theirs: '1' })
    expect(applied.metadata.generation).toBe(3)
  })

  it('takes fields over from whoever wrote them', async () => {
    const key = fresh()
    await apply(widget(key, { spec: { size: 1, own: 1 } }), 'other')
    await apply(widget(key, { spec: { size: 2 } }))
    expect((await apply(widget(key, { spec: { own: 1 } }), 'other'))['spec']).toEqual({ size: 2, own: 1 })
    await merge(key, { spec: { size: 3 } })
    expect((await apply(widget(key, { spec: { size: 2 } })))['spec']).toEqual({ size: 2, own: 1 })
  })

  it('keeps a field until the last one who says it no longer does', async () => {
    const key = fresh()
    await apply(widget(key, { spec: { shared: 1, other: 1 } }), 'other')
    await apply(widget(key, { spec: { shared: 1, mine: 1 } }))
    expect((await apply(widget(key, { spec: { mine: 1 } })))['spec']).toEqual({ shared: 1, mine: 1, other: 1 })
    expect((await apply(widget(key, { spec: { other: 1 } }), 'other'))['spec']).toEqual({ mine: 1, other: 1 })
  })

  it('does not remove what someone else wrote over since', async () => {
    const key = fresh()
    await apply(widget(key, { spec: { size: 1, kept: 1 } }))
    await merge(key, { spec: { size: 5 } })
    expect((await apply(widget(key, { spec: { kept: 1 } })))['spec']).toEqual({ size: 5, kept: 1 })
  })

  it('replaces a list of a custom resource whole', async () => {
    const key = fresh()
    await apply(widget(key, { spec: { list: [{ name: 'a' }, { name: 'b' }] } }))
    expect((await apply(widget(key, { spec: { list: [{ name: 'c' }] } })))['spec']).toEqual({ list: [{ name: 'c' }] })
  })

  it('applies status through its subresource, and status alone', async () => {
    const key = fresh()
    await apply(widget(key, { spec: { size: 1 } }))
    const said = (status: object): Promise<StoredObject> =>
      apply(widget(key, { metadata: { labels: { no: '1' } }, spec: { size: 9 }, status }), 'suite', {
        subresource: 'status',
      })
    const applied = await said({ ok: true, more: 1 })
    expect(applied).toMatchObject({ spec: { size: 1 }, status: { ok: true, more: 1 }, metadata: { generation: 1 } })
    expect(applied.metadata.labels).toBeUndefined()
    expect((await said({ ok: true }))['status']).toEqual({ ok: true })
    expect((await apply(widget(key, { spec: { size: 2 } })))['status']).toEqual({ ok: true })
  })

  it('adds and removes its own finalizers and owners beside those of others', async () => {
    const [key, parent] = [fresh(), fresh()]
    const { uid, name } = (await subject().client.create(widgets, widget(parent), signal)).metadata
    const ownerReferences = [{ apiVersion: 'suite.millrace.dev/v1', kind: 'Widget', name, uid }]
    await apply(widget(key, { metadata: { finalizers: ['suite.millrace.dev/mine'], ownerReferences } }))
    const all = ['suite.millrace.dev/mine', 'suite.millrace.dev/theirs']
    await merge(key, { metadata: { finalizers: all } })
    const again = await apply(widget(key, { metadata: { finalizers: ['suite.millrace.dev/mine'], ownerReferences } }))
    expect(again.metadata).toMatchObject({ finalizers: all, ownerReferences })
    const dropped = await apply(widget(key))
    expect(dropped.metadata.finalizers).toEqual(['suite.millrace.dev/theirs'])
    expect(dropped.metadata.ownerReferences ?? []).toEqual([])
    await merge(key, { metadata: { finalizers: null } })
  })

  it('merges the containers and variables of a Deployment by name, so that what others inject stays', async () => {
    const key = fresh()
    const app = (env: object[]): object => ({ name: 'app', image: 'app:1', env })
    const deployment = (containers: object[]): KubeObject => ({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: key,
      spec: {
        selector: { matchLabels: { app: 'x' } },
        template: { metadata: { labels: { app: 'x' } }, spec: { containers } },
      },
    })
    const put = (env: object[]): Promise<StoredObject> =>
      subject().client.apply(kinds.deployment, deployment([app(env)]), 'suite', signal)
    const shown = async (): Promise<unknown> => {
      const found = await subject().client.get(kinds.deployment, key, signal)
      const { containers } = (found as unknown as { spec: { template: { spec: { containers: unknown } } } }).spec
        .template.spec
      return (containers as { name: string; env?: { name: string; value: string }[] }[]).map(
        ({ name, env = [] }) => `${name} ${env.map((one) => `${one.name}=${one.value}`).join(' ')}`,
      )
    }
    await put([
      { name: 'A', value: '1' },
      { name: 'B', value: '2' },
    ])
    const injected = [app([{ name: 'INJECTED', value: 'x' }]), { name: 'sidecar', image: 'sidecar:1' }]
    await subject().client.apply(kinds.deployment, deployment(injected), 'injector', signal)
    expect(await shown()).toEqual(['app A=1 B=2 INJECTED=x', 'sidecar '])
    await put([{ name: 'A', value: '3' }])
    expect(await shown()).toEqual(['app A=3 INJECTED=x', 'sidecar '])
    await subject().client.delete(kinds.deployment, key, signal)
  })

  it('applies to what someone else created', async () => {
    const key = fresh()
    await subject().client.create(kinds.configMap, configMap(key, { data: { theirs: '1' } }), signal)
    const mine = configMap(key, { data: { mine: '1' } })
    const applied = await subject().client.apply(kinds.configMap, mine, 'suite', signal)
    expect(applied['data']).toEqual({ theirs: '1', mine: '1' })
    const none = await subject().client.apply(kinds.configMap, configMap(key), 'suite', signal)
    expect(none['data']).toEqual({ theirs: '1' })
  })

  it('can say something where it said nothing before', async () => {
    const key = fresh()
    const put = async (data: Record<string, string>, manager: string): Promise<unknown> =>
      (await subject().client.apply(kinds.configMap, configMap(key, { data }), manager, signal))['data']
    await put({}, 'suite')
    expect(await put({ mine: '1' }, 'suite')).toEqual({ mine: '1' })
    await put({ shared: '1' }, 'other')
    await put({ shared: '1' }, 'suite')
    expect(await put({}, 'suite')).toEqual({ shared: '1' })
    expect(await put({ shared: '2' }, 'suite')).toEqual({ shared: '2' })
  })
}
