/** There are too many who wait already. */
export class TooMany extends Error {}

/** One at a time, in the order in which they came; so many may wait. */
export class Turns {
  readonly #mostWaiting: number
  readonly #waiting = new Set<PromiseWithResolvers<void>>()
  #isTaken = false

  constructor(mostWaiting: number) {
    this.#mostWaiting = mostWaiting
  }

  /**
   * @param signal aborted before its turn: it is not begun, and takes no place from those who wait.
   * @throws TooMany at once; the signal's reason; what `work` throws.
   */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted()
    if (this.#isTaken) await this.#wait(signal)
    this.#isTaken = true
    try {
      signal.throwIfAborted()
      return await work()
    } finally {
      this.#pass()
    }
  }

  async #wait(signal: AbortSignal): Promise<void> {
    if (this.#waiting.size >= this.#mostWaiting) throw new TooMany()
    const turn = Promise.withResolvers<void>()
    const leave = (): void => {
      if (this.#waiting.delete(turn)) turn.reject(signal.reason as Error)
    }
    this.#waiting.add(turn)
    signal.addEventListener('abort', leave, { once: true })
    try {
      await turn.promise
    } finally {
      signal.removeEventListener('abort', leave)
    }
  }

  /** On to who waits longest: nobody who comes now goes before him. */
  #pass(): void {
    const [next] = this.#waiting
    if (next === undefined) this.#isTaken = false
    else {
      this.#waiting.delete(next)
      next.resolve()
    }
  }
}
