import { afterEach, expect, test } from 'vitest'
import type { OutletReport } from '../../contract/route-source.ts'
import { systemClock as clock } from '../../core/clock.ts'
import { apiVersionOf } from '../../kube/client.ts'
import { kinds } from '../../kube/kinds.ts'
import { MemoryApi } from '../../kube/memory.ts'
import { kubeRoutes } from '../../kube/routes.ts'
import { createLogger } from '../../telemetry/logger.ts'
import { withOwnShare } from './outlet-status.ts'
import { OutletStatusWriter } from './outlet-status-writer.ts'
import type { Standing } from './progress-due.ts'
import { Turns } from './turns.ts'

const namespace = 'system'
const logger = createLogger('silent')
const { signal } = new AbortController()
const cleanups: (() => void)[] = []
afterEach(() => cleanups.splice(0).forEach((cleanup) => cleanup()))

const spec = {
  source: { kind: 'Trigger', namespace: 'shop', name: 'orders' },
  ...{ topic: 'topic', bootstrapServers: 'kafka:9092', group: 'group', start: 'latest', filter: { attributes: {} } },
  ...{ subscriber: { url: 'http://subscriber/' }, order: 'unordered' },
  delivery: { retry: 0, backoffPolicy: 'linear', backoffDelayMs: 5, timeoutMs: 5000 },
  parking: { topic: 'parked', partitions: 1, replicationFactor: 1 },
}
const allStarted = { topicId: 't1', partitions: 3 }
const consuming: OutletReport = { uid: 'a', generation: 1, state: 'consuming', fault: null, allStarted }
const status = { observedGeneration: 1, state: 'consuming', topicId: 't1', partitions: 3, shares: {} }
const parked = (count: number) => ({ reason: 'DeliveryFailed', message: `${count} events` }) as const

async function rig(uids: readonly string[] = ['a'], progressOf = (_uid: string): Standing | undefined => undefined) {
  const api = new MemoryApi()
  const client = api.client()
  for (const name of uids) {
    const metadata = { namespace, name }
    await client.create(
      kinds.outlet,
      { apiVersion: apiVersionOf(kinds.outlet), kind: 'Outlet', metadata, spec },
      signal,
    )
  }
  const ended = new AbortController()
  cleanups.push(() => ended.abort())
  const keepStatus = (stored: unknown): unknown => withOwnShare(stored, 'd-0')
  const routes = kubeRoutes({ client, namespace, watch: 'outlets', keepStatus, clock, logger, signal: ended.signal })
  await routes.ready()
  const writes: string[] = []
  const counting = {
    ...client,
    patch: ((...args) => (writes.push(args[1].name), client.patch(...args))) as typeof client.patch,
  }
  const at = { ours: true }
  const speaksFor = () => at.ours
  const writer = new OutletStatusWriter({
    client: counting,
    namespace,
    instance: 'd-0',
    routes,
    speaksFor,
    progressOf,
    logger,
    signal: ended.signal,
  })
  const statusOf = async (name = 'a') => (await client.get(kinds.outlet, { namespace, name }, signal))?.['status']
  const shows = (wanted: object, name = 'a') => expect.poll(() => statusOf(name), { timeout: 8_000 }).toEqual(wanted)
  return { api, client, writer, writes, at, shows, statusOf, end: () => ended.abort() }
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 100))

test('it is written once, however often it is looked at, by who speaks for it', async () => {
  const { writer, writes, shows, at } = await rig()
  at.ours = false
  writer.report(consuming)
  await settled()
  expect(writes).toEqual([])
  at.ours = true
  writer.look('a')
  await shows(status)
  writer.look('a')
  writer.report({ ...consuming })
  await settled()
  expect(writes).toEqual(['a'])
})

test('a new owner of the lowest partition that sees the same writes nothing', async () => {
  const first = await rig()
  first.writer.report(consuming)
  await first.shows(status)
  await settled()
  const { routes, writes } = await second(first)
  await settled()
  expect(writes).toEqual([])
  expect(routes.objects.get({ namespace, name: 'a' })?.['status']).toEqual(status)
})

test('a fault comes and goes at once; where only its words change they are written once a second', async () => {
  const { writer, writes, shows } = await rig(['a', 'b'])
  writer.report({ ...consuming, fault: parked(1) })
  await shows({ ...status, fault: parked(1) })
  for (let n = 2; n <= 20; n++) writer.report({ ...consuming, fault: parked(n) })
  await settled()
  expect(writes).toEqual(['a'])
  await shows({ ...status, fault: parked(20) })
  expect(writes).toEqual(['a', 'a'])
  writer.report(consuming)
  await shows(status)
})

test('what someone else writes is set right; an Outlet that has gone is left alone', async () => {
  const { client, writer, writes, shows } = await rig()
  writer.report(consuming)
  await shows(status)
  const body = { status: { observedGeneration: 0, state: 'starting' } }
  const patch = { kind: 'merge', body } as const
  await client.patch(kinds.outlet, { namespace, name: 'a' }, patch, signal, { subresource: 'status' })
  await shows(status)
  await client.delete(kinds.outlet, { namespace, name: 'a' }, signal)
  const before = writes.length
  writer.report({ ...consuming, fault: parked(1) })
  await settled()
  expect(writes.length - before).toBeLessThanOrEqual(1)
})

test('while the API server is away it goes on trying, for all of them', async () => {
  const uids = Array.from({ length: 30 }, (_, i) => `o${i}`)
  const { api, writer, shows } = await rig(uids)
  api.away = true
  for (const uid of uids) writer.report({ ...consuming, uid })
  await settled()
  api.away = false
  for (const uid of uids) await shows(status, uid)
})

test('who does not speak for an Outlet writes its own share beside that of others, and nothing else', async () => {
  const share = { lastDelivery: '2026-01-01T00:00:00Z', undelivered: { parked: 3 } }
  const { client, writer, writes, at, shows } = await rig(['a'], () => ({ lag: 7, share }))
  at.ours = false
  const other = { ...status, progress: { lag: 9 }, news: 'of a later version', shares: { 'd-1': { rate: 4.2 } } }
  const body = [{ op: 'add', path: '/status', value: other }]
  const key = { namespace, name: 'a' }
  await client.patch(kinds.outlet, key, { kind: 'json', body }, signal, { subresource: 'status' })
  writer.report({ ...consuming, fault: parked(1) })
  writer.later('a')
  await shows({ ...other, shares: { ...other.shares, 'd-0': share } })
  at.ours = true
  writer.look('a')
  await shows({ ...other, fault: parked(1), progress: { lag: 7 }, shares: { ...other.shares, 'd-0': share } })
  expect(writes).toEqual(['a', 'a'])
})

test('of an Outlet of which nobody has said anything nothing is shared', async () => {
  const { writer, writes, at } = await rig(['a'], () => ({ lag: 0, share: { rate: 1 } }))
  at.ours = false
  writer.later('a', true)
  await new Promise((resolve) => setTimeout(resolve, 1_300))
  expect(writes).toEqual([])
})

test('those whose events nobody took go first, and others have their turn all the same', () => {
  const turns = new Turns()
  for (const uid of ['a', 'b', 'c']) turns.add(uid)
  turns.add('c', true)
  turns.add('x', true)
  const taken: (string | undefined)[] = []
  for (let turn = 0; turn < 8; turn++) {
    const uid = turns.next()
    // it fails on and on
    if (uid === 'x') turns.add('x', true)
    taken.push(uid)
  }
  expect(taken).toEqual(['c', 'a', 'x', 'b', 'x', 'x', 'x', 'x'])
})

test('why an Outlet does not deliver is told before the figures of all others', async () => {
  const others = Array.from({ length: 20 }, (_, i) => `o${i}`)
  const state = { lag: 0 }
  const { writer, writes, shows } = await rig(['a', ...others], (uid) =>
    uid === 'a' ? undefined : { lag: state.lag, share: {} },
  )
  writer.report({ ...consuming, fault: parked(1) })
  for (const uid of others) writer.report({ ...consuming, uid })
  for (const uid of others) await shows({ ...status, progress: { lag: 0 } }, uid)
  await shows({ ...status, fault: parked(1) })
  const before = writes.length
  state.lag = 5
  for (const uid of others) writer.later(uid)
  writer.report({ ...consuming, fault: parked(2) })
  await expect.poll(() => writes.slice(before), { timeout: 60_000 }).toContain('a')
  expect(writes.slice(before).length).toBeLessThan(10)
})

async function second({ api }: { api: MemoryApi }) {
  const ended = new AbortController()
  cleanups.push(() => ended.abort())
  const client = api.client()
  const routes = kubeRoutes({ client, namespace, watch: 'outlets', clock, logger, signal: ended.signal })
  await routes.ready()
  const writes: string[] = []
  const counting = {
    ...client,
    patch: ((...args) => (writes.push(args[1].name), client.patch(...args))) as typeof client.patch,
  }
  const speaksFor = () => true
  const writer = new OutletStatusWriter({
    client: counting,
    namespace,
    instance: 'd-0',
    routes,
    speaksFor,
    logger,
    signal: ended.signal,
  })
  writer.report({ uid: 'a', generation: 1, state: 'starting', fault: null })
  writer.report(consuming)
  return { routes, writes }
}
