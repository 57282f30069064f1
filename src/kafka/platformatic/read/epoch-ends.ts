import { Fault } from '../../../core/fault.ts'
import type { LeaderEpoch } from '../../log.ts'
import type { Cluster } from '../cluster.ts'
import { errorsInside, kafkaErrorName, refusalOf, toFault } from '../faults.ts'
import type { AnswerTo } from '../versions.ts'
import type { BrokerLinks } from './broker-links.ts'
import { partitionKey } from './followed.ts'
import { findLeaders, listRanges, type Led } from './ranges.ts'

type EpochsResponse = AnswerTo<'offsetForLeaderEpoch'>

const NO_REPLICA = -1
/** So Kafka says that it knows no epoch as late. */
const UNKNOWN = -1

/**
 * Where the log ends that was written up to these epochs (KIP-320), a request a leader. Each partition once. Asks once: what it could not learn
 * it tells as a fault for that partition, after marking the topic's metadata stale when the leader may have moved.
 */
export async function listEpochEnds(
  cluster: Cluster,
  links: BrokerLinks,
  asked: readonly LeaderEpoch[],
): Promise<ReadonlyMap<string, bigint | Fault>> {
  const answers = new Map<string, bigint | Fault>()
  const led = await findLeaders(cluster, asked, answers)
  const byLeader = Map.groupBy(led, ({ leader }) => leader.nodeId)
  const unknown: LeaderEpoch[] = []
  const ask = async ([nodeId, ones]: [number, readonly (LeaderEpoch & Led)[]]) =>
    void unknown.push(...(await askLeader(links, nodeId, ones, answers)))
  await Promise.all(Array.from(byLeader, ask))
  if (unknown.length > 0)
    for (const [key, range] of await listRanges(cluster, links, unknown))
      answers.set(key, range instanceof Fault ? range : range.start)
  for (const at of asked) {
    const answer = answers.get(partitionKey(at))
    if (answer instanceof Fault && answer.code !== 'NotAuthorized') cluster.markStale(at.topic)
  }
  return answers
}

/** @returns those whose epoch it does not know. */
async function askLeader(
  links: BrokerLinks,
  nodeId: number,
  asked: readonly (LeaderEpoch & Led)[],
  answers: Map<string, bigint | Fault>,
): Promise<readonly LeaderEpoch[]> {
  try {
    const response = await links.ask(nodeId, (connection) =>
      errorsInside<EpochsResponse>(connection.calls.offsetForLeaderEpoch.async(connection, NO_REPLICA, request(asked))),
    )
    const told = new Map(
      response.topics.flatMap(({ topic, partitions }) =>
        partitions.map((one) => [partitionKey({ topic, partition: one.partition }), one] as const),
      ),
    )
    return asked.filter((at) => {
      const key = partitionKey(at)
      const { errorCode, leaderEpoch, endOffset } = told.get(key) ?? {
        errorCode: UNKNOWN,
        leaderEpoch: 0,
        endOffset: 0n,
      }
      if (errorCode === 0 && leaderEpoch === UNKNOWN) return true
      const what = `epochs of ${key}`
      answers.set(
        key,
        errorCode === 0 ? endOffset : refusalOf(kafkaErrorName(errorCode), 'topic', at.topic, 'Describe', what),
      )
      return false
    })
  } catch (error) {
    const fault = toFault(error, `asking broker ${nodeId} for epochs`)
    for (const at of asked) answers.set(partitionKey(at), fault)
    return []
  }
}

function request(asked: readonly (LeaderEpoch & Led)[]) {
  return Array.from(
    Map.groupBy(asked, (at) => at.topic),
    ([name, ones]) => ({
      name,
      partitions: ones.map(({ partition, leader, leaderEpoch }) => ({
        ...{ partitionIndex: partition, currentLeaderEpoch: leader.epoch, leaderEpoch },
      })),
    }),
  )
}
