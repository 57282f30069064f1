import type { KubeObject, StoredObject } from '../client.ts'
import type { Storage } from './storage.ts'
import { condemned, isUnchanged } from './writing.ts'

/** How objects go: at once, or marked by deletionTimestamp while something holds them. */
export class Deletion {
  readonly #storage: Storage
  readonly #now: () => string

  constructor(storage: Storage, now: () => string) {
    this.#storage = storage
    this.#now = now
  }

  /** @param finalizer one that holds it besides its own */
  begin(kind: string, object: StoredObject, finalizer?: string): void {
    const marked = condemned(object, finalizer, this.#now())
    if (!this.#isHeld(kind, marked)) this.#storage.remove(kind, object)
    else if (!isUnchanged(object, marked)) this.#storage.put(kind, marked)
  }

  /** Stores what became of `current`; lets it go when it is being deleted and nothing holds it any more. */
  store(kind: string, current: StoredObject, next: KubeObject): StoredObject {
    if (next.metadata.deletionTimestamp === undefined || this.#isHeld(kind, next)) return this.#storage.put(kind, next)
    this.#storage.remove(kind, next)
    return versioned(next, current)
  }

  /** A namespace is held by what is in it. */
  #isHeld(kind: string, { metadata }: KubeObject): boolean {
    return (
      (metadata.finalizers ?? []).length > 0 || (kind === 'namespaces' && this.#storage.population(metadata.name) > 0)
    )
  }
}

/** `object` with the version of `current`, as the answer to a write that stored nothing. */
export function versioned(object: KubeObject, { metadata }: StoredObject): StoredObject {
  const { uid, resourceVersion } = metadata
  return { ...object, metadata: { ...object.metadata, uid, resourceVersion } }
}
