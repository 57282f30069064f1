import { Connection, createTopicsV7, produceV9 } from '@platformatic/kafka'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/core/clock.ts'
import { createAppender, type KafkaAppender } from '../../../src/kafka/platformatic/append/append.ts'
import { createLogger } from '../../../src/telemetry/logger.ts'
import { eventually } from '../../support/eventually.ts'
import type { RunningKafka } from '../../support/kafka-process.ts'
import { CuttableCluster } from '../../support/kafka-proxy.ts'
import { witness } from '../../support/kafka-witness.ts'
import { untilServed } from '../../support/topics.ts'

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

/**
 * The control: partitions that broker 1, which is killed, has nothing to do with, written meanwhile over connections to their leaders that know
 * nothing of what happens, nor of a leader that seems to hang. What these wait for is Kafka's own failover and the machine; ours may not wait longer.
 */
const control = 'control'
const controlReplicas = [
  [2, 3],
  [3, 2],
] as const

/** What a busy machine may take, milliseconds; whoever waits for the broken leader waits for seconds. */
const calm = 1_000

/** One writer a partition: a number every few milliseconds, whether or not the earlier ones are answered. */
class Writer {
  readonly #append: (value: string) => Promise<unknown>
  readonly #everyMs: number
  readonly #answers: Promise<unknown>[] = []
  /** When it was handed over and how long its answer took, milliseconds. */
  readonly latencies: { readonly at: number; readonly ms: number }[] = []
  readonly errors: unknown[] = []
  #stopped = false
  #running: Promise<void> | null = null

  constructor(append: (value: string) => Promise<unknown>, everyMs: number) {
    this.#append = append
    this.#everyMs = everyMs
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
      this.#answers.push(
        this.#append(String(this.#answers.length)).then(
          () => void this.latencies.push({ at, ms: performance.now() - at }),
          (error: unknown) => void this.errors.push(error),
        ),
      )
      await sleep(this.#everyMs)
    }
  }
}

/** @param current a Kafka of three brokers, all up; one of them is down in the end. */
export function appendingPromises(current: () => RunningKafka): void {
  let cluster: CuttableCluster
  let appender: KafkaAppender
  const lines = controlReplicas.map(() => new Connection('control'))

  beforeAll(async () => {
    const common = { clientId: 'failover', clock: systemClock, logger: createLogger('silent') }
    cluster = new CuttableCluster({ ...common, bootstrapServers: current().bootstrap })
    appender = createAppender(cluster, { ...common, deadlineMs: 60_000 })
    await Promise.all([createTopic(topic, replicas), createTopic(control, controlReplicas)])
    await untilServed(current().bootstrap, [topic, control])
    await Promise.all(lines.map((line, i) => connect(line, controlReplicas[i]?.[0] ?? 0)))
  }, 90_000)

  function createTopic(name: string, placed: readonly (readonly number[])[]): Promise<unknown> {
    const assignments = placed.map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds: [...brokerIds] }))
    const configs = [{ name: 'min.insync.replicas', value: '1' }]
    const wanted = [{ name, numPartitions: -1, replicationFactor: -1, assignments, configs }]
    return cluster.request('creating a topic', (connection) =>
      createTopicsV7.api.async(connection, wanted, 9_000, false),
    )
  }

  afterAll(async () => {
    await Promise.all(lines.map((line) => line.close()))
    await appender?.close(1_000)
    await cluster?.close()
  }, 60_000)

  const writers = replicas.map((_, partition) => new Writer((value) => append(partition, value), 4))
  // seldom enough that no request waits for the one before: a broker takes the requests of a connection one by one
  const controls = controlReplicas.map((_, partition) => new Writer((value) => sendControl(partition, value), 40))
  afterEach(() => Promise.all([...writers, ...controls].map((writer) => writer.stop())))

  function append(partition: number, value: string): Promise<unknown> {
    return appender.append({ topic, partition, key: null, value: Buffer.from(value), headers: [] })
  }

  function sendControl(partition: number, value: string): Promise<unknown> {
    const record = { topic: control, partition, value: Buffer.from(value) }
    return produceV9.api.async(lines[partition] as Connection, -1, 30_000, [record])
  }

  /** Brokers are numbered from 1, in the order of the bootstrap servers. */
  async function connect(line: Connection, broker: number): Promise<void> {
    const [host = '', port] = (current().bootstrap.split(',')[broker - 1] ?? '').split(':')
    await line.connect(host, Number(port))
  }

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
    const seen = await witness(current().bootstrap, topic)
    for (const [partition, writer] of writers.entries()) {
      const wanted = Array.from({ length: writer.sent }, (_, i) => String(i))
      expect(seen.get(partition)?.map(({ value }) => value)).toEqual(wanted)
    }
  }

  describe('a leader that fails delays its own partitions only, and nothing is lost, repeated or reordered', () => {
    it('when it hangs', { timeout: 60_000 }, async () => {
      for (const writer of [...writers, ...controls]) writer.start()
      await catchUp([...writers, ...controls])
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
      for (const writer of [...writers, ...controls]) await writer.stop()

      const during = Math.max(...notLedBy(3).map((writer) => writer.p99(from, to)))
      const others = Math.max(...controls.map((writer) => writer.p99(from, to)))
      console.log(
        `a hung leader: p99 of the other leaders ${before.toFixed(1)} ms before, ${during.toFixed(1)} ms during, over bare connections ${others.toFixed(1)} ms`,
      )
      expect(to - from).toBeGreaterThan(3_000)
      expect(during).toBeLessThan(Math.max(4 * before, 3 * others, calm))
      expect(Math.max(...ledBy(3).map((writer) => writer.p99(from, to)))).toBeGreaterThan(3 * calm)
      await expectEachOnceInOrder()
    })

    it('when it is killed', { timeout: 90_000 }, async () => {
      for (const writer of [...writers, ...controls]) writer.start()
      await catchUp([...writers, ...controls])
      const quiet = performance.now()
      await sleep(1_500)
      const before = Math.max(...notLedBy(1).map((writer) => writer.p99(quiet)))

      const from = performance.now()
      await current().stopBroker(1, 'kill')
      await catchUp(writers)
      const to = performance.now()
      for (const writer of [...writers, ...controls]) await writer.stop()

      const during = Math.max(...notLedBy(1).map((writer) => writer.p99(from, to)))
      const others = Math.max(...controls.map((writer) => writer.p99(from, to)))
      console.log(
        `a killed leader: its partitions took records again after ${Math.round(to - from)} ms; p99 of the other leaders ` +
          `${before.toFixed(1)} ms before, ${during.toFixed(1)} ms meanwhile; over bare connections, on partitions that never were on it: ${others.toFixed(1)} ms`,
      )
      // Whoever waits for the broken leader waits as long as it takes; what the neighbours see is Kafka's own failover.
      expect(during).toBeLessThan(Math.max(3 * others, calm, (to - from) / 2))
      await expectEachOnceInOrder()
      expect(appender.counters.identityResets).toBe(0)
    })
  })
}
