import type { OwnerReference, StoredObject } from '../client.ts'
import type { Deletion } from './deletion.ts'
import type { Change, Storage } from './storage.ts'

interface Place {
  readonly kind: string
  readonly key: string
}

const foreground = 'foregroundDeletion'

/**
 * What kube-controller-manager does after writes: objects go when all their owners are gone (an owner in another namespace never was
 * there), an owner that is deleted in the foreground waits for those that block it, and a namespace takes all that is in it along.
 * It works after the write that gave rise to it, as the controllers of a cluster do.
 */
export class Collector {
  readonly #storage: Storage
  readonly #deletion: Deletion
  readonly #places = new Map<string, Place>()
  /** Owner's uid → what names it as owner. */
  readonly #dependents = new Map<string, Map<string, Place>>()

  constructor(storage: Storage, deletion: Deletion) {
    this.#storage = storage
    this.#deletion = deletion
    storage.subscribe((change) => this.#onChange(change))
  }

  isTerminating(namespace: string): boolean {
    return this.#storage.kind('namespaces').get(`/${namespace}`)?.metadata.deletionTimestamp !== undefined
  }

  /** Its dependents forget it. */
  orphan(owner: StoredObject): void {
    for (const { kind, object } of this.#dependentsOf(owner.metadata.uid)) {
      const ownerReferences = ownersOf(object).filter(({ uid }) => uid !== owner.metadata.uid)
      this.#deletion.store(kind, object, { ...object, metadata: { ...object.metadata, ownerReferences } })
    }
  }

  #onChange(change: Change): void {
    const { kind, after, deleted } = change
    this.#index(change)
    if (deleted) {
      for (const dependent of this.#dependentsOf(after.metadata.uid)) queueMicrotask(() => this.#judge(dependent))
      for (const { uid } of ownersOf(after)) this.#lookAgainAt(uid)
      this.#lookAgainAtNamespace(after.metadata.namespace)
    } else {
      const place = { kind, key: change.key }
      if (ownersOf(after).length > 0) queueMicrotask(() => this.#judge(place))
      if (after.metadata.deletionTimestamp !== undefined) queueMicrotask(() => this.#advance(place))
    }
  }

  #index({ kind, key, before, after, deleted }: Change): void {
    const place = { kind, key }
    const id = `${kind} ${key}`
    for (const { uid } of before ? ownersOf(before) : []) {
      this.#dependents.get(uid)?.delete(id)
      if (this.#dependents.get(uid)?.size === 0) this.#dependents.delete(uid)
    }
    if (deleted) {
      this.#places.delete(after.metadata.uid)
      return
    }
    this.#places.set(after.metadata.uid, place)
    for (const { uid } of ownersOf(after)) {
      const dependents = this.#dependents.get(uid) ?? new Map<string, Place>()
      this.#dependents.set(uid, dependents.set(id, place))
    }
  }

  /** Goes when it has owners and none is there. */
  #judge({ kind, key }: Place): void {
    const object = this.#at({ kind, key })
    if (object === undefined || object.metadata.deletionTimestamp !== undefined) return
    if (ownersOf(object).length > 0 && !ownersOf(object).some((owner) => this.#isThere(owner, object))) {
      this.#deletion.begin(kind, object)
    }
  }

  /** Of something that is being deleted: what has to go before it. */
  #advance(place: Place): void {
    const object = this.#at(place)
    if (object?.metadata.deletionTimestamp === undefined) return
    if (place.kind === 'namespaces') this.#empty(object.metadata.name)
    if (object.metadata.finalizers?.includes(foreground) === true) this.#advanceForeground(place.kind, object)
  }

  #advanceForeground(kind: string, owner: StoredObject): void {
    const { uid } = owner.metadata
    for (const { kind, object } of this.#dependentsOf(uid)) {
      if (object.metadata.deletionTimestamp === undefined) this.#deletion.begin(kind, object, foreground)
    }
    const blocked = this.#dependentsOf(uid).some(({ object }) =>
      ownersOf(object).some((reference) => reference.uid === uid && reference.blockOwnerDeletion === true),
    )
    if (blocked) return
    const finalizers = owner.metadata.finalizers?.filter((finalizer) => finalizer !== foreground) ?? []
    this.#deletion.store(kind, owner, { ...owner, metadata: { ...owner.metadata, finalizers } })
  }

  #empty(namespace: string): void {
    for (const { kind, object } of [...this.#storage.all()]) {
      if (object.metadata.namespace === namespace && object.metadata.deletionTimestamp === undefined) {
        this.#deletion.begin(kind, object)
      }
    }
  }

  #lookAgainAt(uid: string): void {
    const place = this.#places.get(uid)
    if (place) queueMicrotask(() => this.#advance(place))
  }

  #lookAgainAtNamespace(name: string | undefined): void {
    if (name === undefined || !this.isTerminating(name)) return
    const place = { kind: 'namespaces', key: `/${name}` }
    queueMicrotask(() => {
      const namespace = this.#at(place)
      if (namespace && this.isTerminating(name)) this.#deletion.begin('namespaces', namespace)
    })
  }

  #dependentsOf(uid: string): { kind: string; key: string; object: StoredObject }[] {
    return [...(this.#dependents.get(uid)?.values() ?? [])].flatMap((place) => {
      const object = this.#at(place)
      return object === undefined ? [] : [{ ...place, object }]
    })
  }

  #isThere({ uid }: OwnerReference, { metadata }: StoredObject): boolean {
    const place = this.#places.get(uid)
    const owner = place && this.#at(place)
    return owner !== undefined && (owner.metadata.namespace ?? metadata.namespace) === metadata.namespace
  }

  #at({ kind, key }: Place): StoredObject | undefined {
    return this.#storage.kind(kind).get(key)
  }
}

function ownersOf({ metadata }: StoredObject): readonly OwnerReference[] {
  return metadata.ownerReferences ?? []
}
