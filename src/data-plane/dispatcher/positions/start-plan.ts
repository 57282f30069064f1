import type { Position } from '../../../kafka/log.ts'
import { decodeProgress, unknownStart, type FirstStart, type Progress } from '../reading/progress.ts'

/** How an Outlet begins on one partition. */
export type Start =
  /** Where the group stands. */
  | { readonly kind: 'resumed'; readonly partition: number; readonly progress: Progress; readonly leaderEpoch: number }
  /** The Outlet's very first start: at the log's start or end, as it asks. */
  | { readonly kind: 'first'; readonly partition: number }
  /** The topic has grown since: at the log's start, nothing is missed. */
  | { readonly kind: 'grown'; readonly partition: number }
  /** The group had a position here and lost it: at the log's start, events may be repeated. */
  | { readonly kind: 'expired'; readonly partition: number }

export interface StartPlan {
  readonly firstStart: FirstStart
  readonly starts: readonly Start[]
}

/**
 * Decides, from what the group holds on all partitions of the topic, where the `owned` ones begin. Our own positions carry when the Outlet
 * first started, and with how many partitions. Where none says so, and nobody else either, it starts now: on what another program left behind
 * it goes on, what is missing begins as the Outlet asks. Later what is missing begins at the log's start; except shortly after the first
 * start, when the owners of other partitions may have been quicker than we.
 *
 * @param before when this process saw the Outlet start. A group that has nothing left then lost it, for example with a topic that was
 *   deleted and made again, of which nothing is to be missed; its first start is over for all owners.
 */
export function planStart(
  owned: readonly number[],
  partitions: number,
  known: readonly Position[],
  nowSeconds: number,
  graceSeconds: number,
  before: FirstStart = unknownStart,
): StartPlan {
  const byPartition = new Map(known.map((position) => [position.partition, position]))
  const decoded = new Map(known.map((one) => [one.partition, decodeProgress(Number(one.offset), one.metadata)]))
  const stamp = [...decoded.values()].map(({ start }) => start).find(({ at }) => at > 0) ?? before
  const isFirst = stamp.at === 0
  const lostAll = known.length === 0 && !isFirst
  const isFresh = !lostAll && nowSeconds - stamp.at < graceSeconds
  const starts = owned.map((partition): Start => {
    const found = decoded.get(partition)
    if (found !== undefined) {
      const leaderEpoch = byPartition.get(partition)?.leaderEpoch ?? -1
      return { kind: 'resumed', partition, progress: found.progress, leaderEpoch }
    }
    if (isFirst || (isFresh && partition < stamp.partitions)) return { kind: 'first', partition }
    return { kind: stamp.at > 0 && partition >= stamp.partitions ? 'grown' : 'expired', partition }
  })
  const at = isFirst ? nowSeconds : lostAll ? Math.min(stamp.at, nowSeconds - graceSeconds) : stamp.at
  // as many as there were then: what was added since begins at the log's start, whoever asks first
  return { firstStart: { at, partitions: stamp.at > 0 ? stamp.partitions : partitions }, starts }
}
