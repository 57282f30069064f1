import type { OutletProgress } from '../../contract/outlet.ts'

/** Two writes for one Outlet are at least so far apart, milliseconds; that all of it is done is said at once. */
const soonMs = 10_000
/** What changes little is written this late. */
const lateMs = 60_000
/** Of the larger one: a lag that differs by less has changed little. */
const little = 0.1

/** How an Outlet stands, and what its object says. */
export interface ProgressView {
  readonly now: OutletProgress
  /** Absent: nothing was said yet, as if there had never been anything to do. */
  readonly stored: OutletProgress | undefined
  /** Nothing new came to its topic lately. */
  readonly quiet: boolean
  /** Since the last time that this process wrote it, milliseconds. */
  readonly sinceMs: number
}

/**
 * Whether progress is worth a write now: `same` never, `later` not yet. A system at rest comes to `same` for every Outlet, and its lag is right.
 *
 *     done and at rest           at once
 *     lag comes, goes or moves   after 10 s
 *     delivered, other error     after 10 s
 *     anything else              after a minute
 */
export function dueOf({ now, stored, quiet, sinceMs }: ProgressView): 'now' | 'later' | 'same' {
  const before = stored ?? { lag: 0 }
  if (isSame(now, before)) return 'same'
  if (now.lag === 0 && before.lag > 0 && quiet) return 'now'
  const moved = Math.abs(now.lag - before.lag) > little * Math.max(now.lag, before.lag)
  const told = now.lastDelivery !== before.lastDelivery || now.lastError?.message !== before.lastError?.message
  return sinceMs >= (moved || told ? soonMs : lateMs) ? 'now' : 'later'
}

function isSame(a: OutletProgress, b: OutletProgress): boolean {
  const sameError = a.lastError?.time === b.lastError?.time && a.lastError?.message === b.lastError?.message
  return a.lag === b.lag && a.lastDelivery === b.lastDelivery && sameError
}
