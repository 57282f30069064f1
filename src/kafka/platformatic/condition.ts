/** Lets one loop wait for what others change: whoever changes something says {@link changed}, and waiters look again. */
export class Condition {
  readonly #waiters = new Set<() => void>()

  changed(): void {
    for (const look of [...this.#waiters]) look()
  }

  /** Resolves once `holds`, looked at now and after each change, or after `timeoutMs`. */
  async until(holds: () => boolean, timeoutMs?: number): Promise<void> {
    if (holds()) return
    const done = Promise.withResolvers<void>()
    const look = (): void => {
      if (holds()) done.resolve()
    }
    const timer = timeoutMs === undefined ? undefined : setTimeout(done.resolve, timeoutMs)
    this.#waiters.add(look)
    try {
      await done.promise
    } finally {
      this.#waiters.delete(look)
      clearTimeout(timer)
    }
  }

  /** The outcome of `work`, or undefined when `holds` came first; then `work` is left to itself. */
  async unless<T>(holds: () => boolean, work: Promise<T>): Promise<T | undefined> {
    const done = Promise.withResolvers<T | undefined>()
    work.then(done.resolve, done.reject)
    const look = (): void => {
      if (holds()) done.resolve(undefined)
    }
    this.#waiters.add(look)
    look()
    try {
      return await done.promise
    } finally {
      this.#waiters.delete(look)
    }
  }
}
