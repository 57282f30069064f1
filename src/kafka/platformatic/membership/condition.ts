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

  /** The outcome of `work`; undefined when `holds` or the timeout came first: then `work` is left to itself. */
  async unless<T>(holds: () => boolean, work: Promise<T>, timeoutMs?: number): Promise<T | undefined> {
    let over = false
    const result = work.finally(() => {
      over = true
      this.changed()
    })
    // Nobody may be there any more to hear of a failure.
    result.catch(() => {})
    await this.until(() => over || holds(), timeoutMs)
    return over ? result : undefined
  }
}
