import type { Outlet } from '../../../contract/outlet.ts'
import type { LogReader } from '../../../kafka/log.ts'
import type { StartPlan } from './start-plan.ts'

/**
 * By partition: where the Outlet wants its very first start.
 * @param ranges of all partitions that it begins on. @throws Fault as `LogReader.offsetsAt`.
 */
export async function firstOffsets(
  reader: Pick<LogReader, 'offsetsAt'>,
  { topic, start, startAtMs }: Pick<Outlet, 'topic' | 'start' | 'startAtMs'>,
  plan: StartPlan,
  ranges: Awaited<ReturnType<LogReader['range']>>,
): Promise<ReadonlyMap<number, bigint>> {
  const first = plan.starts.filter(({ kind }) => kind === 'first').map(({ partition }) => ({ topic, partition }))
  if (startAtMs === undefined || first.length === 0) {
    return new Map(ranges.map((range) => [range.partition, start === 'latest' ? range.end : range.start]))
  }
  const found = await reader.offsetsAt(first, startAtMs)
  return new Map(found.map(({ partition, offset }) => [partition, offset]))
}
