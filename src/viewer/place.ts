import type { EventRing } from './ring.ts'
import type { KeptEvent } from './seen-event.ts'

/** Whether somebody wants to see this event. */
export type Wanted = (event: KeptEvent) => boolean

/** What there is to send now. */
export interface Portion {
  readonly events: readonly KeptEvent[]
  /** Events that were let go before they could be looked at. */
  readonly missed: number
}

/** The place of one listener in the ring. */
export class Place {
  readonly #ring: EventRing
  readonly #wanted: Wanted
  #next: number

  /** @param next the number of the first event that is wanted; one that is not there any more counts as missed. */
  constructor(ring: EventRing, wanted: Wanted, next: number) {
    this.#ring = ring
    this.#wanted = wanted
    this.#next = Math.min(next, ring.newest + 1)
  }

  /** The number of the last event that was looked at, wanted or not. */
  get last(): number {
    return this.#next - 1
  }

  /** What comes next, of about `maxBytes` at most, and at least one event when there is one. */
  take(maxBytes: number): Portion {
    const missed = Math.max(0, this.#ring.oldest - this.#next)
    this.#next += missed
    const events: KeptEvent[] = []
    for (let bytes = 0; bytes < maxBytes && this.#next <= this.#ring.newest; this.#next += 1) {
      const kept = this.#ring.at(this.#next)
      if (kept === undefined || !this.#wanted(kept)) continue
      events.push(kept)
      bytes += kept.json.length
    }
    return { events, missed }
  }
}
