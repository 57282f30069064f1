import type { Standing } from '../../../contract/lineage.ts'
import type { Flights } from './flights.ts'
import type { Remainder } from './remainder.ts'

/**
 * Where a record stands with one Outlet.
 *
 *     passed ┆ pending ┆ passed (finished beyond the position) ┆ ahead ┆ finished by an earlier owner: passed ┆ ahead
 *            position                                          next                                          upTo
 *
 * @param cursor `next`: from there on nothing was looked at yet.
 */
export function standingAt(
  offset: number,
  { next, position }: { readonly next: number; readonly position: number },
  pending: Flights | null,
  remainder: Remainder,
): Standing {
  for (const delivery of pending ?? []) if (delivery.offset === offset) return delivery.standing
  if (offset < next || !remainder.wants(offset)) return { kind: 'passed', position }
  return { kind: 'ahead', position, behind: (pending?.size ?? 0) + remainder.countBelow(offset, next) }
}
