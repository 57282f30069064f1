import { expect, it } from 'vitest'
import type { StoredObject } from '../kube/client.ts'
import type { Store, StoreChange } from '../kube/store.ts'
import { ContractVersions } from './contract-versions.ts'

/** A store whose changes the test tells. */
function told(...first: StoredObject[]): Store & { tell(change: StoreChange): void } {
  const listeners: ((change: StoreChange) => void)[] = []
  return {
    synced: true,
    get: () => undefined,
    all: () => first,
    subscribe: (listener) => (listeners.push(listener), () => undefined),
    tell: (change) => listeners.forEach((listener) => listener(change)),
  }
}
const outlet = (resourceVersion: string, generation: number): StoredObject => ({
  apiVersion: 'v',
  kind: 'Outlet',
  metadata: { name: 'o', uid: 'x', resourceVersion, generation },
  spec: { topic: 't', bootstrapServers: 'k' },
})
const set = (object: StoredObject): StoreChange => ({ kind: 'set', object, previous: undefined })

it('what workers must have seen is the spec, not the status', () => {
  const store = told(outlet('5', 1))
  const versions = new ContractVersions(store)
  expect(versions.specVersion('o')).toBe('5')
  store.tell(set(outlet('8', 1)))
  expect(versions.specVersion('o')).toBe('5')
  store.tell(set(outlet('9', 2)))
  expect(versions.specVersion('o')).toBe('9')
})

it('a deletion has the version that the watch told', () => {
  const store = told(outlet('5', 1))
  const versions = new ContractVersions(store)
  store.tell({ kind: 'gone', object: outlet('7', 1) })
  expect(versions.specVersion('o')).toBeUndefined()
  expect(versions.deletion('o')).toEqual({ version: '7', topic: 't', cluster: { bootstrapServers: 'k' } })
  expect(versions.deletionsOn('t')).toHaveLength(1)
  store.tell(set(outlet('9', 1)))
  expect(versions.deletion('o')).toBeUndefined()
})

it('a deletion found out by a new list has a version that nobody knows', () => {
  const store = told(outlet('5', 1))
  const versions = new ContractVersions(store)
  store.tell(set(outlet('6', 1)))
  store.tell({ kind: 'gone', object: outlet('6', 1) })
  expect(versions.deletion('o')).toMatchObject({ version: undefined })
  versions.forget('o')
  expect(versions.deletion('o')).toBeUndefined()
})
