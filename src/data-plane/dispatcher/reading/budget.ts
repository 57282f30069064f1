/**
 * One bound for the memory of a process: rings, catch-up reads and events in flight. When it runs out catch-up stops first
 * (at 3/4), then the reader pauses, and whoever waits for room makes the rings give up what they hold:
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
  /** Frees what can be read again, the largest first, until there is room. Set by who owns the rings. */
  relieve: () => void = () => {}
  readonly #waiting = new Set<() => void>()
  #relief: NodeJS.Immediate | undefined

  constructor(limit: number) {
    this.limit = limit
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
    this.used -= bytes
    if (this.#waiting.size === 0 || !this.catchUpAllowed) return
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
      this.relieve()
      // nothing may have been held that could be freed, and room may have come meanwhile
      this.give(0)
    })
  }
}
