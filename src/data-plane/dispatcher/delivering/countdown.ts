/** Resolves when a number of things came to their end. */
export class Countdown {
  #left = 0
  #resolve: (() => void) | null = null

  wait(count: number): Promise<void> {
    this.#left = count
    if (count === 0) return Promise.resolve()
    return new Promise((resolve) => (this.#resolve = resolve))
  }

  /** One of them ended. Without `wait` it means nothing. */
  one(): void {
    if (this.#resolve !== null && --this.#left === 0) this.end()
  }

  /** Whatever is left counts no more. */
  end(): void {
    this.#resolve?.()
    this.#resolve = null
  }
}
