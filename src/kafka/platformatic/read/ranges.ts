import { Fault } from '../../../core/fault.ts'
import type { TopicPartition } from '../../log.ts'
import type { BrokerLinks } from './broker-links.ts'
import type { Cluster, PartitionLeader } from '../cluster.ts'
import { errorsInside, faultCodeOf, kafkaErrorName, toFault } from '../faults.ts'
import { partitionKey } from './followed.ts'
import type { AnswerTo } from '../versions.ts'

/** The readable offsets of a partition: of the first record, and after the last committed one. */
export interface Range {
  readonly start: bigint
  readonly end: bigint
}

type ListOffsetsResponse = AnswerTo<'listOffsets'>
type Led = TopicPartition & { readonly leader: PartitionLeader }

const EARLIEST = -2n
const LATEST = -1n
const READ_COMMITTED = 1
const NO_REPLICA = -1

/**
 * Ranges of many partitions, one pair of requests a leader. Asks once: what it could not learn it tells as a fault for that partition,
 * after marking the topic's metadata stale when the leader may have moved.
 */
export async function listRanges(
  cluster: Cluster,
  links: BrokerLinks,
  asked: readonly TopicPartition[],
): Promise<ReadonlyMap<string, Range | Fault>> {
  const ranges = new Map<string, Range | Fault>()
  // Kafka refuses a request that names a partition twice.
  const once = [...new Map(asked.map((at) => [partitionKey(at), at])).values()]
  const led = await findLeaders(cluster, once, ranges)
  const byLeader = Map.groupBy(led, (one) => one.leader.nodeId)
  await Promise.all(Array.from(byLeader, ([nodeId, ones]) => askLeader(links, nodeId, ones, ranges)))
  for (const { topic, partition } of once) {
    const range = ranges.get(partitionKey({ topic, partition }))
    if (range instanceof Fault && range.code !== 'NotAuthorized') cluster.markStale(topic)
  }
  return ranges
}

async function findLeaders(
  cluster: Cluster,
  asked: readonly TopicPartition[],
  ranges: Map<string, Range | Fault>,
): Promise<Led[]> {
  const led: Led[] = []
  const find = async (at: TopicPartition): Promise<void> => {
    try {
      const leader = await leaderOf(cluster, at)
      led.push({ ...at, leader })
    } catch (error) {
      ranges.set(partitionKey(at), toFault(error, `looking for the leader of ${partitionKey(at)}`))
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
  ranges: Map<string, Range | Fault>,
): Promise<void> {
  try {
    const connection = await links.to(nodeId)
    const ask = (timestamp: bigint) =>
      settled(connection.calls.listOffsets.async(connection, NO_REPLICA, READ_COMMITTED, request(asked, timestamp)))
    const [starts, ends] = await Promise.all([ask(EARLIEST), ask(LATEST)])
    for (const at of asked) {
      const key = partitionKey(at)
      const [start, end] = [starts.get(key), ends.get(key)]
      if (typeof start === 'bigint' && typeof end === 'bigint') ranges.set(key, { start, end })
      else ranges.set(key, refused(key, typeof start === 'string' ? start : end))
    }
  } catch (error) {
    links.discard(nodeId)
    const fault = toFault(error, `asking broker ${nodeId} for offsets`)
    for (const at of asked) ranges.set(partitionKey(at), fault)
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

function refused(key: string, error: string | bigint | undefined): Fault {
  if (typeof error !== 'string') return new Fault('LogUnavailable', `offsets of ${key}: Kafka did not answer for it`)
  return new Fault(faultCodeOf(error), `offsets of ${key}: Kafka answered ${error}`)
}
