import { afterEach, expect, test } from 'vitest'
import type { RouteChange } from '../contract/route-source.ts'
import type { KafkaCluster } from '../contract/source.ts'
import { systemClock as clock } from '../core/clock.ts'
import { createLogger } from '../telemetry/logger.ts'
import { apiVersionOf } from './client.ts'
import { kinds } from './kinds.ts'
import { MemoryApi } from './memory.ts'
import { kubeRoutes } from './routes.ts'

const namespace = 'system'
const logger = createLogger('silent')
const stop = new AbortController()
const { signal } = stop
afterEach(() => cleanups.splice(0).forEach((cleanup) => cleanup()))
const cleanups: (() => void)[] = []

const spec = {
  source: { kind: 'Trigger', namespace: 'shop', name: 'orders' },
  topic: 'topic',
  bootstrapServers: 'kafka:9092',
  group: 'group',
  start: 'latest',
  filter: { attributes: {} },
  subscriber: { url: 'http://subscriber/' },
  delivery: { retry: 0, backoffPolicy: 'linear', backoffDelayMs: 5, timeoutMs: 5000 },
  parking: { topic: 'parked', partitions: 1, replicationFactor: 1 },
  order: 'unordered',
}

async function rig(kafka?: KafkaCluster) {
  const api = new MemoryApi()
  const client = api.client()
  const ended = new AbortController()
  cleanups.push(() => ended.abort())
  const outlet = (name: string, more: object = {}) =>
    client.apply(
      kinds.outlet,
      {
        apiVersion: apiVersionOf(kinds.outlet),
        kind: 'Outlet',
        metadata: { namespace, name },
        spec: { ...spec, ...more },
      },
      'test',
      signal,
    )
  await outlet('first')
  const options = { client, namespace, watch: 'outlets', clock, logger, signal: ended.signal } as const
  const routes = kubeRoutes({ ...options, kafka })
  const changes: RouteChange<{ uid: string }>[] = []
  routes.outlets.subscribe((change) => changes.push(change))
  expect(routes.loaded).toBe(false)
  await routes.ready()
  const seen = async (version: string) => {
    await expect.poll(() => routes.resourceVersion).toBe(version)
  }
  return { api, client, outlet, routes, changes, seen, end: () => ended.abort() }
}

test('the first list is all there when it is loaded; the name is the UID of the source', async () => {
  const { routes } = await rig()
  expect(routes.loaded).toBe(true)
  expect(routes.outlets.current.get('first')).toEqual({ ...spec, uid: 'first', generation: 1 })
  expect(routes.inlets.current.size).toBe(0)
})

test('what is applied, changed and deleted is told in order; a status that is written changes no route', async () => {
  const { client, outlet, routes, changes, seen } = await rig()
  changes.length = 0
  await outlet('second')
  await outlet('second', { topic: 'other' })
  const status = { observedGeneration: 2, state: 'consuming' }
  const key = { namespace, name: 'second' }
  const patch = { kind: 'merge', body: { status } } as const
  const written = await client.patch(kinds.outlet, key, patch, signal, { subresource: 'status' })
  await seen(written.metadata.resourceVersion)
  expect(routes.objects.get(key)?.['status']).toEqual(status)
  await client.delete(kinds.outlet, key, signal)
  await expect.poll(() => routes.outlets.current.size).toBe(1)
  expect(changes).toEqual([
    { kind: 'set', value: { ...spec, uid: 'second', generation: 1 } },
    { kind: 'set', value: { ...spec, topic: 'other', uid: 'second', generation: 2 } },
    { kind: 'gone', uid: 'second' },
  ])
})

test('one that cannot be read is refused and its last good version stays in force, until it can be read again', async () => {
  const { client, outlet, routes, seen } = await rig()
  const broken = await outlet('first', { order: 'by-magic' })
  const fresh = await outlet('never-good', { filter: { dialect: 'of the future' } })
  await seen(fresh.metadata.resourceVersion)
  expect([...routes.refused].sort()).toEqual(['first', 'never-good'])
  expect(Number(routes.resourceVersion)).toBeGreaterThan(Number(broken.metadata.resourceVersion))
  expect([...routes.outlets.current.values()]).toEqual([{ ...spec, uid: 'first', generation: 1 }])
  const good = await outlet('first', { order: 'ordered' })
  await seen(good.metadata.resourceVersion)
  expect(routes.outlets.current.get('first')?.order).toBe('ordered')
  await client.delete(kinds.outlet, { namespace, name: 'never-good' }, signal)
  await expect.poll(() => routes.refused.size).toBe(0)
})

test('a filter of the version before is read, one with a dialect of a later version is refused and the last good one stays', async () => {
  const { outlet, routes, seen } = await rig()
  const known = [
    { attributes: {} },
    { attributes: { type: 'a', subject: '' } },
    { all: [{ not: { any: [{ prefix: { type: 'a' } }, { cesql: 'EXISTS a' }] } }] },
  ]
  for (const filter of known) {
    await seen((await outlet('first', { filter })).metadata.resourceVersion)
    expect(routes.outlets.current.get('first')?.filter).toEqual(filter)
  }
  const unknown = [
    { regex: { type: 'a' } },
    { all: [{ not: { regex: {} } }] },
    { exact: { a: 'b' }, regex: {} },
    {},
    { cesql: '(' },
  ]
  for (const filter of unknown) {
    await seen((await outlet('first', { filter })).metadata.resourceVersion)
    expect([...routes.refused]).toEqual(['first'])
    expect(routes.outlets.current.get('first')?.filter).toEqual(known.at(-1))
  }
})

test('one that names no Kafka cluster is of the cluster that the process was told; without one it is refused', async () => {
  const { outlet, routes, seen } = await rig({ bootstrapServers: 'default:9092' })
  await seen((await outlet('nowhere', { bootstrapServers: undefined })).metadata.resourceVersion)
  expect(routes.outlets.current.get('nowhere')?.bootstrapServers).toBe('default:9092')
  expect(routes.outlets.current.get('first')?.bootstrapServers).toBe('kafka:9092')
  const other = await rig()
  await other.seen((await other.outlet('nowhere', { bootstrapServers: undefined })).metadata.resourceVersion)
  expect([...other.routes.refused]).toEqual(['nowhere'])
})

test('while the API server is away the routes stay; what it changed meanwhile comes after', async () => {
  const { api, outlet, routes } = await rig()
  api.away = true
  expect(routes.outlets.current.size).toBe(1)
  expect(routes.loaded).toBe(true)
  api.away = false
  await outlet('second')
  await expect.poll(() => routes.outlets.current.size, { timeout: 10_000 }).toBe(2)
})

test('when it is ended before it is loaded whoever waits is told', async () => {
  const api = new MemoryApi()
  api.away = true
  const ended = new AbortController()
  const routes = kubeRoutes({
    ...{ client: api.client(), namespace, watch: 'inlets', clock, logger, signal: ended.signal },
  })
  ended.abort()
  await expect(routes.ready()).rejects.toMatchObject({ code: 'Closed' })
})
