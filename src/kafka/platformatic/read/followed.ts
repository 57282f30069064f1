import type { Fault } from '../../../core/fault.ts'
import type { TopicPartition } from '../../log.ts'

/** What reads a partition: the loop of its leader. */
export interface Loop {
  /** Takes a partition in at its offset. */
  take(partition: Followed): void
  /** The partition's offset moved on by what was just read. */
  advance(partition: Followed): void
  /** The broker shall not read it any more. */
  release(partition: Followed): void
}

/**
 * A partition that a tail follows; also the fetch target that its session sends.
 *
 *     seeking ──(leader known)──► in the session of a leader's loop ──(handler: false)──► paused ──(resume)──► in the session
 *        ▲                             │ error, leader moved, offset gone
 *        └──(after a backoff)──────────┘                              removed: from any of them, at once and for good
 */
export class Followed {
  readonly at: TopicPartition
  readonly partition: number
  /** Of the topic as we knew it last; '' before the first look. Another one later means that the topic was made again. */
  topicId = ''
  /** Next offset to read. */
  offset: bigint
  leaderEpoch = -1
  lastFetchedEpoch = -1
  /** The loop that reads it; null while its leader is sought. */
  loop: Loop | null = null
  paused = false
  removed = false
  /** Failures in a row. */
  failures = 0
  /** What the handler was told last. */
  told: Fault | null = null

  constructor(at: TopicPartition, from: bigint) {
    this.at = at
    this.partition = at.partition
    this.offset = from
  }
}

/** A map key: Kafka's topic names have no slash. */
export function partitionKey(at: TopicPartition): string {
  return `${at.topic}/${at.partition}`
}
