import type { Clock } from '../core/clock.ts'
import { isPassing, type Verdict } from './verdict.ts'

/** So long a state that passes by itself is not written, milliseconds. */
const holdMs = 2_000
/** So long where the object waits in line behind others: of thousands that were applied at once the last comes up late. */
const inLineMs = 60_000
/** Of a line that moves one comes up at least this often, milliseconds. */
const stepMs = 5_000

/** Holds back what is most likely over in a moment, so that an object costs one status write on its way up, and none while a worker is replaced. */
export class Patience {
  readonly #clock: Clock
  readonly #since = new Map<string, number>()
  /** When the last object came up. Monotonic milliseconds. */
  #cameUpAt = -Infinity

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * How long to wait before this is written, milliseconds; then ask again. 0: write it.
   * @param told whether the object has conditions already: one that says True is not left at that while it may be wrong
   */
  holdMs(uid: string, verdict: Verdict, told: boolean): number {
    const now = this.#clock.monotonic()
    if (!isPassing(verdict)) {
      if (this.#since.delete(uid) && verdict.ready === 'True') this.#cameUpAt = now
      return 0
    }
    const since = this.#since.get(uid) ?? now
    this.#since.set(uid, since)
    const inLine = !told && verdict.ready === 'Unknown' && now - this.#cameUpAt < stepMs
    return Math.max(0, Math.min(since + (inLine ? inLineMs : holdMs) - now, stepMs))
  }

  /** How long this has been so, milliseconds; begins with the first question. */
  lasted(what: string): number {
    const now = this.#clock.monotonic()
    const since = this.#since.get(what) ?? now
    this.#since.set(what, since)
    return now - since
  }

  forget(uid: string): void {
    this.#since.delete(uid)
  }
}
