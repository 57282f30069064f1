import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { LogAdmin } from '../../kafka/log.ts'
import { createLogger } from '../../telemetry/logger.ts'
import type { BrokerTopic } from '../broker/compile.ts'
import { KafkaClusters } from './kafka-clusters.ts'

const topic: BrokerTopic = { external: true, spec: { name: 't', partitions: 1, replicationFactor: 1, config: {} } }
const addresses = Array.from({ length: 200 }, (_, i) => `kafka-${i}:9092`)
const at = (bootstrapServers: string) => ({ bootstrapServers })
let open: Set<string>
let asked: number
let stop: AbortController

beforeEach(() => {
  vi.useFakeTimers()
  open = new Set()
  asked = 0
  stop = new AbortController()
})
afterEach(() => {
  stop.abort()
  vi.useRealTimers()
})

function clusters(admin: Partial<LogAdmin> = {}): KafkaClusters {
  const clusterId = async (): Promise<string> => 'k'
  const describeTopics = async (): Promise<[]> => ((asked += 1), [])
  return new KafkaClusters({
    admins: (cluster) => (open.add(cluster.bootstrapServers), { clusterId, describeTopics, ...admin }) as LogAdmin,
    letGo: (cluster) => open.delete(cluster.bootstrapServers),
    clock: { now: () => Date.now(), monotonic: () => Date.now() },
    logger: createLogger('silent'),
    signal: stop.signal,
    changed: () => undefined,
  })
}

test('addresses that nobody names any more are let go', async () => {
  const kafka = clusters()
  for (const address of addresses) kafka.want('one', at(address), topic, false)
  kafka.want('two', at(addresses[0]!), topic, false)
  await vi.advanceTimersByTimeAsync(59_000)
  expect(open.size).toBe(200)
  await vi.advanceTimersByTimeAsync(2_000)
  expect([...open]).toEqual([addresses[0], addresses[199]])
  kafka.forget('one')
  kafka.forget('two')
  await vi.advanceTimersByTimeAsync(61_000)
  expect(open.size).toBe(0)
  // Nothing goes on in secret, and it can begin anew.
  const before = asked
  await vi.advanceTimersByTimeAsync(60_000)
  expect([asked, vi.getTimerCount()]).toEqual([before, 0])
  kafka.want('one', at(addresses[0]!), topic, false)
  await vi.advanceTimersByTimeAsync(120_000)
  expect([...open]).toEqual([addresses[0]])
})

test('one that is wanted again in time stays as it is', async () => {
  const kafka = clusters()
  const keeper = kafka.want('one', at('k:1'), topic, false)
  kafka.forget('one')
  await vi.advanceTimersByTimeAsync(50_000)
  expect(kafka.want('two', at('k:1'), topic, false)).toBe(keeper)
  await vi.advanceTimersByTimeAsync(120_000)
  expect(open.size).toBe(1)
})

test('one that was only asked to delete something goes too, once it has', async () => {
  const deleted = Promise.withResolvers<void>()
  const kafka = clusters({ deleteTopic: () => deleted.promise })
  const deleting = kafka.keeper(at('k:1')).deleteTopic('t', stop.signal)
  await vi.advanceTimersByTimeAsync(90_000)
  expect(open.size).toBe(1)
  deleted.resolve()
  await deleting
  await vi.advanceTimersByTimeAsync(61_000)
  expect(open.size).toBe(0)
})

test('at the end no timer is left', async () => {
  const kafka = clusters()
  kafka.want('one', at('k:1'), topic, false)
  kafka.forget('one')
  await vi.advanceTimersByTimeAsync(1_000)
  stop.abort()
  await vi.advanceTimersByTimeAsync(0)
  expect(vi.getTimerCount()).toBe(0)
})
