import type { StoredObject } from '../../kube/client.ts'
import { keyOf, nameOf, type Store } from '../../kube/store.ts'
import { sourceUidOf } from '../names.ts'

/** The Outlets of each KafkaSource: it has one for each topic. */
export class SourceOutlets {
  readonly #store: Store
  readonly #bySource = new Map<string, Map<string, ReturnType<typeof nameOf>>>()

  /** To be made before the store has its first list. */
  constructor(store: Store) {
    this.#store = store
    for (const object of store.all()) this.#set(object)
    store.subscribe((change) => (change.kind === 'set' ? this.#set(change.object) : this.#remove(change.object)))
  }

  /** Those of the KafkaSource with this UID. */
  of(uid: string): readonly StoredObject[] {
    return [...(this.#bySource.get(uid)?.values() ?? [])].flatMap((key) => this.#store.get(key) ?? [])
  }

  #set(object: StoredObject): void {
    const source = sourceUidOf(object.metadata.name)
    // Those of Triggers are named by the UID itself.
    if (source === object.metadata.name) return
    const names = this.#bySource.get(source) ?? new Map<string, ReturnType<typeof nameOf>>()
    const key = nameOf(object)
    this.#bySource.set(source, names.set(keyOf(key), key))
  }

  #remove(object: StoredObject): void {
    const source = sourceUidOf(object.metadata.name)
    const names = this.#bySource.get(source)
    names?.delete(keyOf(nameOf(object)))
    if (names?.size === 0) this.#bySource.delete(source)
  }
}
