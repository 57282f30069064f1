import { Affixes } from './affixes.ts'
import type { CompiledFilter } from './filter.ts'
import type { FilterKey, Lookup } from './filter-keys.ts'

/** An item, and what is left to check when it is found. */
interface Entry<T> {
  readonly item: T
  /** Null: found means matched. */
  readonly check: CompiledFilter | null
  /** Where it stands: one for each alternative. */
  places: readonly Place<T>[]
  /** The last event that found it: with several places it may be found more than once. */
  seenBy: number
}

interface Place<T> {
  readonly entry: Entry<T>
  /** Null: in the bucket of all. */
  readonly key: FilterKey | null
  readonly bucket: Bucket<T>
  /** Index in `bucket`; kept true by `remove`, which moves the last place into the gap. */
  position: number
}

type Bucket<T> = Place<T>[]

/** What is filed by one attribute. */
interface Shelf<T> {
  readonly exact: Map<string, Bucket<T>>
  readonly prefix: Affixes<Bucket<T>>
  readonly suffix: Affixes<Bucket<T>>
  /** Filters that ask only that the attribute is there and not empty. */
  readonly present: Bucket<T>
}

interface Choice {
  readonly keys: readonly FilterKey[]
  readonly cost: number
}

/**
 * Which of many filters match an event, at the cost of what matches and not of what exists.
 *
 *     event attributes (about 8)
 *        │ each name, value
 *        ▼
 *     shelf of the name ──► exact: bucket of the value ────────────────────┐
 *        │                  prefix, suffix: buckets of its beginnings, ends ├─► seen already? ─► check the rest of the filter ─► into
 *        │ value not ''     present bucket ────────────────────────────────┤
 *     (always) ───────────► bucket of all ─────────────────────────────────┘
 *
 * Of conditions that must all hold an item is filed under the one whose bucket is emptiest when it is added (ties: the order of the filter); of
 * alternatives, under each. So a hundred filters `{env: prod, type: <own>}` spread by type although `env` comes first. In the bucket of all
 * stand filters that nothing can be looked up for: they are asked for each event. `match` allocates nothing: the caller's array is reused, and
 * the visitors are made once. The order of results means nothing.
 */
export class MatchIndex<T> {
  readonly #entries = new Map<T, Entry<T>>()
  readonly #shelves = new Map<string, Shelf<T>>()
  readonly #all: Bucket<T> = []
  // The event under way: state of the visitors, so that no closure is made per event. Nothing of the caller's runs in between.
  #attributes: ReadonlyMap<string, string> = new Map()
  #into: T[] = []
  #event = 0
  readonly #visit = (value: string, name: string): void => {
    const shelf = this.#shelves.get(name)
    if (shelf === undefined) return
    const bucket = shelf.exact.get(value)
    if (bucket !== undefined) this.#take(bucket)
    if (!shelf.prefix.isEmpty) shelf.prefix.look(value, this.#take)
    if (!shelf.suffix.isEmpty) shelf.suffix.look(value, this.#take)
    if (value !== '' && shelf.present.length > 0) this.#take(shelf.present)
  }
  readonly #take = (bucket: Bucket<T>): void => {
    for (let i = 0; i < bucket.length; i++) {
      const { entry } = bucket[i] as Place<T>
      if (entry.seenBy === this.#event) continue
      entry.seenBy = this.#event
      if (entry.check === null || entry.check.matches(this.#attributes)) this.#into.push(entry.item)
    }
  }

  get size(): number {
    return this.#entries.size
  }

  /** Files `item` (told apart by identity) under its filter; an item that is there already is filed anew. */
  add(item: T, filter: CompiledFilter): void {
    this.remove(item)
    const entry: Entry<T> = { item, check: filter.complete ? null : filter, places: [], seenBy: 0 }
    const keys = filter.lookup === null ? [null] : this.#choose(filter.lookup).keys
    // not by push, which makes room for sixteen more: there are ten thousand entries, and most have one place
    entry.places = keys.flatMap((key) => this.#file(entry, key) ?? [])
    this.#entries.set(item, entry)
  }

  /** @returns whether it was there. */
  remove(item: T): boolean {
    const entry = this.#entries.get(item)
    if (entry === undefined) return false
    this.#entries.delete(item)
    for (const place of entry.places) {
      const { bucket, position, key } = place
      const last = bucket.pop()
      if (last !== undefined && last !== place) {
        bucket[position] = last
        last.position = position
      }
      if (bucket.length === 0 && key !== null) this.#drop(key)
    }
    return true
  }

  /** Appends every item whose filter matches to `into` (the caller empties it). @returns how many were appended. */
  match(attributes: ReadonlyMap<string, string>, into: T[]): number {
    const before = into.length
    this.#attributes = attributes
    this.#into = into
    this.#event++
    if (this.#all.length > 0) this.#take(this.#all)
    if (this.#shelves.size > 0) attributes.forEach(this.#visit)
    return into.length - before
  }

  #file(entry: Entry<T>, key: FilterKey | null): Place<T> | null {
    const bucket = key === null ? this.#all : this.#bucket(key)
    // alternatives that ask the same
    if (bucket.at(-1)?.entry === entry) return null
    const place = { entry, key, bucket, position: bucket.length }
    bucket.push(place)
    return place
  }

  #choose(lookup: Lookup): Choice {
    if ('key' in lookup) return { keys: [lookup.key], cost: this.#cost(lookup.key) }
    if ('allOf' in lookup) {
      const choices = lookup.allOf.map((one) => this.#choose(one))
      return choices.reduce((best, one) => (one.cost < best.cost ? one : best))
    }
    const choices = lookup.anyOf.map((one) => this.#choose(one))
    return { keys: choices.flatMap(({ keys }) => keys), cost: choices.reduce((sum, { cost }) => sum + cost, 0) }
  }

  /** How many others are found by this key. Presence says little about how many events pass: only when the filter asks for no text. */
  #cost(key: FilterKey): number {
    return (this.#find(key)?.length ?? 0) + (key.kind === 'present' ? 1_000_000 : 0)
  }

  #find(key: FilterKey): Bucket<T> | undefined {
    const shelf = this.#shelves.get(key.attribute)
    if (shelf === undefined) return undefined
    return key.kind === 'present' ? shelf.present : shelf[key.kind].get(key.text)
  }

  #bucket(key: FilterKey): Bucket<T> {
    const found = this.#find(key)
    if (found !== undefined) return found
    const shelf = this.#shelves.get(key.attribute) ?? newShelf<T>()
    this.#shelves.set(key.attribute, shelf)
    if (key.kind === 'present') return shelf.present
    const bucket: Bucket<T> = []
    shelf[key.kind].set(key.text, bucket)
    return bucket
  }

  /** Texts come and go with Triggers: an empty bucket must not stay. */
  #drop(key: FilterKey): void {
    const shelf = this.#shelves.get(key.attribute)
    if (shelf === undefined) return
    if (key.kind !== 'present') shelf[key.kind].delete(key.text)
    const { exact, prefix, suffix, present } = shelf
    if (exact.size === 0 && prefix.isEmpty && suffix.isEmpty && present.length === 0) {
      this.#shelves.delete(key.attribute)
    }
  }
}

function newShelf<T>(): Shelf<T> {
  return { exact: new Map(), prefix: new Affixes({ ends: false }), suffix: new Affixes({ ends: true }), present: [] }
}
