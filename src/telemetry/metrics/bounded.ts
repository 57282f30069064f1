/** What is told of an object: figures that only grow, in an order that is always the same. */
type Counts = readonly number[]

/** Objects that have series of their own. */
export const mostObjects = 20_000

/**
 * Bounds the number of series: the first `most` objects have their own, the counts of all others are added up. Who was put with the others stays
 * there, and what those counted that are gone stays in the sum: so it never falls, which Prometheus would take for a restart.
 */
export class Bounded {
  readonly #most: number
  /** By uid: the last time that it was asked for. */
  readonly #named = new Map<string, number>()
  readonly #others = new Map<string, { counts: Counts; at: number }>()
  #sums: number[] = []
  #time = 0

  constructor(most = mostObjects) {
    this.#most = most
  }

  /** A new round begins, in which each object that is there is asked for once. Those that were not in the last one are gone. */
  begin(): void {
    for (const [uid, at] of this.#named) if (at !== this.#time) this.#named.delete(uid)
    for (const [uid, { at }] of this.#others) if (at !== this.#time) this.#others.delete(uid)
    this.#time++
  }

  /** Whether it has series of its own. */
  named(uid: string): boolean {
    const known = this.#named.has(uid)
    if (!known && (this.#others.has(uid) || this.#named.size >= this.#most)) return false
    this.#named.set(uid, this.#time)
    return true
  }

  /** One of the others, as it stands now. */
  add(uid: string, counts: Counts): void {
    const before = this.#others.get(uid)?.counts ?? []
    counts.forEach((count, at) => {
      const last = before[at] ?? 0
      this.#sums[at] = (this.#sums[at] ?? 0) + (count < last ? count : count - last)
    })
    this.#others.set(uid, { counts, at: this.#time })
  }

  /** Of all others, gone ones included; null while there never was one. */
  get sums(): Counts | null {
    return this.#sums.length === 0 ? null : this.#sums
  }
}
