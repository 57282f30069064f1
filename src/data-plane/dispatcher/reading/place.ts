import type { TopicPartition } from '../../../kafka/log.ts'
import type { Ring } from './ring.ts'

/** Who commits positions, as cursors see it. */
export interface Toucher<Cursor> {
  touch(cursor: Cursor): void
}

/** A partition as its cursors see it. */
export interface Place<Cursor> {
  readonly at: TopicPartition
  /** The offset after the last record that the tail brought. */
  readonly head: number
  readonly leaderEpoch: number
  readonly ring: Ring
  /** A batch is being handed out: who wants to go on by itself waits until that is over. */
  readonly matching: boolean
  /** Several cursors are behind the head. */
  readonly shared: boolean
  later(cursor: Cursor): void
  attached(cursor: Cursor): void
  detached(cursor: Cursor): void
  /** The ring has moved on: the cursor needs a read of its own. */
  behind(cursor: Cursor): void
  /** The cursor is through with the chunk that such a read gave it. */
  leftChunk(cursor: Cursor): void
  /** The cursor came closer to the head. */
  progressed(cursor: Cursor): void
}
