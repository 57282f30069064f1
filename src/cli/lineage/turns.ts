/** There are too many who wait already. */
export class TooMany extends Error {}

/** One at a time, in the order in which they came; so many may wait. */
export class Turns {
  readonly #mostWaiting: number
  #waiting = 0
  #last: Promise<unknown> = Promise.resolve()

  constructor(mostWaiting: number) {
    this.#mostWaiting = mostWaiting
  }

  /**
   * @param signal aborted before its turn: it is not begun.
   * @throws TooMany at once; the signal's reason; what `work` throws.
   */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.#waiting > this.#mostWaiting) throw new TooMany()
    this.#waiting++
    const before = this.#last
    const turn = Promise.withResolvers<void>()
    this.#last = turn.promise
    try {
      await before
      signal.throwIfAborted()
      return await work()
    } finally {
      this.#waiting--
      turn.resolve()
    }
  }
}
