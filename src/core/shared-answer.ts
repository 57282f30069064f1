/**
 * A question that costs much and that many ask at the same time. Who asks while it is being answered gets the next answer, together with all
 * others who do: an answer is never older than its question.
 */
export class SharedAnswer<T> {
  readonly #ask: () => Promise<T>
  #running: Promise<T> | null = null
  #next: Promise<T> | null = null

  constructor(ask: () => Promise<T>) {
    this.#ask = ask
  }

  /** @throws what asking throws; the next who asks tries again. */
  get(): Promise<T> {
    if (this.#running === null) return this.#run()
    const run = (): Promise<T> => {
      this.#next = null
      return this.#run()
    }
    this.#next ??= this.#running.then(run, run)
    return this.#next
  }

  #run(): Promise<T> {
    const running = this.#ask().finally(() => {
      if (this.#running === running) this.#running = null
    })
    this.#running = running
    return running
  }
}
