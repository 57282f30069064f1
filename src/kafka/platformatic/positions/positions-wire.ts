import { Fault } from '../../../core/fault.ts'
import type { Position, TopicPartition } from '../../log.ts'
import type { BrokerConnection } from '../broker-connection.ts'
import { notAuthorized } from '../../signing-in/access.ts'
import { errorsInside, faultCodeOf, kafkaErrorName, refusalOf } from '../faults.ts'
import { partitionKey } from '../read/followed.ts'
import type { AnswerTo, Calls } from '../versions.ts'

type FetchAnswer = AnswerTo<'offsetFetch'>
type FetchedGroup = FetchAnswer['groups'][number]
type CommitAnswer = AnswerTo<'offsetCommit'>

/** How a commit without membership says so. */
const NO_GENERATION = -1
const NO_MEMBER = ''
const NO_EPOCH = -1
/** Kafka says "no offset" so. */
const NO_OFFSET = -1n

/** The group has live members: whoever commits without being one is refused so, by classic groups and by those of KIP-848. */
const IN_USE = new Set([
  'UNKNOWN_MEMBER_ID',
  'ILLEGAL_GENERATION',
  'REBALANCE_IN_PROGRESS',
  'FENCED_INSTANCE_ID',
  'FENCED_MEMBER_EPOCH',
  'STALE_MEMBER_EPOCH',
])
/** A broker may hear of a new topic late. */
const UNKNOWN_TOPIC = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'UNKNOWN_TOPIC_ID'])
const UNKNOWN_TOPIC_TRIES = 4

/** Which positions of a group. */
export type Wanted = readonly TopicPartition[] | 'all'

type AskedTopics = Parameters<Calls['offsetFetch']['async']>[1][number]['topics']
/** No list asks for all. */
const everything = null as unknown as AskedTopics

/**
 * OffsetFetch for many groups of one coordinator. A group answers with its positions, or a fault when it must be asked for again.
 * @throws Fault for what waiting does not mend; the client's error when the connection failed.
 */
export async function fetchOffsets(
  connection: BrokerConnection,
  asked: readonly (readonly [string, Wanted])[],
): Promise<ReadonlyMap<string, readonly Position[] | Fault>> {
  const groups = asked.map(([groupId, partitions]) => ({
    groupId,
    memberId: null,
    memberEpoch: NO_EPOCH,
    topics: partitions === 'all' ? everything : topicsOf(partitions),
  }))
  const response = await errorsInside<FetchAnswer>(connection.calls.offsetFetch.async(connection, groups, false))
  return new Map(response.groups.map((group) => [group.groupId, positionsOf(group)]))
}

function topicsOf(partitions: readonly TopicPartition[]): AskedTopics {
  return byTopic(partitions, (at) => at.partition).map(({ name, ones }) => ({ name, partitionIndexes: ones }))
}

function positionsOf(group: FetchedGroup): readonly Position[] | Fault {
  const positions: Position[] = []
  const groupError = kafkaErrorName(group.errorCode)
  if (group.errorCode !== 0 && groupError !== 'GROUP_ID_NOT_FOUND')
    return transient(group.groupId, groupError, 'group', group.groupId)
  for (const { name: topic, partitions } of group.topics) {
    for (const { partitionIndex, committedOffset, committedLeaderEpoch, metadata, errorCode } of partitions) {
      const error = kafkaErrorName(errorCode)
      if (errorCode !== 0 && !UNKNOWN_TOPIC.has(error)) return transient(group.groupId, error, 'topic', topic)
      if (errorCode !== 0 || committedOffset === NO_OFFSET) continue
      positions.push({
        topic,
        partition: partitionIndex,
        offset: committedOffset,
        leaderEpoch: committedLeaderEpoch,
        metadata: metadata ?? '',
      })
    }
  }
  return positions
}

/** @throws the fault when waiting does not mend it. */
function transient(group: string, error: string, resource: 'topic' | 'group', name: string): Fault {
  const fault = refusalOf(error, resource, name, 'Describe', `positions of group ${group}`)
  if (fault.code === 'LogUnavailable') return fault
  throw fault
}

/**
 * OffsetCommit without membership.
 * @param tries how often this was tried, from 1.
 * @returns what is not committed yet, and why it is worth another try.
 * @throws Fault GroupInUse, NotAuthorized, LogRefused (`details.partitions`: the refused ones); the client's error when the connection failed.
 */
export async function commitOffsets(
  connection: BrokerConnection,
  group: string,
  positions: readonly Position[],
  tries: number,
): Promise<{ readonly left: readonly Position[]; readonly retry: Fault | null }> {
  const topics = byTopic(positions, (position) => ({
    partitionIndex: position.partition,
    committedOffset: position.offset,
    committedLeaderEpoch: position.leaderEpoch,
    committedMetadata: position.metadata,
  })).map(({ name, ones }) => ({ name, partitions: ones }))
  const call = connection.calls.offsetCommit.async(connection, group, NO_GENERATION, NO_MEMBER, null, topics)
  const refused = refusals(await errorsInside<CommitAnswer>(call))
  if (refused.size === 0) return { left: [], retry: null }
  const left = positions.filter((position) => refused.has(partitionKey(position)))
  return { left, retry: judge(group, refused, tries) }
}

/** The names of the errors by partition. */
function refusals(response: CommitAnswer): ReadonlyMap<string, string> {
  const refused = new Map<string, string>()
  for (const { name: topic, partitions } of response.topics) {
    for (const { partitionIndex: partition, errorCode } of partitions) {
      if (errorCode !== 0) refused.set(partitionKey({ topic, partition }), kafkaErrorName(errorCode))
    }
  }
  return refused
}

function judge(group: string, refused: ReadonlyMap<string, string>, tries: number): Fault {
  const errors = new Set(refused.values())
  for (const error of errors) {
    if (!IN_USE.has(error)) continue
    const message = `group ${group} has live members of someone else (Kafka answered ${error})`
    throw new Fault('GroupInUse', message, { details: { group } })
  }
  const passing = (error: string) => faultCodeOf(error) === 'LogUnavailable' || UNKNOWN_TOPIC.has(error)
  const lasting = Array.from(refused).filter(
    ([, error]) => !passing(error) || (UNKNOWN_TOPIC.has(error) && tries >= UNKNOWN_TOPIC_TRIES),
  )
  const [first] = lasting
  if (first !== undefined) {
    const partitions = lasting.map(([partition]) => partition).join(', ')
    const details = { group, error: first[1], partitions }
    if (faultCodeOf(first[1]) === 'NotAuthorized') {
      const isGroup = first[1].startsWith('GROUP')
      const lacking = isGroup ? group : first[0].slice(0, first[0].lastIndexOf('/'))
      const { code, message } = notAuthorized('Read', isGroup ? 'group' : 'topic', lacking, first[1])
      throw new Fault(code, message, { details })
    }
    throw new Fault('LogRefused', `positions of group ${group} for ${partitions}: Kafka answered ${first[1]}`, {
      details,
    })
  }
  return new Fault('LogUnavailable', `positions of group ${group}: Kafka answered ${[...errors].join(', ')}`)
}

function byTopic<P extends TopicPartition, T>(all: readonly P[], map: (one: P) => T): { name: string; ones: T[] }[] {
  return Array.from(
    Map.groupBy(all, (one) => one.topic),
    ([name, ones]) => ({ name, ones: ones.map(map) }),
  )
}
