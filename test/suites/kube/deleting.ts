import { beforeAll, expect, it } from 'vitest'
import type { KubeObject, ObjectName, OwnerReference, StoredObject } from '../../../src/kube/client.ts'
import { kinds } from '../../../src/kube/kinds.ts'
import { eventually } from '../../support/eventually.ts'
import { codeOf, configMap, faultOf, makeNamespace, signal, widget, widgets, type KubeUnderTest } from './subject.ts'

const finalizer = 'suite.millrace.dev/hold'

export function deleting(subject: () => KubeUnderTest): void {
  let namespace = ''
  let count = 0
  beforeAll(async () => {
    namespace = await makeNamespace(subject())
  })
  const fresh = (): ObjectName => ({ namespace, name: `d-${(count += 1)}` })
  const create = (key: ObjectName, metadata: Partial<KubeObject['metadata']> = {}): Promise<StoredObject> =>
    subject().client.create(widgets, widget(key, { metadata }), signal)
  const read = (key: ObjectName): Promise<StoredObject | null> => subject().client.get(widgets, key, signal)
  const merge = (key: ObjectName, body: object): Promise<StoredObject> =>
    subject().client.patch(widgets, key, { kind: 'merge', body }, signal)
  const remove = (
    ...[key, options]: [ObjectName, Parameters<KubeUnderTest['client']['delete']>[3]?]
  ): Promise<boolean> => subject().client.delete(widgets, key, signal, options)
  /** A real garbage collector takes up new kinds every 30 s. */
  const gone = (key: ObjectName): Promise<unknown> =>
    eventually(`${key.name} is gone`, async () => (await read(key)) === null)
  const owner = ({ metadata }: StoredObject, more: Partial<OwnerReference> = {}): OwnerReference => ({
    apiVersion: 'suite.millrace.dev/v1',
    kind: 'Widget',
    name: metadata.name,
    uid: metadata.uid,
    ...more,
  })

  it('deletes, and says whether there was something to delete', async () => {
    const key = fresh()
    await create(key)
    expect(await remove(key)).toBe(true)
    expect(await read(key)).toBeNull()
    expect(await remove(key)).toBe(false)
  })

  it('deletes the object with this uid only', async () => {
    const key = fresh()
    const { metadata } = await create(key)
    expect(await codeOf(remove(key, { uid: '00000000-0000-0000-0000-000000000000' }))).toBe('ApiConflict')
    expect(await read(key)).not.toBeNull()
    expect(await remove(key, { uid: metadata.uid })).toBe(true)
    expect(await read(key)).toBeNull()
  })

  it('gives a name that is free again a new uid and generation 1', async () => {
    const key = fresh()
    const first = await create(key)
    await merge(key, { spec: { size: 2 } })
    await remove(key)
    const second = await create(key)
    expect(second.metadata.uid).not.toBe(first.metadata.uid)
    expect(second.metadata.generation).toBe(1)
  })

  it('keeps what has finalizers, marked by deletionTimestamp and one generation more, until the last one is gone', async () => {
    const key = fresh()
    await create(key, { finalizers: [finalizer, `${finalizer}-2`] })
    expect(await remove(key)).toBe(true)
    const held = await read(key)
    expect(held?.metadata).toMatchObject({ generation: 2, finalizers: [finalizer, `${finalizer}-2`] })
    expect(Date.now() - Date.parse(held?.metadata.deletionTimestamp ?? '')).toBeLessThan(60_000)
    expect(await remove(key)).toBe(true)
    expect(await read(key)).toEqual(held)
    const kept = await merge(key, { metadata: { finalizers: [finalizer] } })
    expect(kept.metadata.deletionTimestamp).toBe(held?.metadata.deletionTimestamp)
    expect(await read(key)).toEqual(kept)
    await merge(key, { metadata: { finalizers: [] } })
    expect(await read(key)).toBeNull()
  })

  it('lets what is being deleted still change, but not take new finalizers, and its name stays taken', async () => {
    const key = fresh()
    await create(key, { finalizers: [finalizer] })
    await remove(key)
    expect(await merge(key, { spec: { size: 2 } })).toMatchObject({ spec: { size: 2 }, metadata: { generation: 3 } })
    expect(await codeOf(merge(key, { metadata: { finalizers: [finalizer, `${finalizer}-2`] } }))).toBe('ApiRefused')
    expect(await codeOf(create(key))).toBe('ApiAlreadyExists')
    expect(await merge(key, { metadata: { deletionTimestamp: null } })).toMatchObject({
      metadata: { deletionTimestamp: expect.any(String) },
    })
    await merge(key, { metadata: { finalizers: null } })
    expect(await read(key)).toBeNull()
  })

  it('collects what was owned when its last owner is gone', async () => {
    const [one, two, child, grandchild] = [fresh(), fresh(), fresh(), fresh()]
    const owners = [owner(await create(one)), owner(await create(two))]
    const { metadata } = await create(child, { ownerReferences: owners })
    await create(grandchild, { ownerReferences: [{ ...owner({ metadata } as StoredObject), controller: true }] })
    await remove(one)
    const { ownerReferences } = (await eventually('the child', () => read(child))).metadata
    expect(ownerReferences?.map(({ uid }) => uid)).toContain(owners[1]?.uid)
    await remove(two)
    await gone(child)
    await gone(grandchild)
  })

  it('collects what names an owner that is in another namespace, or was never there', async () => {
    const [far, away, orphan] = [{ ...fresh(), namespace: await makeNamespace(subject()) }, fresh(), fresh()]
    await create(away, { ownerReferences: [owner(await create(far))] })
    await gone(away)
    const nobody = { apiVersion: 'suite.millrace.dev/v1', kind: 'Widget', name: 'x', uid: crypto.randomUUID() }
    await create(orphan, { ownerReferences: [nobody] })
    await gone(orphan)
    expect(await read(far)).not.toBeNull()
  })

  it('leaves what was owned when asked to orphan it', async () => {
    const [parent, child] = [fresh(), fresh()]
    await create(child, { ownerReferences: [owner(await create(parent))] })
    await remove(parent, { propagation: 'Orphan' })
    await gone(parent)
    expect((await read(child))?.metadata.ownerReferences ?? []).toEqual([])
  })

  it('waits in the foreground for what blocks the owner', async () => {
    const [parent, child] = [fresh(), fresh()]
    const blocks = owner(await create(parent), { blockOwnerDeletion: true })
    await create(child, { ownerReferences: [blocks], finalizers: [finalizer] })
    await remove(parent, { propagation: 'Foreground' })
    await eventually('the child is being deleted', async () => (await read(child))?.metadata.deletionTimestamp)
    expect((await read(parent))?.metadata).toMatchObject({
      deletionTimestamp: expect.any(String),
      finalizers: ['foregroundDeletion'],
    })
    await merge(child, { metadata: { finalizers: null } })
    await gone(child)
    await gone(parent)
  })

  it('takes along all that is in a namespace, and lets nothing new in meanwhile', async () => {
    const namespace = await makeNamespace(subject())
    const [held, plain] = [
      { namespace, name: 'held' },
      { namespace, name: 'plain' },
    ]
    await create(held, { finalizers: [finalizer] })
    await subject().client.create(kinds.configMap, configMap(plain), signal)
    const here = { namespace: '', name: namespace }
    expect(await subject().client.delete(kinds.namespace, here, signal)).toBe(true)
    const refused = await faultOf(create({ namespace, name: 'late' }))
    expect(refused.code).toBe('ApiForbidden')
    expect(refused.details).toMatchObject({ cause: 'NamespaceTerminating' })
    await eventually('plain is gone', async () => (await subject().client.get(kinds.configMap, plain, signal)) === null)
    await eventually('held is being deleted', async () => (await read(held))?.metadata.deletionTimestamp)
    expect(await subject().client.get(kinds.namespace, here, signal)).not.toBeNull()
    await merge(held, { metadata: { finalizers: null } })
    await eventually(
      'the namespace is gone',
      async () => (await subject().client.get(kinds.namespace, here, signal)) === null,
    )
  })
}
