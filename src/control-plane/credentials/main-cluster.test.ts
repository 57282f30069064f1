import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { systemClock as clock } from '../../core/clock.ts'
import type { KubeClient } from '../../kube/client.ts'
import { startInformer, type Informer } from '../../kube/informer.ts'
import { kinds } from '../../kube/kinds.ts'
import { MemoryApi } from '../../kube/memory.ts'
import { createLogger } from '../../telemetry/logger.ts'
import { KeptCredentials } from './kept-credentials.ts'
import { FollowedMainCluster } from './main-cluster.ts'

const logger = createLogger('silent')
let stop: AbortController
let client: KubeClient
let configMaps: Informer
let main: FollowedMainCluster

beforeEach(async () => {
  stop = new AbortController()
  client = new MemoryApi().client()
  const parts = { client, clock, logger, signal: stop.signal }
  configMaps = startInformer({ ...parts, resource: kinds.configMap })
  const store = startInformer({ ...parts, resource: kinds.secret, selection: { namespace: 'kept' } })
  const credentials = new KeptCredentials({
    ...{ ...parts, system: 'system', namespace: 'kept', store, changed: () => main.look(), named: () => [] },
  })
  main = new FollowedMainCluster({ configMaps, credentials, system: 'system', logger, signal: stop.signal })
  await Promise.all([configMaps.ready(), store.ready()])
})
afterEach(() => stop.abort())

async function configure(data: object): Promise<void> {
  const metadata = { namespace: 'system', name: 'kafka-broker-config' }
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data }
  await client.delete(kinds.configMap, metadata, stop.signal)
  await client.create(kinds.configMap, object, stop.signal)
}

test('it is what the ConfigMap says, and changes with it', async () => {
  main.look()
  await main.ready()
  expect(main.current()).toBeUndefined()
  let told = 0
  main.subscribe(() => (told += 1))
  await configure({ 'bootstrap.servers': 'a:1' })
  await vi.waitFor(() => expect(main.current()).toEqual({ bootstrapServers: 'a:1' }))
  await configure({ 'bootstrap.servers': 'nonsense' })
  await vi.waitFor(() => expect(main.current()).toBeUndefined())
  expect(told).toBeGreaterThanOrEqual(2)
})

test('the name of its credential is known before the Secret is there, and goes when nobody signs in', async () => {
  await configure({ 'bootstrap.servers': 'a:1', 'auth.secret.ref.name': 's' })
  await main.ready()
  const before = main.current()
  expect(before).toEqual({ bootstrapServers: 'a:1', credential: expect.stringMatching(/^kafka-/) as string })
  const secret = (protocol: string) => {
    const values = { protocol, user: 'ann', password: 'p' }
    const data = Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')])
    return {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace: 'system', name: 's' },
      data: Object.fromEntries(data),
    }
  }
  await client.create(kinds.secret, secret('SASL_PLAINTEXT'), stop.signal)
  await vi.waitFor(
    async () => {
      const { items } = await client.list(kinds.secret, { namespace: 'kept' }, stop.signal)
      expect(items.map(({ metadata }) => metadata.name)).toEqual([before?.credential])
    },
    { timeout: 10_000 },
  )
  expect(main.current()).toEqual(before)
  await client.delete(kinds.secret, { namespace: 'system', name: 's' }, stop.signal)
  await client.create(kinds.secret, secret('PLAINTEXT'), stop.signal)
  await configure({ 'bootstrap.servers': 'a:1', 'auth.secret.ref.name': 's' })
  await vi.waitFor(() => expect(main.current()).toEqual({ bootstrapServers: 'a:1' }), { timeout: 10_000 })
})

test('whoever waits for it is not left waiting at the end', async () => {
  const waiting = main.ready()
  stop.abort()
  await expect(waiting).rejects.toMatchObject({ code: 'Closed' })
})
