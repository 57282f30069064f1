import { roundedRate } from '../../contract/progress.ts'

/** The mean is over at most this time, milliseconds, and, when it is asked for often, over half of it at least. */
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
 * After a long silence what came since counts as of the last minute: the topic has moved just now.
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
    if (now - this.#newer.at >= windowMs / 2) {
      this.#older = this.#newer
      this.#newer = { at: now, count }
    }
    const spanMs = Math.max(leastMs, Math.min(windowMs, now - this.#older.at))
    return roundedRate(((count - this.#older.count) * 1_000) / spanMs)
  }
}
