/** What a turn of reading takes at most, in milliseconds. */
const TURN_MS = 4

/**
 * Runs short synchronous pieces of work in order, as many a turn of the event loop as fit into 4 ms, so that a thousand reads
 * asked for at once do not hold up the loop.
 */
export class Turns {
  #queue: (() => void)[] = []
  #due = false

  /** What `work` returns or throws. */
  run<T>(work: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#queue.push(() => {
        try {
          resolve(work())
        } catch (error) {
          reject(error instanceof Error ? error : new Error('a read failed', { cause: error }))
        }
      })
      this.#schedule()
    })
  }

  #schedule(): void {
    if (this.#due) return
    this.#due = true
    setImmediate(() => this.#take())
  }

  #take(): void {
    this.#due = false
    const end = performance.now() + TURN_MS
    let taken = 0
    for (const work of this.#queue) {
      if (taken > 0 && performance.now() > end) break
      taken += 1
      work()
    }
    this.#queue.splice(0, taken)
    if (this.#queue.length > 0) this.#schedule()
  }
}
