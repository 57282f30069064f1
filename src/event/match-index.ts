import type { CompiledFilter, FilterKey } from './filter.ts'

/** Where an item is filed, and what is left to check when it is found there. */
interface Entry<T> {
  readonly item: T
  /** Null: found means matched. */
  readonly check: CompiledFilter | null
  readonly key: FilterKey | null
  readonly bucket: Entry<T>[]
  /** Index in `bucket`; kept true by `remove`, which moves the last entry into the gap. */
  position: number
}

interface Shelf<T> {
  readonly byValue: Map<string, Entry<T>[]>
  /** Filters that ask only that the attribute is there and not empty. */
  readonly present: Entry<T>[]
}

/**
 * Which of many filters match an event, at the cost of what matches and not of what exists.
 *
 *     event attributes (about 8)
 *        │ each name, value
 *        ▼
 *     shelf of the name ──► bucket of the value ──► check the rest of each filter ──► into
 *        │ value not ''                                     ▲
 *        └────────────────► present bucket ─────────────────┤
 *     (always) ───────────► match-all bucket ───────────────┘
 *
 * An item stands in exactly one bucket: of the keys of its filter the one whose bucket is smallest when it is added (ties: the filter's own
 * order). So a hundred filters `{env: prod, type: <own>}` spread by type although `env` comes first. `match` allocates nothing: the
 * caller's array is reused, and the visitor is made once. The order of results means nothing.
 */
export class MatchIndex<T> {
  readonly #entries = new Map<T, Entry<T>>()
  readonly #shelves = new Map<string, Shelf<T>>()
  readonly #matchAll: Entry<T>[] = []
  // The event under way: state of the one visitor, so that no closure is made per event. Nothing of the caller's runs in between.
  #attributes: ReadonlyMap<string, string> = new Map()
  #into: T[] = []
  readonly #visit = (value: string, name: string): void => {
    const shelf = this.#shelves.get(name)
    if (shelf === undefined) return
    const bucket = shelf.byValue.get(value)
    if (bucket !== undefined) this.#take(bucket)
    if (value !== '' && shelf.present.length > 0) this.#take(shelf.present)
  }

  get size(): number {
    return this.#entries.size
  }

  /** Files `item` (told apart by identity) under its filter; an item that is there already is filed anew. */
  add(item: T, filter: CompiledFilter): void {
    this.remove(item)
    const key = this.#emptiest(filter.keys)
    const bucket = key === null ? this.#matchAll : this.#bucket(key)
    const check = filter.keysAreAll && filter.keys.length <= 1 ? null : filter
    const entry: Entry<T> = { item, check, key, bucket, position: bucket.length }
    bucket.push(entry)
    this.#entries.set(item, entry)
  }

  /** @returns whether it was there. */
  remove(item: T): boolean {
    const entry = this.#entries.get(item)
    if (entry === undefined) return false
    this.#entries.delete(item)
    const last = entry.bucket.pop()
    if (last !== undefined && last !== entry) {
      entry.bucket[entry.position] = last
      last.position = entry.position
    }
    if (entry.bucket.length === 0 && entry.key !== null) this.#drop(entry.key)
    return true
  }

  /** Appends every item whose filter matches to `into` (the caller empties it). @returns how many were appended. */
  match(attributes: ReadonlyMap<string, string>, into: T[]): number {
    const before = into.length
    this.#attributes = attributes
    this.#into = into
    if (this.#matchAll.length > 0) this.#take(this.#matchAll)
    if (this.#shelves.size > 0) attributes.forEach(this.#visit)
    return into.length - before
  }

  #take(bucket: readonly Entry<T>[]): void {
    for (let i = 0; i < bucket.length; i++) {
      const { check, item } = bucket[i] as Entry<T>
      if (check === null || check.matches(this.#attributes)) this.#into.push(item)
    }
  }

  #emptiest(keys: readonly FilterKey[]): FilterKey | null {
    let best: FilterKey | null = null
    let fewest = Infinity
    for (const key of keys) {
      // Presence says little about how many events pass, so it is taken only when the filter asks for no value.
      if (best !== null && 'value' in best && 'present' in key) continue
      const count = this.#count(key)
      if (count < fewest) [best, fewest] = [key, count]
    }
    return best
  }

  #count(key: FilterKey): number {
    const shelf = this.#shelves.get(key.attribute)
    if (shelf === undefined) return 0
    return 'value' in key ? (shelf.byValue.get(key.value)?.length ?? 0) : shelf.present.length
  }

  #bucket(key: FilterKey): Entry<T>[] {
    let shelf = this.#shelves.get(key.attribute)
    if (shelf === undefined) this.#shelves.set(key.attribute, (shelf = { byValue: new Map(), present: [] }))
    if ('present' in key) return shelf.present
    let bucket = shelf.byValue.get(key.value)
    if (bucket === undefined) shelf.byValue.set(key.value, (bucket = []))
    return bucket
  }

  /** Values come and go with Triggers: an empty bucket must not stay. */
  #drop(key: FilterKey): void {
    const shelf = this.#shelves.get(key.attribute)
    if (shelf === undefined) return
    if ('value' in key) shelf.byValue.delete(key.value)
    if (shelf.byValue.size === 0 && shelf.present.length === 0) this.#shelves.delete(key.attribute)
  }
}
