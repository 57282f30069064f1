import { roundedRate } from '../../contract/progress.ts'

/** When it is asked for often, the mean is over at most this time, milliseconds, and over half of it at least. */
const windowMs = 60_000
/** What was counted within less tells nothing yet. */
const leastMs = 1_000

interface Sample {
  readonly at: number
  readonly count: number
}

/**
 * Deliveries a second, of a count that is looked at now and then.
 *
 *     ──┼─────────────┼────────┼──► time        mean from `older` to now; `newer` takes its place when it is half a window old
 *     older         newer     now
 *
 * Asked for less often, as thousands are that take turns, it is the mean since the time before. After a silence what came since counts as of the
 * last minute: nobody asked, since the topic had not moved before.
 */
export class RateMeter {
  #older: Sample
  #newer: Sample

  /** @param at when the count was that. Monotonic milliseconds. */
  constructor(at: number, count: number) {
    this.#older = this.#newer = { at, count }
  }

  /** Deliveries a second, rounded. */
  at(now: number, count: number): number {
    // what is counted began anew
    if (count < this.#newer.count) this.#older = this.#newer = { at: this.#newer.at, count: 0 }
    const silent = this.#newer.count === this.#older.count
    if (now - this.#newer.at >= windowMs / 2) {
      this.#older = this.#newer
      this.#newer = { at: now, count }
    }
    const sinceMs = now - this.#older.at
    const spanMs = Math.max(leastMs, silent ? Math.min(windowMs, sinceMs) : sinceMs)
    return roundedRate(((count - this.#older.count) * 1_000) / spanMs)
  }
}
