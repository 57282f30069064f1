import type { Clock } from './clock.ts'

/** How much may be taken: `burst` at once, `perSecond` for long. */
export interface Rate {
  readonly burst: number
  readonly perSecond: number
}

/** Says no when more is asked for than the rate gives. */
export class TokenBucket {
  readonly #rate: Rate
  readonly #clock: Clock
  #tokens: number
  #at: number

  constructor(rate: Rate, clock: Clock) {
    this.#rate = rate
    this.#clock = clock
    this.#tokens = rate.burst
    this.#at = clock.monotonic()
  }

  /** @param leaving so many are left to others. @param cost so many are taken. */
  take(leaving = 0, cost = 1): boolean {
    const now = this.#clock.monotonic()
    const { burst, perSecond } = this.#rate
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#at) / 1000) * perSecond)
    this.#at = now
    if (this.#tokens < cost + leaving) return false
    this.#tokens -= cost
    return true
  }
}
