import { beforeAll, expect, it } from 'vitest'
import type { ObjectName, Patch, StoredObject } from '../../../src/kube/client.ts'
import { kinds } from '../../../src/kube/kinds.ts'
import {
  codeOf,
  configMap,
  faultOf,
  makeNamespace,
  signal,
  version,
  widget,
  widgets,
  type KubeUnderTest,
} from './subject.ts'

export function writing(subject: () => KubeUnderTest): void {
  let namespace = ''
  let count = 0
  beforeAll(async () => {
    namespace = await makeNamespace(subject())
  })
  const fresh = (): ObjectName => ({ namespace, name: `w-${(count += 1)}` })
  const create = (key: ObjectName, content: Parameters<typeof widget>[1] = {}): Promise<StoredObject> =>
    subject().client.create(widgets, widget(key, content), signal)
  const read = (key: ObjectName): Promise<StoredObject | null> => subject().client.get(widgets, key, signal)
  const merge = (key: ObjectName, body: object, options = {}): Promise<StoredObject> =>
    subject().client.patch(widgets, key, { kind: 'merge', body }, signal, options)
  const json = (key: ObjectName, body: object[], options = {}): Promise<StoredObject> =>
    subject().client.patch(widgets, key, { kind: 'json', body }, signal, options)
  const status = { subresource: 'status' } as const

  it('gives a new object uid, version, time and generation 1, whatever the client says of them', async () => {
    const key = fresh()
    const metadata = { uid: 'mine', generation: 7, creationTimestamp: '2001-01-01T00:00:00Z', labels: { a: 'b' } }
    const created = await create(key, { metadata: { ...metadata, deletionTimestamp: '2001-01-01T00:00:00Z' } })
    expect(created.metadata).toMatchObject({ ...key, generation: 1, labels: { a: 'b' } })
    expect(created.metadata.uid).toMatch(/^[0-9a-f-]{36}$/)
    expect(Date.now() - Date.parse(created.metadata.creationTimestamp ?? '')).toBeLessThan(60_000)
    expect(created.metadata.deletionTimestamp).toBeUndefined()
    expect(await read(key)).toEqual(created)
  })

  it('keeps any text and much of it', async () => {
    const key = fresh()
    const spec = {
      text: 'Grüße, 世界 🎡 "\\\n\u2028',
      size: 9_007_199_254_740_991,
      big: 'ж'.repeat(300_000),
      none: [{}],
    }
    await create(key, { spec })
    expect((await read(key))?.['spec']).toEqual(spec)
  })

  it('makes up a name from generateName', async () => {
    const make = (): Promise<StoredObject> =>
      subject().client.create(widgets, widget({ namespace, name: '' }, { metadata: { generateName: 'made-' } }), signal)
    const names = [(await make()).metadata.name, (await make()).metadata.name]
    expect(names[0]).toMatch(/^made-[a-z0-9]{5}$/)
    expect(names[0]).not.toBe(names[1])
  })

  it('says ApiAlreadyExists when the name is taken, and names what was asked', async () => {
    const key = fresh()
    await create(key)
    const fault = await faultOf(create(key))
    expect(fault.code).toBe('ApiAlreadyExists')
    expect(fault.message).toContain(`widgets.suite.millrace.dev ${namespace}/${key.name}`)
  })

  it.each([
    ['a name with capitals', { name: 'Bad_Name' }],
    ['a label of 64 characters', { labels: { a: 'x'.repeat(64) } }],
    ['a label value with a slash', { labels: { a: 'x/y' } }],
  ])('refuses %s', async (_, metadata) => {
    expect(await codeOf(create(fresh(), { metadata }))).toBe('ApiRefused')
  })

  it('refuses an object of a namespaced kind without a namespace', async () => {
    expect(await codeOf(create({ namespace: '', name: 'nowhere' }))).toBe('ApiRefused')
  })

  it('gives each change a higher version, across objects and kinds', async () => {
    const [a, b] = [fresh(), fresh()]
    const versions = [
      version(await create(a)),
      version(await create(b)),
      version(await subject().client.create(kinds.configMap, configMap(a), signal)),
      version(await merge(a, { spec: { size: 2 } })),
      version(await merge(b, { status: { ok: true } }, status)),
    ]
    expect(versions).toEqual(versions.toSorted((x, y) => x - y))
    expect(new Set(versions).size).toBe(versions.length)
    expect(
      Number((await subject().client.list(widgets, { namespace }, signal)).resourceVersion),
    ).toBeGreaterThanOrEqual(Math.max(...versions))
  })

  it('counts in generation the changes of spec, not those of metadata and status', async () => {
    const key = fresh()
    await create(key)
    expect(
      (await merge(key, { metadata: { labels: { a: 'b' }, finalizers: ['suite.millrace.dev/x'] } })).metadata
        .generation,
    ).toBe(1)
    expect((await merge(key, { status: { ok: true } }, status)).metadata.generation).toBe(1)
    expect((await merge(key, { spec: { size: 2 } })).metadata.generation).toBe(2)
    expect((await merge(key, { metadata: { generation: 9 } })).metadata.generation).toBe(2)
    await merge(key, { metadata: { finalizers: null } })
    const map = await subject().client.create(kinds.configMap, configMap(key, { data: { a: 'b' } }), signal)
    expect(map.metadata.generation).toBeUndefined()
  })

  it('keeps status apart: written through its subresource only, and nothing else through it', async () => {
    const key = fresh()
    expect((await create(key, { status: { early: true } }))['status']).toBeUndefined()
    const through = await merge(key, { metadata: { labels: { a: 'b' } }, spec: { size: 5 }, status: { ok: 1 } }, status)
    expect(through).toMatchObject({ spec: { size: 1 }, status: { ok: 1 } })
    expect(through.metadata.labels).toBeUndefined()
    const beside = await merge(key, { spec: { size: 6 }, status: { ok: 2 } })
    expect(beside).toMatchObject({ spec: { size: 6 }, status: { ok: 1 } })
    const replaced = await subject().client.replace(
      widgets,
      { ...beside, spec: { size: 7 }, status: { ok: 3 } },
      signal,
      status,
    )
    expect(replaced).toMatchObject({ spec: { size: 6 }, status: { ok: 3 } })
  })

  it('writes a whole status by JSON patch, whether there was one or not', async () => {
    const key = fresh()
    await create(key)
    const put = (value: object): Promise<StoredObject> => json(key, [{ op: 'add', path: '/status', value }], status)
    expect((await put({ a: 1 }))['status']).toEqual({ a: 1 })
    expect((await put({ b: 2 }))['status']).toEqual({ b: 2 })
  })

  it('stores nothing when nothing changes', async () => {
    const key = fresh()
    const created = await create(key, { metadata: { labels: { a: 'b' } }, spec: { size: 1, list: [1, { x: 2 }] } })
    const same: (() => Promise<StoredObject>)[] = [
      () => subject().client.replace(widgets, created, signal),
      () => merge(key, { spec: { size: 1 }, metadata: { labels: { a: 'b' } } }),
      () => merge(key, { status: { ignored: true } }),
      () => merge(key, { spec: { nothing: null } }),
      () => json(key, [{ op: 'replace', path: '/spec/size', value: 1 }]),
    ]
    for (const write of same) expect((await write()).metadata.resourceVersion).toBe(created.metadata.resourceVersion)
    expect(await read(key)).toEqual(created)
  })

  it('replaces it whole, guarded by its version', async () => {
    const key = fresh()
    const created = await create(key, { metadata: { labels: { a: 'b' } }, spec: { size: 1, more: true } })
    const next = {
      ...widget(key, { spec: { size: 2 } }),
      metadata: { ...key, resourceVersion: created.metadata.resourceVersion },
    }
    const replaced = await subject().client.replace(widgets, next, signal)
    expect(replaced['spec']).toEqual({ size: 2 })
    expect(replaced.metadata.labels).toBeUndefined()
    expect(replaced.metadata).toMatchObject({ uid: created.metadata.uid, generation: 2 })
    expect(await codeOf(subject().client.replace(widgets, next, signal))).toBe('ApiConflict')
    const elsewhere = { ...replaced, metadata: { ...replaced.metadata, uid: '00000000-0000-0000-0000-000000000000' } }
    expect(await codeOf(subject().client.replace(widgets, elsewhere, signal))).toBe('ApiConflict')
    expect(await read(key)).toEqual(replaced)
  })

  it('replaces without a version what is built in, but not a custom resource', async () => {
    const key = fresh()
    await create(key)
    expect(await codeOf(subject().client.replace(widgets, widget(key, { spec: {} }), signal))).toBe('ApiRefused')
    await subject().client.create(kinds.configMap, configMap(key, { data: { a: '1' } }), signal)
    const replaced = await subject().client.replace(kinds.configMap, configMap(key, { data: { b: '2' } }), signal)
    expect(replaced['data']).toEqual({ b: '2' })
  })

  it('says ApiNotFound when what shall be changed does not exist', async () => {
    const key = fresh()
    const wanted = widget(key, { metadata: { resourceVersion: '1' } })
    expect(await codeOf(subject().client.replace(widgets, wanted, signal))).toBe('ApiNotFound')
    expect(await codeOf(merge(key, { spec: {} }))).toBe('ApiNotFound')
    expect(await codeOf(json(key, []))).toBe('ApiNotFound')
    expect(await codeOf(merge(key, { status: {} }, status))).toBe('ApiNotFound')
    expect(await codeOf(subject().client.apply(widgets, widget(key), 'suite', signal, status))).toBe('ApiNotFound')
  })

  it('merges: null removes, maps are merged, lists are replaced; a version in it guards', async () => {
    const key = fresh()
    const created = await create(key, { spec: { a: 1, map: { x: 1, y: 2 }, list: [1, 2] } })
    const merged = await merge(key, { spec: { a: null, map: { y: 3 }, list: [9] } })
    expect(merged['spec']).toEqual({ map: { x: 1, y: 3 }, list: [9] })
    const { resourceVersion } = created.metadata
    expect(await codeOf(merge(key, { metadata: { resourceVersion }, spec: { a: 2 } }))).toBe('ApiConflict')
  })

  it('patches by operations, all of them or none', async () => {
    const key = fresh()
    await create(key, { spec: { a: 1, list: ['x', 'z'], 'k/e~y': 1, from: { deep: true } } })
    const patched = await json(key, [
      { op: 'test', path: '/spec/a', value: 1 },
      { op: 'replace', path: '/spec/a', value: 2 },
      { op: 'add', path: '/spec/list/1', value: 'y' },
      { op: 'add', path: '/spec/list/-', value: 'end' },
      { op: 'remove', path: '/spec/k~1e~0y' },
      { op: 'move', from: '/spec/from', path: '/spec/to' },
      { op: 'copy', from: '/spec/to', path: '/spec/copy' },
    ])
    const spec = { a: 2, list: ['x', 'y', 'z', 'end'], to: { deep: true }, copy: { deep: true } }
    expect(patched['spec']).toEqual(spec)
    const impossible: Patch['body'][] = [
      [{ op: 'test', path: '/spec/a', value: 1 }],
      [{ op: 'remove', path: '/spec/none' }],
      [{ op: 'replace', path: '/spec/none/below', value: 1 }],
      [{ op: 'add', path: '/spec/none/below', value: 1 }],
    ]
    for (const body of impossible) {
      const operations = [{ op: 'replace', path: '/spec/a', value: 3 }, ...(body as object[])]
      expect(await codeOf(json(key, operations))).toBe('ApiRefused')
    }
    expect((await read(key))?.['spec']).toEqual(spec)
  })

  it('cannot be renamed', async () => {
    const key = fresh()
    await create(key)
    expect(await codeOf(merge(key, { metadata: { name: 'other' } }))).toBe('ApiRefused')
  })

  it('answers a dry run as if, and stores nothing', async () => {
    const key = fresh()
    const dry = { dryRun: true }
    expect(await subject().client.create(widgets, widget(key), signal, dry)).toMatchObject({ metadata: key })
    expect(await read(key)).toBeNull()
    const created = await create(key)
    expect((await merge(key, { spec: { size: 9 } }, dry))['spec']).toEqual({ size: 9 })
    const applied = await subject().client.apply(widgets, widget(key, { spec: { size: 8 } }), 'suite', signal, dry)
    expect(applied['spec']).toEqual({ size: 8 })
    expect(await codeOf(subject().client.create(widgets, widget(key), signal, dry))).toBe('ApiAlreadyExists')
    expect(await read(key)).toEqual(created)
  })
}
