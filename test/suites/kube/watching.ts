import { beforeAll, expect, it } from 'vitest'
import type { ObjectName, StoredObject } from '../../../src/kube/client.ts'
import {
  codeOf,
  makeNamespace,
  signal,
  version,
  versionNow,
  watching as watch,
  widget,
  widgets,
  type KubeUnderTest,
} from './subject.ts'

export function watching(subject: () => KubeUnderTest): void {
  let namespace = ''
  beforeAll(async () => {
    namespace = await makeNamespace(subject())
  })
  const key = (name: string): ObjectName => ({ namespace, name })
  const create = (name: string, labels: Record<string, string> = {}): Promise<StoredObject> =>
    subject().client.create(widgets, widget(key(name), { metadata: { labels } }), signal)
  const merge = (name: string, body: object, options = {}): Promise<StoredObject> =>
    subject().client.patch(widgets, key(name), { kind: 'merge', body }, signal, options)
  const remove = (name: string): Promise<boolean> => subject().client.delete(widgets, key(name), signal)
  const now = (): Promise<string> => versionNow(subject(), widgets)

  it('sees all that changed after a version, in order: what was before the watch began and what comes', async () => {
    const resourceVersion = await now()
    const { metadata } = await create('order-1')
    await merge('order-1', { spec: { size: 2 } })
    const watched = watch(subject().client, widgets, { namespace, resourceVersion })
    await watched.has(2)
    await create('order-2')
    await merge('order-1', { status: { ok: true } }, { subresource: 'status' })
    await merge('order-1', { spec: { size: 2 } }) // no change, no event
    await remove('order-1')
    await remove('order-2')
    expect(await watched.has(6)).toEqual([
      'added order-1',
      'modified order-1',
      'added order-2',
      'modified order-1',
      'deleted order-1',
      'deleted order-2',
    ])
    const versions = watched.objects().map(version)
    expect(versions).toEqual(versions.toSorted((a, b) => a - b))
    const last = watched.objects()[4]
    expect(last).toMatchObject({ spec: { size: 2 }, status: { ok: true }, metadata: { uid: metadata.uid } })
    expect(version(last as StoredObject)).toBeGreaterThan(version(watched.objects()[3] as StoredObject))
  })

  it('misses nothing and repeats nothing between a list and a watch from its version, while others write', async () => {
    const names = Array.from({ length: 60 }, (_, i) => `gap-${i}`)
    const writing = Promise.all(names.map((name) => create(name, { gap: 'yes' })))
    const { items, resourceVersion } = await subject().client.list(widgets, { namespace, labelSelector: 'gap' }, signal)
    const watched = watch(subject().client, widgets, { namespace, labelSelector: 'gap', resourceVersion })
    await writing
    await watched.has(names.length - items.length)
    const seen = [...items, ...watched.objects()].map(({ metadata }) => metadata.name)
    expect(seen.toSorted()).toEqual(names.toSorted())
  })

  it('sees the same from an event on: a broken watch goes on from the version it saw last', async () => {
    const resourceVersion = await now()
    for (const name of ['on-1', 'on-2', 'on-3']) await create(name)
    const first = watch(subject().client, widgets, { namespace, resourceVersion })
    await first.has(3)
    const seen = first.objects()[1]?.metadata.resourceVersion ?? ''
    const second = watch(subject().client, widgets, { namespace, resourceVersion: seen })
    expect(await second.has(1)).toEqual(['added on-3'])
  })

  it('shows what begins to match a selector as added, and what no longer does as deleted, as it last was', async () => {
    const resourceVersion = await now()
    const watched = watch(subject().client, widgets, { namespace, labelSelector: 'team=a', resourceVersion })
    await create('moves')
    await merge('moves', { metadata: { labels: { team: 'a' } }, spec: { size: 2 } })
    await merge('moves', { spec: { size: 3 } })
    const left = await merge('moves', { metadata: { labels: { team: 'b' } }, spec: { size: 4 } })
    await merge('moves', { metadata: { labels: { team: 'a' } } })
    await remove('moves')
    expect(await watched.has(5)).toEqual([
      'added moves',
      'modified moves',
      'deleted moves',
      'added moves',
      'deleted moves',
    ])
    expect(watched.objects()[2]).toMatchObject({
      spec: { size: 3 },
      metadata: { labels: { team: 'a' }, resourceVersion: left.metadata.resourceVersion },
    })
  })

  it('sees one namespace, one name, or metadata alone when that is asked for', async () => {
    const elsewhere = await makeNamespace(subject())
    const resourceVersion = await now()
    const here = watch(subject().client, widgets, { namespace, resourceVersion })
    const named = watch(subject().client, widgets, { fieldSelector: 'metadata.name=named', resourceVersion })
    const light = watch(subject().client, widgets, { namespace, metadataOnly: true, resourceVersion })
    await subject().client.create(widgets, widget({ namespace: elsewhere, name: 'named' }), signal)
    await create('unnamed')
    await create('named')
    expect(await here.has(2)).toEqual(['added unnamed', 'added named'])
    expect(await named.has(2)).toEqual(['added named', 'added named'])
    expect(named.objects().map(({ metadata }) => metadata.namespace)).toEqual([elsewhere, namespace])
    await light.has(2)
    expect(light.objects().map((object) => Object.keys(object).sort())).toEqual([
      ['apiVersion', 'kind', 'metadata'],
      ['apiVersion', 'kind', 'metadata'],
    ])
    expect(light.objects()[0]).toMatchObject({ apiVersion: 'suite.millrace.dev/v1', kind: 'Widget' })
  })

  it('sees a held object being deleted as modified, and its end as deleted', async () => {
    await subject().client.create(
      widgets,
      widget(key('held'), { metadata: { finalizers: ['suite.millrace.dev/hold'] } }),
      signal,
    )
    const watched = watch(subject().client, widgets, { namespace, resourceVersion: await now() })
    await remove('held')
    await merge('held', { metadata: { finalizers: null } })
    expect(await watched.has(2)).toEqual(['modified held', 'deleted held'])
    expect(watched.objects()[0]?.metadata.deletionTimestamp).toBeDefined()
  })

  it('ends by itself after timeoutSeconds, and says before that up to where nothing more was', async () => {
    const resourceVersion = await now()
    const watched = watch(subject().client, widgets, { namespace, resourceVersion, timeoutSeconds: 6 })
    await create('before-the-bookmark-1')
    await watched.has(1)
    // Only what came while it watched makes an API server send one.
    const last = await create('before-the-bookmark-2')
    await watched.has(2)
    expect(await watched.ended).toBe('ended')
    const bookmarks = watched.events.flatMap((event) => (event.type === 'bookmark' ? [event.resourceVersion] : []))
    expect(bookmarks.map(Number)).toContainEqual(expect.toSatisfy((seen: number) => seen >= version(last)))
  })

  it('says ApiGone when the version is too old', async () => {
    const resourceVersion = await subject().tooOldVersion()
    expect(await codeOf(subject().client.watch(widgets, { resourceVersion }, () => {}, signal))).toBe('ApiGone')
  })

  it('stops at once with Closed when its signal aborts, and calls nobody after that', async () => {
    const controller = new AbortController()
    let calls = 0
    const resourceVersion = await now()
    await create('two-1')
    await create('two-2')
    const onEvent = (): void => {
      calls += 1
      controller.abort()
    }
    const ended = subject().client.watch(widgets, { namespace, resourceVersion }, onEvent, controller.signal)
    expect(await codeOf(ended)).toBe('Closed')
    expect(calls).toBe(1)
  })

  it('ends with what its reader throws', async () => {
    const resourceVersion = await now()
    await create('thrown')
    const mine = new Error('mine')
    const ended = subject().client.watch(
      widgets,
      { namespace, resourceVersion },
      () => {
        throw mine
      },
      signal,
    )
    await expect(ended).rejects.toBe(mine)
  })

  it('ends with Closed when the client is closed', async () => {
    const client = subject().another()
    const watched = watch(client, widgets, { namespace, resourceVersion: await now() })
    await create('seen-by-another')
    await watched.has(1)
    client.close()
    expect(await watched.ended).toBe('Closed')
  })
}
