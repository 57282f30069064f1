import { Fault } from '../../../core/fault.ts'
import type { TopicPartition } from '../../log.ts'
import type { BrokerLinks } from './broker-links.ts'
import type { Cluster } from '../cluster.ts'
import type { PartitionLeader } from '../topic-metadata.ts'
import { errorsInside, kafkaErrorName, refusalOf, toFault } from '../faults.ts'
import { partitionKey } from './followed.ts'
import type { AnswerTo } from '../versions.ts'

/** The readable offsets of a partition: of the first record, and after the last committed one. */
export interface Range {
  readonly start: bigint
  readonly end: bigint
}

/** A partition's answers to the times asked for; `undefined`: there is no such record. */
type Offsets = readonly (bigint | undefined)[]

type ListOffsetsResponse = AnswerTo<'listOffsets'>
export type Led = TopicPartition & { readonly leader: PartitionLeader }

const EARLIEST = -2n
const LATEST = -1n
const READ_COMMITTED = 1
const NO_REPLICA = -1
/** So Kafka says that no record is as late as that. */
const NONE = -1n

/** Ranges of many partitions, as {@link listOffsets}. */
export async function listRanges(
  cluster: Cluster,
  links: BrokerLinks,
  asked: readonly TopicPartition[],
): Promise<ReadonlyMap<string, Range | Fault>> {
  const answers = await listOffsets(cluster, links, asked, [EARLIEST, LATEST])
  return mapAnswers(answers, ([start, end]) => ({ start: start ?? 0n, end: end ?? 0n }))
}

/** The offsets of the first records of a time or later, milliseconds since 1970; the end where there is none. As {@link listOffsets}. */
export async function listOffsetsAt(
  cluster: Cluster,
  links: BrokerLinks,
  asked: readonly TopicPartition[],
  timestampMs: number,
): Promise<ReadonlyMap<string, bigint | Fault>> {
  // what is below zero means something else to Kafka
  const time = BigInt(Math.max(0, Math.ceil(timestampMs)))
  const answers = await listOffsets(cluster, links, asked, [time, LATEST])
  return mapAnswers(answers, ([first, end]) => first ?? end ?? 0n)
}

function mapAnswers<T>(
  answers: ReadonlyMap<string, Offsets | Fault>,
  meaning: (offsets: Offsets) => T,
): ReadonlyMap<string, T | Fault> {
  return new Map(Array.from(answers, ([key, one]) => [key, one instanceof Fault ? one : meaning(one)]))
}

/**
 * Offsets of many partitions, a request a time and leader. Asks once: what it could not learn it tells as a fault for that partition,
 * after marking the topic's metadata stale when the leader may have moved.
 */
async function listOffsets(
  cluster: Cluster,
  links: BrokerLinks,
  asked: readonly TopicPartition[],
  times: readonly bigint[],
): Promise<ReadonlyMap<string, Offsets | Fault>> {
  const answers = new Map<string, Offsets | Fault>()
  // Kafka refuses a request that names a partition twice.
  const once = [...new Map(asked.map((at) => [partitionKey(at), at])).values()]
  const led = await findLeaders(cluster, once, answers)
  const byLeader = Map.groupBy(led, (one) => one.leader.nodeId)
  await Promise.all(Array.from(byLeader, ([nodeId, ones]) => askLeader(links, nodeId, ones, times, answers)))
  for (const { topic, partition } of once) {
    const answer = answers.get(partitionKey({ topic, partition }))
    if (answer instanceof Fault && answer.code !== 'NotAuthorized') cluster.markStale(topic)
  }
  return answers
}

export async function findLeaders<At extends TopicPartition>(
  cluster: Cluster,
  asked: readonly At[],
  answers: Map<string, unknown>,
): Promise<(At & Led)[]> {
  const led: (At & Led)[] = []
  const find = async (at: At): Promise<void> => {
    try {
      const leader = await leaderOf(cluster, at)
      led.push({ ...at, leader })
    } catch (error) {
      answers.set(partitionKey(at), toFault(error, `looking for the leader of ${partitionKey(at)}`))
    }
  }
  await Promise.all(asked.map(find))
  return led
}

/** @throws Fault TopicNotFound, LogUnavailable (also when nobody leads it now), NotAuthorized, Closed. */
export async function leaderOf(cluster: Cluster, at: TopicPartition): Promise<PartitionLeader> {
  const topic = await cluster.topic(at.topic)
  if (topic === null) throw new Fault('TopicNotFound', `topic ${at.topic} does not exist`)
  const leader = topic.partitions[at.partition]
  if (leader === undefined) throw new Fault('TopicNotFound', `topic ${at.topic} has no partition ${at.partition}`)
  if (leader.nodeId === -1) {
    cluster.markStale(at.topic)
    throw new Fault('LogUnavailable', `partition ${partitionKey(at)} has no leader now`)
  }
  return leader
}

async function askLeader(
  links: BrokerLinks,
  nodeId: number,
  asked: readonly Led[],
  times: readonly bigint[],
  answers: Map<string, Offsets | Fault>,
): Promise<void> {
  try {
    const connection = await links.to(nodeId)
    const ask = (timestamp: bigint) =>
      settled(connection.calls.listOffsets.async(connection, NO_REPLICA, READ_COMMITTED, request(asked, timestamp)))
    const told = await Promise.all(times.map(ask))
    for (const at of asked) {
      const key = partitionKey(at)
      const offsets = told.map((one) => one.get(key))
      const bad = offsets.findIndex((offset) => typeof offset !== 'bigint')
      if (bad >= 0) answers.set(key, refused(at, offsets[bad]))
      else
        answers.set(
          key,
          (offsets as bigint[]).map((offset) => (offset === NONE ? undefined : offset)),
        )
    }
  } catch (error) {
    links.discard(nodeId)
    const fault = toFault(error, `asking broker ${nodeId} for offsets`)
    for (const at of asked) answers.set(partitionKey(at), fault)
  }
}

function request(asked: readonly Led[], timestamp: bigint) {
  return Array.from(
    Map.groupBy(asked, (at) => at.topic),
    ([name, ones]) => ({
      name,
      partitions: ones.map((at) => ({ partitionIndex: at.partition, currentLeaderEpoch: at.leader.epoch, timestamp })),
    }),
  )
}

/** Offsets by partition, or the name of the error. */
async function settled(call: Promise<ListOffsetsResponse>): Promise<ReadonlyMap<string, bigint | string>> {
  const response = await errorsInside(call)
  const answers = new Map<string, bigint | string>()
  for (const { name, partitions } of response.topics) {
    for (const { partitionIndex, errorCode, offset } of partitions) {
      const key = partitionKey({ topic: name, partition: partitionIndex })
      answers.set(key, errorCode === 0 ? offset : kafkaErrorName(errorCode))
    }
  }
  return answers
}

function refused(at: TopicPartition, error: string | bigint | undefined): Fault {
  const key = partitionKey(at)
  if (typeof error !== 'string') return new Fault('LogUnavailable', `offsets of ${key}: Kafka did not answer for it`)
  return refusalOf(error, 'topic', at.topic, 'Describe', `offsets of ${key}`)
}
