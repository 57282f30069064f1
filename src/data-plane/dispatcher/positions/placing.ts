import type { Outlet } from '../../../contract/outlet.ts'
import type { LogReader, Position } from '../../../kafka/log.ts'
import type { Logger } from '../../../telemetry/logger.ts'
import type { Partition } from '../reading/partition.ts'
import { cutAt, encodeProgress, type Progress } from '../reading/progress.ts'
import { EpochEnds } from './epoch-ends.ts'
import { firstOffsets } from './first-offsets.ts'
import type { Start, StartPlan } from './start-plan.ts'

/** `place` is the partition as it was when the start was planned: one that was taken away since, and given back, is another. */
export type Placed = Start & {
  readonly progress: Progress
  readonly leaderEpoch: number
  readonly place: Partition
  /** The log was cut below what was finished, while nobody read it: how far the position went back. */
  readonly cutBy?: number
}

/** Finds the offsets of planned starts in the log. */
export class Placing {
  readonly #reader: LogReader
  readonly #logger: Logger
  readonly #epochEnds: EpochEnds

  constructor({ reader, logger }: { readonly reader: LogReader; readonly logger: Logger }) {
    this.#reader = reader
    this.#logger = logger
    this.#epochEnds = new EpochEnds(reader)
  }

  /** @throws Fault as `LogReader.range`, `epochEnds` and `offsetsAt`. */
  async place(outlet: Outlet, plan: StartPlan, partitions: readonly Partition[]): Promise<readonly Placed[]> {
    const { topic, group } = outlet
    const missing = plan.starts.filter(({ kind }) => kind !== 'resumed').map(({ partition }) => ({ topic, partition }))
    const ranges = missing.length === 0 ? [] : await this.#reader.range(missing)
    const firsts = await firstOffsets(this.#reader, outlet, plan, ranges)
    const resumed = plan.starts.flatMap((one) => (one.kind === 'resumed' ? { topic, ...one } : []))
    const endOf = await this.#epochEnds.of(topic, resumed)
    return plan.starts.flatMap((one): Placed[] => {
      const { partition } = one
      const place = partitions.find(({ at }) => at.partition === partition)
      if (place === undefined) return []
      if (one.kind === 'resumed') return [{ ...one, place, ...cutIn(one.progress, endOf({ topic, ...one })) }]
      const range = ranges.find((each) => each.partition === partition)
      if (range === undefined) return []
      const at = Number((one.kind === 'first' ? firsts.get(partition) : undefined) ?? range.start)
      // nothing was ever there, so nothing can come again
      const kind = range.end === 0n ? 'first' : one.kind
      if (kind === 'grown')
        this.#logger.info({ topic, partition, group }, 'new partition: starts at the start of the log')
      return [{ ...one, kind, place, progress: { position: at, upTo: at, pending: [] }, leaderEpoch: -1 }]
    })
  }
}

/** @param end how far the log is what it was; undefined: nobody knows. */
function cutIn(progress: Progress, end = Infinity): Partial<Placed> {
  if (end >= progress.upTo) return {}
  const left = cutAt(progress, end)
  return { progress: left, leaderEpoch: -1, cutBy: progress.upTo - end }
}

/** What has to be said of a start: events that may come again, or never; null: nothing. */
export function lostIn({ kind, partition, progress, cutBy }: Placed, { group, topic }: Outlet): string | null {
  const where = `partition ${partition} of topic ${topic}`
  if (kind === 'expired')
    return `Group ${group} has no position on ${where} any more: it goes on at the start of the log, events may be delivered again.`
  if (cutBy === undefined) return null
  const what = `Kafka has lost what stood on ${where} from offset ${progress.upTo} on, where group ${group} had finished up to ${progress.upTo + cutBy}`
  return `${what} (an unclean leader election, or a restored disk): what has come in its place is delivered; what was lost before it was delivered is not.`
}

/** What is committed of a start. */
export function positionOf(
  { progress, partition, leaderEpoch }: Placed,
  topic: string,
  { firstStart }: StartPlan,
): Position {
  const metadata = encodeProgress(progress, firstStart)
  return { topic, partition, offset: BigInt(progress.position), leaderEpoch, metadata }
}
