import type { Fault } from '../../core/fault.ts'
import { kafkaErrorName, refusalOf } from './faults.ts'
import type { AnswerTo } from './versions.ts'

/** Who leads a partition. nodeId -1: nobody now. The epoch only grows while the topic lives. */
export interface PartitionLeader {
  readonly nodeId: number
  readonly epoch: number
}

/** A topic; `partitions[n]` is the leader of partition n. */
export interface TopicMetadata {
  readonly name: string
  /** UUID with dashes; changes when the topic is deleted and made again. */
  readonly id: string
  readonly partitions: readonly PartitionLeader[]
  /** False: our user lacks the ACL operation Write on it. */
  readonly mayWrite: boolean
}

const nobody: PartitionLeader = { nodeId: -1, epoch: -1 }

/**
 * What a cluster says of a topic: null, there is none; a fault, we may not know.
 * @param known what it said before: a broker that lags behind must not take us back to an older leader.
 */
export function understood(
  topic: AnswerTo<'metadata'>['topics'][number],
  known: TopicMetadata | undefined,
): TopicMetadata | Fault | null {
  const name = topic.name ?? ''
  const error = kafkaErrorName(topic.errorCode)
  if (topic.errorCode !== 0) {
    const fault = refusalOf(error, 'topic', name, 'Describe')
    return fault.code === 'TopicNotFound' ? null : fault
  }
  const partitions: PartitionLeader[] = Array.from({ length: topic.partitions.length }, () => nobody)
  for (const { partitionIndex, leaderId, leaderEpoch } of topic.partitions) {
    if (!(partitionIndex in partitions)) continue // no Kafka numbers them so
    const before = known?.id === topic.topicId ? known.partitions[partitionIndex] : undefined
    partitions[partitionIndex] =
      before !== undefined && before.epoch > leaderEpoch ? before : { nodeId: leaderId, epoch: leaderEpoch }
  }
  return { name, id: topic.topicId, partitions, mayWrite: allowsWrite(topic.topicAuthorizedOperations) }
}

/** Write is 4 among the AclOperations, and each has the bit of its number (KIP-430). */
const WRITE = 1 << 4

/** Who sees a topic has at least Describe. Without a bit nothing is told: Kafka says so by -2^31, others by 0. */
function allowsWrite(operations: number): boolean {
  return operations <= 0 || (operations & WRITE) !== 0
}
