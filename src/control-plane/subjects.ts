import type { ObjectName, StoredObject } from '../kube/client.ts'
import { keyOf } from '../kube/store.ts'
import type { FullReference, ResolveReference } from './resolve.ts'

/** Which object stood behind each key when it was last reconciled: what is remembered of one must not be taken for another's of its name. */
export class Subjects {
  readonly #uids = new Map<string, string>()

  /**
   * Another one, or none, may stand behind the key now.
   * @param forget is told the uid of the one that stood there before.
   * @returns whether there is one.
   */
  enter(
    key: ObjectName,
    object: StoredObject | undefined,
    forget: (key: ObjectName, uid: string) => void,
  ): object is StoredObject {
    const id = keyOf(key)
    const before = this.#uids.get(id)
    if (before !== undefined && before !== object?.metadata.uid) {
      this.#uids.delete(id)
      forget(key, before)
    }
    if (object === undefined) return false
    this.#uids.set(id, object.metadata.uid)
    return true
  }
}

/** Notes which references are resolved: the object is looked at again when what they name changes. */
export function noting(resolve: ResolveReference): { refs: FullReference[]; resolve: ResolveReference } {
  const refs: FullReference[] = []
  return { refs, resolve: (ref) => (refs.push(ref), resolve(ref)) }
}
