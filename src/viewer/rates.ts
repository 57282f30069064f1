import type { Clock } from '../core/clock.ts'

/** How many seconds the timeline reaches back. */
export const timelineSeconds = 300

/** How many events came in each of the last seconds, in a fixed amount of memory. */
export class Rates {
  readonly #counts = new Uint32Array(timelineSeconds)
  readonly #clock: Clock
  /** The second that is being counted, of the monotonic clock. */
  #second: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#second = this.#now()
  }

  count(): void {
    this.#turn()
    const at = this.#second % timelineSeconds
    this.#counts[at] = (this.#counts[at] ?? 0) + 1
  }

  /** Events per second, the oldest first, without the second that is not over yet. */
  history(): readonly number[] {
    this.#turn()
    return Array.from(
      { length: timelineSeconds - 1 },
      (_, i) => this.#counts[(this.#second + 1 + i) % timelineSeconds] ?? 0,
    )
  }

  /** The last second that is over. */
  latest(): number {
    this.#turn()
    return this.#counts[(this.#second + timelineSeconds - 1) % timelineSeconds] ?? 0
  }

  /** Seconds in which nothing came are set to 0. */
  #turn(): void {
    const now = this.#now()
    const over = Math.min(now - this.#second, timelineSeconds)
    for (let i = 0; i < over; i += 1) this.#counts[(now - i) % timelineSeconds] = 0
    this.#second = now
  }

  /** Far from 0, so that what lies before the start has a place too. */
  #now(): number {
    return Math.floor(this.#clock.monotonic() / 1_000) + timelineSeconds
  }
}
