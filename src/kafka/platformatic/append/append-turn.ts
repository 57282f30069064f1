import type { Clock } from '../../../core/clock.ts'

/** What wants to send at the end of a turn. */
export interface Flushable {
  /** Stands in the list of the turn. */
  woken: boolean
  flush(): void
}

/**
 * A turn of the event loop: what is appended in it goes out at its end, together. Also its time, read once: thousands of records a turn
 * need not ask the clock each.
 */
export class Turn {
  readonly #clock: Clock
  #woken: Flushable[] = []
  #running = false
  #start = 0
  #timestamp = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Monotonic time at which the running turn began. */
  get start(): number {
    this.#begin()
    return this.#start
  }

  /** The same as wall clock. */
  get timestamp(): number {
    this.#begin()
    return this.#timestamp
  }

  /** Calls `flush` at the end of the running turn, once. */
  wake(target: Flushable): void {
    if (target.woken) return
    target.woken = true
    this.#woken.push(target)
    this.#begin()
  }

  #begin(): void {
    if (this.#running) return
    this.#running = true
    this.#start = this.#clock.monotonic()
    this.#timestamp = this.#clock.now()
    setImmediate(() => this.#end())
  }

  #end(): void {
    this.#running = false
    const woken = this.#woken
    this.#woken = []
    for (const target of woken) {
      target.woken = false
      target.flush()
    }
  }
}
