import type { Logger } from '../telemetry/logger.ts'
import type { ObjectName, StoredObject } from './client.ts'
import { keyOf, type StoreChange } from './store.ts'

interface CacheOptions {
  /** Makes an object smaller before it is stored. */
  readonly keep: ((object: StoredObject) => StoredObject) | undefined
  readonly logger: Logger
}

/** The objects of an informer, and who wants to know of changes. What listeners or `keep` throw is logged and stops nothing. */
export class Cache {
  readonly #objects = new Map<string, StoredObject>()
  readonly #listeners = new Set<(change: StoreChange) => void>()
  readonly #options: CacheOptions

  constructor(options: CacheOptions) {
    this.#options = options
  }

  get(key: ObjectName): StoredObject | undefined {
    return this.#objects.get(keyOf(key))
  }

  all(): Iterable<StoredObject> {
    return this.#objects.values()
  }

  subscribe(listener: (change: StoreChange) => void): () => void {
    // A function of its own, so that who subscribes the same one twice is told twice, and stops each by itself.
    const told = (change: StoreChange): void => listener(change)
    this.#listeners.add(told)
    return () => this.#listeners.delete(told)
  }

  /** Stores it and tells, unless it is what is there. One with the name of another, and another uid, is told as that one gone first. */
  set(object: StoredObject): void {
    const key = keyOf(object.metadata)
    let previous = this.#objects.get(key)
    if (previous !== undefined && previous.metadata.uid !== object.metadata.uid) {
      this.#objects.delete(key)
      this.#tell({ kind: 'gone', object: previous })
      previous = undefined
    }
    if (previous?.metadata.resourceVersion === object.metadata.resourceVersion) return
    const kept = this.#trim(object)
    this.#objects.set(key, kept)
    this.#tell({ kind: 'set', object: kept, previous })
  }

  remove(object: StoredObject): void {
    if (this.#objects.delete(keyOf(object.metadata))) this.#tell({ kind: 'gone', object: this.#trim(object) })
  }

  /** Removes all whose key is not in `present`. */
  retain(present: ReadonlySet<string>): void {
    for (const [key, object] of this.#objects) {
      if (present.has(key)) continue
      this.#objects.delete(key)
      this.#tell({ kind: 'gone', object })
    }
  }

  #trim(object: StoredObject): StoredObject {
    const { managedFields, ...metadata } = object.metadata
    const lean = managedFields === undefined ? object : { ...object, metadata }
    try {
      return this.#options.keep?.(lean) ?? lean
    } catch (error) {
      this.#options.logger.error({ err: error, object: keyOf(metadata) }, 'an object could not be made smaller')
      return lean
    }
  }

  #tell(change: StoreChange): void {
    for (const listener of this.#listeners) {
      try {
        listener(change)
      } catch (error) {
        const object = keyOf(change.object.metadata)
        this.#options.logger.error({ err: error, object }, 'a listener to changes failed')
      }
    }
  }
}
