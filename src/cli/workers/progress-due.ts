import { fates, type Undelivered } from '../../api/meta/progress.ts'
import type { OutletShare } from '../../contract/outlet.ts'
import { sameJson } from '../../kube/equal.ts'

/** Two writes for one Outlet are at least so far apart, milliseconds; that all of it is done is said at once. */
const soonMs = 10_000
/** What changes little is written this late. */
const lateMs = 60_000
/** Of the larger one: a lag that differs by less has changed little. */
const little = 0.1

/** How an Outlet stands: what this process has to say of it. */
export interface Standing {
  /** Of all partitions; null: others speak for it. */
  readonly lag: number | null
  /** What this process did. */
  readonly share: OutletShare
}

/** How an Outlet stands, and what its object says. */
export interface ProgressView {
  readonly now: Standing
  /** Absent: nothing was said yet, as if there had never been anything to do. */
  readonly stored: Partial<Standing> | undefined
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
 *     events that nobody took    after 10 s, before others
 *     anything else (rate)       after a minute
 */
export function dueOf({ now, stored, quiet, sinceMs }: ProgressView): 'first' | 'now' | 'later' | 'same' {
  const before = { lag: stored?.lag ?? 0, share: stored?.share ?? {} }
  const lag = now.lag ?? before.lag
  if (lag === before.lag && sameJson(now.share, before.share)) return 'same'
  if (lag === 0 && before.lag > 0 && quiet) return 'now'
  const failed = countOf(now.share.undelivered) !== countOf(before.share.undelivered)
  if (failed && sinceMs >= soonMs) return 'first'
  const moved = Math.abs(lag - before.lag) > little * Math.max(lag, before.lag)
  return sinceMs >= (failed || moved || isTold(now.share, before.share) ? soonMs : lateMs) ? 'now' : 'later'
}

/** Whether what was to be written is written. */
export function isStored(wanted: Standing | undefined, stored: Partial<Standing>): boolean {
  if (wanted === undefined) return false
  return (wanted.lag ?? stored.lag) === stored.lag && sameJson(wanted.share, stored.share ?? {})
}

/** Whether there is news in it. */
function isTold(now: OutletShare, before: OutletShare): boolean {
  return now.lastDelivery !== before.lastDelivery || now.lastError?.message !== before.lastError?.message
}

function countOf(undelivered: Undelivered | undefined): number {
  return fates.reduce((sum, fate) => sum + (undelivered?.[fate] ?? 0), 0)
}
