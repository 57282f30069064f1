import { expect, it } from 'vitest'
import type { StoredObject } from '../../kube/client.ts'
import type { Store } from '../../kube/store.ts'
import { credentialsNamed } from './named.ts'

const storeOf = (synced: boolean, ...contents: object[]): Store => ({
  synced,
  get: () => undefined,
  all: () => contents.map((content) => ({ metadata: { name: 'n' }, ...content }) as unknown as StoredObject),
  subscribe: () => () => undefined,
})
const at = (credential: string) => ({ bootstrapServers: 'k:1', credential })
const told = (credential: string) => ({
  status: { annotations: { 'bootstrap.servers': 'k:1', 'auth.credential': credential } },
})
const stores = {
  inlets: storeOf(true, { spec: at('inlet') }, { spec: { bootstrapServers: 'k:1' } }),
  outlets: storeOf(true, { spec: at('outlet') }),
  brokers: storeOf(true, told('broker'), {}),
  triggers: storeOf(true, told('trigger')),
  kafkaSources: storeOf(true, told('source')),
}
const kafka = { clusters: () => [at('open'), { bootstrapServers: 'k:1' }] }

it('whoever works with a credential, or will clean up with it, keeps it', () => {
  expect(credentialsNamed(stores, kafka)).toEqual(['inlet', 'outlet', 'broker', 'trigger', 'source', 'open'])
})

it('nothing is known before all caches are filled', () => {
  for (const name of Object.keys(stores))
    expect(credentialsNamed({ ...stores, [name]: storeOf(false) }, kafka)).toBeNull()
})
