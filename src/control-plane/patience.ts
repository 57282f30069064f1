import type { Clock } from '../core/clock.ts'
import { isPassing, type Verdict } from './verdict.ts'

/** So long a state that passes by itself is not written, milliseconds. */
const holdMs = 2_000

/** Holds back what is most likely over in a moment, so that an object costs one status write on its way up, and none while a worker is replaced. */
export class Patience {
  readonly #clock: Clock
  readonly #since = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** How long to wait before this is written, milliseconds; 0: write it. */
  holdMs(uid: string, verdict: Verdict): number {
    if (!isPassing(verdict)) {
      this.#since.delete(uid)
      return 0
    }
    const now = this.#clock.monotonic()
    const since = this.#since.get(uid) ?? now
    this.#since.set(uid, since)
    return Math.max(0, since + holdMs - now)
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
