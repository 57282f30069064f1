/**
 * Takes turns: who has had its turn goes to the end of its queue. Those that go first do so every other time, so that however many there are,
 * and however often they come back, the others have their turn too.
 */
export class Turns {
  readonly #first = new Set<string>()
  readonly #others = new Set<string>()
  #favour = true

  /** One that waits already keeps its place, or gets a better one. */
  add(uid: string, first = false): void {
    if (this.#first.has(uid)) return
    if (first) this.#others.delete(uid)
    ;(first ? this.#first : this.#others).add(uid)
  }

  delete(uid: string): void {
    this.#first.delete(uid)
    this.#others.delete(uid)
  }

  /** Whose turn it is; undefined: nobody waits. */
  next(): string | undefined {
    const [here, there] = this.#favour ? [this.#first, this.#others] : [this.#others, this.#first]
    this.#favour = !this.#favour
    const [uid] = here.size > 0 ? here : there
    if (uid !== undefined) this.delete(uid)
    return uid
  }
}
