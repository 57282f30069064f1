import type { ObjectName } from '../kube/client.ts'
import { keyOf, nameOf, type StoreChange } from '../kube/store.ts'
import type { FullReference } from './resolve.ts'

/** A kind of whatever version. */
export interface GroupKind {
  readonly group: string
  readonly kind: string
}

export function groupKindOf({ apiVersion, kind }: Pick<FullReference, 'apiVersion' | 'kind'>): GroupKind {
  const slash = apiVersion.indexOf('/')
  return { group: slash < 0 ? '' : apiVersion.slice(0, slash), kind }
}

/** `Service.serving.knative.dev`. */
export function groupKindName({ group, kind }: GroupKind): string {
  return group === '' ? kind : `${kind}.${group}`
}

/** Who refers: an object of one of our controllers. */
export interface Referrer {
  readonly kind: 'Broker' | 'Trigger' | 'SinkBinding' | 'KafkaSource'
  readonly key: ObjectName
}

/** Which of our objects refer to which others, so that a change of one brings up exactly those who refer to it. */
export class References {
  readonly #byReferrer = new Map<string, readonly FullReference[]>()
  readonly #byKind = new Map<string, Map<string, Map<string, Referrer>>>()

  /** What `referrer` refers to now. */
  set(referrer: Referrer, refs: readonly FullReference[]): void {
    const id = `${referrer.kind} ${keyOf(referrer.key)}`
    for (const ref of this.#byReferrer.get(id) ?? []) this.#remove(ref, id)
    if (refs.length === 0) this.#byReferrer.delete(id)
    else this.#byReferrer.set(id, refs)
    for (const ref of refs) this.#add(ref, id, referrer)
  }

  /** Those who refer to this object. */
  to(kind: GroupKind, target: ObjectName): Iterable<Referrer> {
    return this.#byKind.get(groupKindName(kind))?.get(keyOf(target))?.values() ?? []
  }

  /** Those who refer to the object that changed. */
  concerned(kind: GroupKind, { object }: StoreChange): Iterable<Referrer> {
    return this.to(kind, nameOf(object))
  }

  /** Those who refer to anything of this kind. */
  *toKind(kind: GroupKind): Iterable<Referrer> {
    for (const referrers of this.#byKind.get(groupKindName(kind))?.values() ?? []) yield* referrers.values()
  }

  has(kind: GroupKind): boolean {
    return this.#byKind.has(groupKindName(kind))
  }

  #add(ref: FullReference, id: string, referrer: Referrer): void {
    const kind = groupKindName(groupKindOf(ref))
    const targets = this.#byKind.get(kind) ?? new Map<string, Map<string, Referrer>>()
    const referrers = targets.get(keyOf(ref)) ?? new Map<string, Referrer>()
    this.#byKind.set(kind, targets.set(keyOf(ref), referrers.set(id, referrer)))
  }

  #remove(ref: FullReference, id: string): void {
    const kind = groupKindName(groupKindOf(ref))
    const targets = this.#byKind.get(kind)
    const referrers = targets?.get(keyOf(ref))
    referrers?.delete(id)
    if (referrers?.size === 0) targets?.delete(keyOf(ref))
    if (targets?.size === 0) this.#byKind.delete(kind)
  }
}
