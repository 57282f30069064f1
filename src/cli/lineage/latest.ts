/** The last few of many, each once. */
export class Latest<T> {
  readonly #most: number
  readonly #kept = new Map<string | number, T>()
  #count = 0

  constructor(most: number) {
    this.#most = most
  }

  /** In the order in which they came. */
  get all(): readonly T[] {
    return [...this.#kept.values()]
  }

  add(value: T): void {
    this.#keep(this.#count++, value)
  }

  /** @param key replaces what had the same one. */
  set(key: string, value: T): void {
    this.#keep(key, value)
  }

  #keep(key: string | number, value: T): void {
    this.#kept.delete(key)
    this.#kept.set(key, value)
    const [oldest] = this.#kept.keys()
    if (this.#kept.size > this.#most && oldest !== undefined) this.#kept.delete(oldest)
  }
}
