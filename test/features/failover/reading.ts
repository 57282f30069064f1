import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { systemClock } from '../../../src/core/clock.ts'
import { Fault } from '../../../src/core/fault.ts'
import type { TopicPartition } from '../../../src/kafka/log.ts'
import { createAppender } from '../../../src/kafka/platformatic/append/append.ts'
import { Cluster } from '../../../src/kafka/platformatic/cluster.ts'
import { fetch, type FetchedPartition } from '../../../src/kafka/platformatic/read/fetch-wire.ts'
import { createReader } from '../../../src/kafka/platformatic/read/reader.ts'
import { createLogger } from '../../../src/telemetry/logger.ts'
import { eventually } from '../../support/eventually.ts'
import { foreignClient } from '../../support/foreign.ts'
import type { RunningKafka } from '../../support/kafka-process.ts'
import { uniqueTopic } from '../../support/kafka.ts'

const PARTITIONS = [0, 1, 2]
const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`

/** Follows partitions and remembers offsets, when they came, and what state was told last. */
class Diary {
  readonly offsets = new Map<string, bigint[]>()
  readonly times = new Map<string, number[]>()
  readonly states = new Map<string, Error | null>()
  readonly moves: string[] = []

  batch(batch: TopicPartition & { records: readonly { offset: bigint }[] }): boolean {
    const [offsets, times] = [this.offsets.get(keyOf(batch)) ?? [], this.times.get(keyOf(batch)) ?? []]
    this.offsets.set(keyOf(batch), [...offsets, ...batch.records.map(({ offset }) => offset)])
    this.times.set(keyOf(batch), [...times, performance.now()])
    return true
  }
  moved(at: TopicPartition): void {
    this.moves.push(keyOf(at))
  }
  state(at: TopicPartition, fault: Error | null): void {
    this.states.set(keyOf(at), fault)
  }
  /** The longest silence of a partition between two moments. */
  longestGap(key: string, from: number, to: number): number {
    const inside = (this.times.get(key) ?? []).filter((time) => time > from && time < to)
    const moments = [from, ...inside, to]
    return Math.max(...moments.slice(1).map((moment, i) => moment - moments[i]!))
  }
}

/** Asks the present leader as one who read up to `offset` from the first leader alone: where did the log part from what it read? */
async function askWithOldEpoch(
  cluster: Cluster,
  at: TopicPartition,
  offset: bigint,
): Promise<FetchedPartition['diverging']> {
  const metadata = await cluster.topic(at.topic, { refresh: true })
  const leader = metadata!.partitions[at.partition]!
  const connection = await cluster.connect(leader.nodeId)
  const target = {
    topicId: metadata!.id,
    partition: at.partition,
    offset,
    leaderEpoch: leader.epoch,
    lastFetchedEpoch: 0,
  }
  const limits = { maxWaitMs: 0, maxBytes: 1_000, partitionMaxBytes: 1_000 }
  const answer = await fetch(connection, {
    ...limits,
    sessionId: 0,
    sessionEpoch: -1,
    targets: [target],
    forgotten: [],
  })
  await connection.close()
  return answer.partitions[0]?.diverging ?? null
}

/** @param current a Kafka of three brokers, all up; they are up in the end. */
export function readingPromises(current: () => RunningKafka): void {
  it('when a leader is killed its partitions are read on at the next one, none of the others waits, nothing is lost or doubled', async () => {
    const kafka = current()
    const common = { clientId: 'failover', clock: systemClock, logger: createLogger('silent') }
    const cluster = new Cluster({ ...common, bootstrapServers: kafka.bootstrap })
    await using foreign = await foreignClient(kafka.bootstrap)
    // Three replicas: leaders move. One replica: what does not stand on the dead broker goes on, the rest waits for it.
    const [safe, single] = [uniqueTopic(), uniqueTopic()]
    const assigned = (replicas: (partition: number) => number[]) =>
      PARTITIONS.map((partition) => ({ partition, replicas: replicas(partition) }))
    await foreign.admin.createTopics({
      waitForLeaders: true,
      topics: [
        { topic: safe, replicaAssignment: assigned((p) => [p + 1, ((p + 1) % 3) + 1, ((p + 2) % 3) + 1]) },
        // An older Kafka lets nobody write to one replica while its brokers say that two must be in sync.
        {
          topic: single,
          replicaAssignment: assigned((p) => [p + 1]),
          configEntries: [{ name: 'min.insync.replicas', value: '1' }],
        },
      ],
    })
    const all = [safe, single].flatMap((topic) => PARTITIONS.map((partition) => ({ topic, partition })))
    const diary = new Diary()
    const reader = createReader(cluster, { ...common, requestTimeoutMs: 3_000 })
    const tail = reader.tail(diary)
    for (const at of all) tail.add(at, 0n)

    // One appender a topic: what waits for three replicas must not hold up what has one, at the same leader.
    const appenders = new Map(
      [safe, single].map((topic) => [topic, createAppender(cluster, { ...common, deadlineMs: 40_000 })]),
    )
    const stored = new Map<string, bigint[]>(all.map((at) => [keyOf(at), []]))
    const writing = new AbortController()
    const write = async (at: TopicPartition): Promise<void> => {
      while (!writing.signal.aborted) {
        const record = { ...at, key: null, value: Buffer.from('x'), headers: [] }
        // Not acknowledged: stored or not, nobody knows. What was acknowledged must be read.
        const appended = await appenders
          .get(at.topic)
          ?.append(record)
          .catch(() => undefined)
        if (appended !== undefined) stored.get(keyOf(at))?.push(appended.offset)
        await sleep(20)
      }
    }
    const writers = all.map(write)
    await eventually('all are read', () => all.every((at) => (diary.offsets.get(keyOf(at))?.length ?? 0) > 20))

    const killed = performance.now()
    await kafka.stopBroker(2, 'kill')
    const before = diary.offsets.get(`${safe}/1`)?.length ?? 0
    await eventually('the moved partition is read on', () => diary.offsets.get(`${safe}/1`)!.length > before + 20, {
      withinMs: 60_000,
    })
    const moved = performance.now()
    // The others never noticed: none was silent for as long as it took to move.
    for (const partition of [0, 2])
      expect(diary.longestGap(`${single}/${partition}`, killed, moved)).toBeLessThan(
        Math.max(1_500, (moved - killed) * (2 / 3)),
      )
    await eventually('of the one that waits that is told', () => diary.states.get(`${single}/1`) instanceof Fault)
    expect(diary.states.get(`${safe}/1`)).toBeNull()

    await kafka.startBrokers()
    await eventually('the waiting partition is read again', () => diary.states.get(`${single}/1`) === null, {
      withinMs: 60_000,
    })
    writing.abort()
    await Promise.all(writers)
    await eventually('all that was stored is read', () =>
      all.every((at) => diary.offsets.get(keyOf(at))!.at(-1)! >= stored.get(keyOf(at))!.at(-1)!),
    )
    for (const at of all) {
      const read = diary.offsets.get(keyOf(at)) ?? []
      expect(read, keyOf(at)).toEqual(Array.from(read, (_, i) => BigInt(i)))
      const seen = new Set(read)
      expect(stored.get(keyOf(at))!.filter((offset) => !seen.has(offset))).toEqual([])
    }
    expect(diary.moves).toEqual([])
    const parted = await askWithOldEpoch(
      cluster,
      { topic: safe, partition: 1 },
      diary.offsets.get(`${safe}/1`)!.at(-1)! + 1n,
    )
    expect(parted?.epoch).toBe(0)
    expect(parted?.endOffset).toBeLessThanOrEqual(BigInt(diary.offsets.get(`${safe}/1`)!.length))
    for (const appender of appenders.values()) await appender.close(1_000)
    await reader.close()
    await cluster.close()
  }, 240_000)
}
