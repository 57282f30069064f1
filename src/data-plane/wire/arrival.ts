import type { Clock } from '../../core/clock.ts'
import type { Header } from '../../kafka/log.ts'

/**
 * The extension `knativearrivaltime`: when Millrace took an event, in UTC with milliseconds (RFC 3339). It replaces what the sender sent.
 * Formatted once a millisecond; events of the same one share the header.
 */
export class Arrivals {
  readonly #clock: Clock
  #at = Number.NaN
  #header: Header = ['ce_knativearrivaltime', null]

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The record header of an event that arrives now. */
  header(): Header {
    const now = this.#clock.now()
    if (now !== this.#at) {
      this.#at = now
      this.#header = ['ce_knativearrivaltime', Buffer.from(new Date(now).toISOString())]
    }
    return this.#header
  }
}
