import type { Batch, TopicPartition } from '../../log.ts'
import type { FetchedPartition } from './fetch-wire.ts'
import type { RecordDecoder } from './record-batch.ts'

/** What was asked for, for which an answer came. */
export interface Asked {
  readonly at: TopicPartition
  readonly offset: bigint
  /** Epoch of the last batch before `offset`, -1 when unknown. */
  readonly lastFetchedEpoch: number
}

/** Decodes an answer without error. `corrupt`: why reading stops at `batch.next`, null when it does not. */
export function toBatch(
  decoder: RecordDecoder,
  asked: Asked,
  news: FetchedPartition,
): { readonly batch: Batch; readonly corrupt: Error | null } {
  const { topic, partition } = asked.at
  const decoded =
    news.section === null ? nothing(asked.offset) : decoder.decode(news.section, asked.offset, news.aborted)
  return {
    batch: {
      topic,
      partition,
      records: decoded.records,
      from: asked.offset,
      next: decoded.next,
      end: endOf(asked.offset, decoded.next, news.lastStableOffset),
      logStart: news.logStartOffset,
      leaderEpoch: decoded.leaderEpoch >= 0 ? decoded.leaderEpoch : asked.lastFetchedEpoch,
      bytes: decoded.bytes,
    },
    corrupt: decoded.corrupt,
  }
}

/** The broker takes the end before it reads the records, so these may already go beyond it. Where nothing was read its word stands. */
function endOf(from: bigint, next: bigint, end: bigint): bigint {
  return next > from && next > end ? next : end
}

function nothing(next: bigint) {
  return { records: [], next, leaderEpoch: -1, bytes: 0, corrupt: null }
}
