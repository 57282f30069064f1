import { InFlight } from './in-flight.ts'

/** A partition, as far as it holds what can be read again. */
export interface Holding {
  readonly ring: { readonly bytes: number; clear(): void }
  /** There is memory again. */
  onRoom(): void
}

/** A dispatcher: one for each Kafka cluster, and each credential there, of those that this process works for. */
export interface Holder {
  readonly holdings: readonly Holding[]
  /** Gives up its catch-up reads: they can be done again. */
  dropReads(): void
}

/** What events in flight may take. */
const IN_FLIGHT_SHARE = 1 / 2
/** What all rings together may take. */
const RINGS_SHARE = 1 / 4
/** And all catch-up reads. */
const READS_SHARE = 1 / 4
/** And all replies that are being read; large ones are given up before. */
const REPLIES_SHARE = 3 / 16
const LARGE_REPLIES_SHARE = 1 / 8
/** A reply that is no larger is no large one, bytes. */
const SMALL_REPLY_BYTES = 64 * 1024

/**
 * One bound for the memory of a process, whatever the number of its dispatchers: rings, catch-up reads and events in flight. When it runs out
 * catch-up stops first (at 3/4), then readers pause, and whoever waits for room makes the rings give up what they hold, the largest of all
 * dispatchers first, and then the catch-up reads. What cannot be read again, events in flight and replies, has bounds of its own, which leave room
 * for the rest: so tails never wait for subscribers.
 *
 *     whenRoom ─► (later turn) relieve: rings are cleared ─► room again? resume : with the next `give`
 *                     ▲
 *                   take, while someone waits
 */
export class Budget {
  readonly limit: number
  used = 0
  /** The part of `used` that replies hold while they are read. */
  replies = 0
  /** The part of `used` that events in flight hold, and who of them may begin. */
  readonly inFlight: InFlight
  readonly #holders = new Set<Holder>()
  readonly #waiting = new Set<() => void>()
  #relief: NodeJS.Immediate | undefined

  constructor(limit: number) {
    this.limit = limit
    this.inFlight = new InFlight(limit * IN_FLIGHT_SHARE, this)
  }

  /** One more shares in it. @returns the way to leave. */
  join(holder: Holder): () => void {
    this.#holders.add(holder)
    return () => this.#holders.delete(holder)
  }

  /** Bound on each of so many rings: the partitions of all holders. */
  get ringBytes(): number {
    let rings = 0
    for (const { holdings } of this.#holders) rings += holdings.length
    return (this.limit * RINGS_SHARE) / Math.max(1, rings)
  }

  /** Bound on the catch-up reads that one holder keeps. */
  get readBytes(): number {
    return (this.limit * READS_SHARE) / Math.max(1, this.#holders.size)
  }

  get catchUpAllowed(): boolean {
    return this.used < this.limit * 0.75
  }

  get exhausted(): boolean {
    return this.used >= this.limit
  }

  /** There is no room for more of a reply of which so much is kept. */
  crowded(kept: number): boolean {
    return this.replies >= this.limit * (kept > SMALL_REPLY_BYTES ? LARGE_REPLIES_SHARE : REPLIES_SHARE)
  }

  takeReply(bytes: number): void {
    this.replies += bytes
    this.take(bytes)
  }

  giveReply(bytes: number): void {
    this.replies -= bytes
    this.give(bytes)
  }

  take(bytes: number): void {
    this.used += bytes
    if (this.#waiting.size > 0) this.#relieveSoon()
  }

  give(bytes: number): void {
    const wasExhausted = this.exhausted
    this.used -= bytes
    if (this.#waiting.size === 0) return
    // events in flight may hold the most of it for long: that stops no tail
    if (!this.catchUpAllowed) return wasExhausted && !this.exhausted ? this.#relieveSoon() : undefined
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const resume of waiting) setImmediate(resume)
  }

  /** Calls `resume` once, in a later turn, when there is room for catch-up again. The same one waits only once. */
  whenRoom(resume: () => void): void {
    this.#waiting.add(resume)
    this.#relieveSoon()
  }

  #relieveSoon(): void {
    if (this.#relief !== undefined) return
    this.#relief = setImmediate(() => {
      this.#relief = undefined
      this.#relieve()
      // nothing may have been held that could be freed, and room may have come meanwhile
      this.give(0)
    })
  }

  /** Clears rings, then gives up reads, until catch-up may go on: whoever is behind can read by himself. */
  #relieve(): void {
    const holdings = Array.from(this.#holders, (holder) => holder.holdings).flat()
    const full = holdings.filter(({ ring }) => ring.bytes > 0).sort((a, b) => b.ring.bytes - a.ring.bytes)
    for (const { ring } of full) {
      if (this.catchUpAllowed) return
      ring.clear()
    }
    for (const holder of this.#holders) {
      if (this.catchUpAllowed) return
      holder.dropReads()
    }
    // events in flight hold the rest: that stops catch-up, but no tail
    if (!this.exhausted) for (const holding of holdings) holding.onRoom()
  }
}
