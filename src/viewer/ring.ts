import type { CloudEvent } from '../event/cloud-event.ts'
import { keep, type KeptEvent } from './seen-event.ts'

/** How much is kept. */
export interface RingLimit {
  readonly events: number
  /** Memory, about. */
  readonly bytes: number
}

/** Paths with a count of their own: nobody looks through more. */
const mostPaths = 50

/**
 * The newest events, bounded in number and in bytes, for all that listen: each has its own place in it, so that one who is slow costs nothing
 * and is overtaken.
 *
 *     add ──► [ 41 42 43 44 45 ]        ◄── page at 45, curl at 42, a slow phone at 38: it missed 38 to 40
 *               oldest    newest
 */
export class EventRing {
  readonly limit: RingLimit
  readonly #kept = new Map<number, KeptEvent>()
  readonly #perPath = new Map<string, number>()
  readonly #listeners = new Set<() => void>()
  #oldest = 1
  #newest = 0
  #bytes = 0

  constructor(limit: RingLimit) {
    this.limit = limit
  }

  /** Number of the oldest event that is kept; one more than `newest` when none is. */
  get oldest(): number {
    return this.#oldest
  }

  /** Number of the newest event, which is how many there were; 0 before the first. */
  get newest(): number {
    return this.#newest
  }

  get bytes(): number {
    return this.#bytes
  }

  /** How many events came for each path; the first {@link mostPaths} paths only. */
  get perPath(): ReadonlyMap<string, number> {
    return this.#perPath
  }

  at(number: number): KeptEvent | undefined {
    return this.#kept.get(number)
  }

  add(event: CloudEvent, to: string, receivedAt: number): void {
    this.#newest += 1
    const kept = keep(event, { number: this.#newest, to, receivedAt }, this.limit.bytes / 8)
    this.#kept.set(kept.number, kept)
    this.#bytes += kept.cost
    while (this.#kept.size > this.limit.events || this.#bytes > this.limit.bytes) this.#dropOldest()
    const count = this.#perPath.get(kept.to)
    if (count !== undefined || this.#perPath.size < mostPaths) this.#perPath.set(kept.to, (count ?? 0) + 1)
    for (const listener of this.#listeners) listener()
  }

  /** `listener` is called after each event. Returns the way to stop. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #dropOldest(): void {
    this.#bytes -= this.#kept.get(this.#oldest)?.cost ?? 0
    this.#kept.delete(this.#oldest)
    this.#oldest += 1
  }
}
