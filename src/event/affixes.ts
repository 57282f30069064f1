/** What is filed under one beginning (or end). */
interface Group<B> {
  readonly text: string
  readonly bucket: B
}

/**
 * Buckets by a text that values begin with (or end with), so that a value finds all of its beginnings at once:
 *
 *     "order.created" ──► character by character, a running hash ──► at each length that some text has: hash ──► texts of this hash and length
 *                                                                                                            └─► really so? ──► found(bucket)
 *
 * A look costs as many steps as the longest text has characters, whatever the number of texts, and allocates nothing.
 */
export class Affixes<B> {
  readonly #ends: boolean
  readonly #byHash = new Map<number, Group<B>[]>()
  /** How many texts have each length. */
  readonly #perLength = new Map<number, number>()
  /** Those lengths, rising. */
  #lengths: readonly number[] = []

  /** @param ends true: what values end with. */
  constructor({ ends }: { readonly ends: boolean }) {
    this.#ends = ends
  }

  get isEmpty(): boolean {
    return this.#lengths.length === 0
  }

  get(text: string): B | undefined {
    return this.#byHash.get(this.#hash(text))?.find((group) => group.text === text)?.bucket
  }

  /** @param text not empty, and not there yet. */
  set(text: string, bucket: B): void {
    const hash = this.#hash(text)
    const groups = this.#byHash.get(hash)
    if (groups === undefined) this.#byHash.set(hash, [{ text, bucket }])
    else groups.push({ text, bucket })
    this.#count(text.length, 1)
  }

  delete(text: string): void {
    const hash = this.#hash(text)
    const groups = this.#byHash.get(hash) ?? []
    const at = groups.findIndex((group) => group.text === text)
    if (at < 0) return
    groups.splice(at, 1)
    if (groups.length === 0) this.#byHash.delete(hash)
    this.#count(text.length, -1)
  }

  /** Calls `found` with the bucket of each text that `value` begins (ends) with. */
  look(value: string, found: (bucket: B) => void): void {
    const lengths = this.#lengths
    let hash = 0
    let taken = 0
    for (let i = 0; i < lengths.length; i++) {
      const length = lengths[i] as number
      if (length > value.length) return
      for (; taken < length; taken++) hash = next(hash, this.#code(value, taken))
      const groups = this.#byHash.get(hash)
      if (groups !== undefined) this.#compare(groups, value, length, found)
    }
  }

  #compare(groups: readonly Group<B>[], value: string, length: number, found: (bucket: B) => void): void {
    for (let i = 0; i < groups.length; i++) {
      const { text, bucket } = groups[i] as Group<B>
      if (text.length !== length) continue
      if (this.#ends ? value.endsWith(text) : value.startsWith(text)) found(bucket)
    }
  }

  /** The n-th character from the side that counts. */
  #code(text: string, n: number): number {
    return text.charCodeAt(this.#ends ? text.length - 1 - n : n)
  }

  #hash(text: string): number {
    let hash = 0
    for (let i = 0; i < text.length; i++) hash = next(hash, this.#code(text, i))
    return hash
  }

  #count(length: number, change: 1 | -1): void {
    const count = (this.#perLength.get(length) ?? 0) + change
    if (count === 0) this.#perLength.delete(length)
    else this.#perLength.set(length, count)
    if (count === 0 || (count === 1 && change === 1)) {
      this.#lengths = [...this.#perLength.keys()].toSorted((a, b) => a - b)
    }
  }
}

function next(hash: number, code: number): number {
  return (Math.imul(hash, 31) + code) | 0
}
