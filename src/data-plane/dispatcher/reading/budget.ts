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

/** What all rings together may take. */
const RINGS_SHARE = 1 / 4
/** And all catch-up reads. */
const READS_SHARE = 1 / 4

/**
 * One bound for the memory of a process, whatever the number of its dispatchers: rings, catch-up reads and events in flight. When it runs out
 * catch-up stops first (at 3/4), then readers pause, and whoever waits for room makes the rings give up what they hold, the largest of all
 * dispatchers first, and then the catch-up reads. Events in flight make all windows smaller alike: so no dispatcher takes what another one needs.
 *
 *     whenRoom ─► (later turn) relieve: rings are cleared ─► room again? resume : with the next `give`
 *                     ▲
 *                   take, while someone waits
 */
export class Budget {
  readonly limit: number
  used = 0
  /** The part of `used` that events in flight hold. */
  inFlight = 0
  readonly #holders = new Set<Holder>()
  readonly #waiting = new Set<() => void>()
  #relief: NodeJS.Immediate | undefined

  constructor(limit: number) {
    this.limit = limit
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

  /** Events in flight, and the answers to them, take all of it: nothing that can be read again is left to give up. */
  get full(): boolean {
    return this.inFlight >= this.limit
  }

  /** Events in flight take more than half: windows shrink to one, so that Outlets that wait for their subscribers leave room for the others. */
  get tight(): boolean {
    return this.inFlight > this.limit / 2
  }

  /** Events in flight take little: there may be some that only wait for their turn. */
  get roomy(): boolean {
    return this.inFlight < this.limit / 4
  }

  takeInFlight(bytes: number): void {
    this.inFlight += bytes
    this.take(bytes)
  }

  giveInFlight(bytes: number): void {
    this.inFlight -= bytes
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
