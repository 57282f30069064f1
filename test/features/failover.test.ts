import { createTopicsV7 } from '@platformatic/kafka'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { createAppender, type KafkaAppender } from '../../src/kafka/platformatic/append/append.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { eventually } from '../support/eventually.ts'
import { startKafka, type RunningKafka } from '../support/kafka-process.ts'
import { CuttableCluster } from '../support/kafka-proxy.ts'
import { witness } from '../support/kafka-witness.ts'

/**
 * Three brokers. Partition n of `orders` is led by broker `leaders[n]`; a partition that broker 1 does not lead has no copy on it
 * either: a leader waits for its followers, so a dead follower would hold it up until Kafka takes it out of the in-sync set.
 */
const topic = 'orders'
const replicas = [
  [1, 2],
  [1, 3],
  [2, 3],
  [3, 2],
] as const
const leaders = replicas.map(([leader]) => leader)

/** What a busy machine may take, milliseconds; whoever waits for the broken leader waits for seconds. */
const calm = 1_000

let kafka: RunningKafka
let cluster: CuttableCluster
let appender: KafkaAppender

beforeAll(async () => {
  kafka = await startKafka({ brokers: 3 })
  const common = { clientId: 'failover', clock: systemClock, logger: createLogger('silent') }
  cluster = new CuttableCluster({ ...common, bootstrapServers: kafka.bootstrap })
  appender = createAppender(cluster, { ...common, deadlineMs: 60_000 })
  const assignments = replicas.map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds: [...brokerIds] }))
  const configs = [{ name: 'min.insync.replicas', value: '1' }]
  await cluster.request('creating a topic', (connection) =>
    createTopicsV7.api.async(
      connection,
      [{ name: topic, numPartitions: -1, replicationFactor: -1, assignments, configs }],
      9_000,
      false,
    ),
  )
}, 90_000)

afterAll(async () => {
  await appender?.close(1_000)
  await cluster?.close()
  await kafka?.close()
}, 60_000)

/** One writer a partition: a number every few milliseconds, whether or not the earlier ones are answered. */
class Writer {
  readonly #partition: number
  readonly #answers: Promise<unknown>[] = []
  /** When it was handed over and how long its answer took, milliseconds. */
  readonly latencies: { readonly at: number; readonly ms: number }[] = []
  readonly errors: unknown[] = []
  #stopped = false
  #running: Promise<void> | null = null

  constructor(partition: number) {
    this.#partition = partition
  }

  get sent(): number {
    return this.#answers.length
  }

  start(): void {
    this.#stopped = false
    this.#running = this.#write()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
    await Promise.all(this.#answers)
    expect(this.errors).toEqual([])
  }

  /** Percentile 99 of the records handed over since `from`. */
  p99(from: number, to = Infinity): number {
    const ms = this.latencies.filter(({ at }) => at >= from && at < to).map((one) => one.ms)
    return ms.sort((a, b) => a - b)[Math.floor(ms.length * 0.99)] ?? Infinity
  }

  async #write(): Promise<void> {
    while (!this.#stopped) {
      const at = performance.now()
      const value = Buffer.from(String(this.#answers.length))
      const answer = appender.append({ topic, partition: this.#partition, key: null, value, headers: [] })
      this.#answers.push(
        answer.then(
          () => void this.latencies.push({ at, ms: performance.now() - at }),
          (error: unknown) => void this.errors.push(error),
        ),
      )
      await sleep(4)
    }
  }
}

const writers = replicas.map((_, partition) => new Writer(partition))
afterEach(() => Promise.all(writers.map((writer) => writer.stop())))
const ledBy = (broker: number) => writers.filter((_, partition) => leaders[partition] === broker)
const notLedBy = (broker: number) => writers.filter((_, partition) => leaders[partition] !== broker)
/** The record that was handed over last before now has an answer. */
const catchUp = (all: readonly Writer[]) => {
  const now = performance.now()
  return eventually(
    'every partition takes records again',
    () => all.every((writer) => writer.latencies.some(({ at }) => at > now)),
    { withinMs: 40_000 },
  )
}

async function expectEachOnceInOrder(): Promise<void> {
  const seen = await witness(kafka.bootstrap, topic)
  for (const [partition, writer] of writers.entries()) {
    const wanted = Array.from({ length: writer.sent }, (_, i) => String(i))
    expect(seen.get(partition)?.map(({ value }) => value)).toEqual(wanted)
  }
}

describe('a leader that fails delays its own partitions only, and nothing is lost, repeated or reordered', () => {
  it('when it hangs', { timeout: 60_000 }, async () => {
    for (const writer of writers) writer.start()
    await catchUp(writers)
    const quiet = performance.now()
    await sleep(1_500)
    const before = Math.max(...notLedBy(3).map((writer) => writer.p99(quiet)))

    const from = performance.now()
    const { retries } = appender.counters
    cluster.fate = (nodeId) => (nodeId === 3 ? 'hold' : 'pass')
    await eventually('its connection is given up', () => appender.counters.retries > retries, { withinMs: 20_000 })
    const to = performance.now()
    cluster.fate = () => 'pass'
    await catchUp(writers)
    for (const writer of writers) await writer.stop()

    const during = Math.max(...notLedBy(3).map((writer) => writer.p99(from, to)))
    console.log(
      `a hung leader: p99 of the other leaders ${before.toFixed(1)} ms before, ${during.toFixed(1)} ms during`,
    )
    expect(to - from).toBeGreaterThan(3_000)
    expect(during).toBeLessThan(Math.max(4 * before, calm))
    expect(Math.max(...ledBy(3).map((writer) => writer.p99(from, to)))).toBeGreaterThan(3 * calm)
    await expectEachOnceInOrder()
  })

  it('when it is killed', { timeout: 90_000 }, async () => {
    for (const writer of writers) writer.start()
    await catchUp(writers)
    const quiet = performance.now()
    await sleep(1_500)
    const before = Math.max(...notLedBy(1).map((writer) => writer.p99(quiet)))

    const from = performance.now()
    await kafka.stopBroker(1, 'kill')
    await catchUp(writers)
    const to = performance.now()
    for (const writer of writers) await writer.stop()

    const during = Math.max(...notLedBy(1).map((writer) => writer.p99(from, to)))
    console.log(
      `a killed leader: its partitions took records again after ${Math.round(to - from)} ms; ` +
        `p99 of the other leaders ${before.toFixed(1)} ms before, ${during.toFixed(1)} ms meanwhile`,
    )
    expect(during).toBeLessThan(Math.max(4 * before, calm))
    await expectEachOnceInOrder()
    expect(appender.counters.identityResets).toBe(0)
  })
})
