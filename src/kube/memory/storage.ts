import type { KubeObject, ObjectName, StoredObject } from '../client.ts'
import { keyOf } from '../store.ts'
import { refusals } from './refusals.ts'

/** A step from one version to the next. */
export interface Change {
  readonly version: number
  /** `triggers.eventing.knative.dev`. */
  readonly kind: string
  /** `namespace/name`. */
  readonly key: string
  /** Undefined: created. */
  readonly before: StoredObject | undefined
  readonly after: StoredObject
  /** `after` is then how it last was, with the version of its deletion. */
  readonly deleted: boolean
}

/** What etcd is to a real API server: objects, one version that counts all changes, and their history for as long as it is kept. */
export class Storage {
  readonly #kinds = new Map<string, Map<string, StoredObject>>()
  readonly #historyLimit: number
  readonly #listeners = new Set<(change: Change) => void>()
  readonly #population = new Map<string, number>()
  #history: Change[] = []
  #forgotten = 1
  #version = 1

  constructor(historyLimit: number) {
    this.#historyLimit = historyLimit
  }

  get version(): number {
    return this.#version
  }

  kind(kind: string): ReadonlyMap<string, StoredObject> {
    return this.#kinds.get(kind) ?? new Map<string, StoredObject>()
  }

  *all(): Iterable<{ readonly kind: string; readonly object: StoredObject }> {
    for (const [kind, objects] of this.#kinds) for (const object of objects.values()) yield { kind, object }
  }

  get(kind: string, key: ObjectName): StoredObject | undefined {
    return this.#kinds.get(kind)?.get(keyOf(key))
  }

  /** How many objects are in a namespace. */
  population(namespace: string): number {
    return this.#population.get(namespace) ?? 0
  }

  /** Objects are frozen: they are shared by all who read them. */
  put(kind: string, object: KubeObject): StoredObject {
    const objects = this.#kinds.get(kind) ?? new Map<string, StoredObject>()
    this.#kinds.set(kind, objects)
    const key = keyOf(object.metadata)
    const before = objects.get(key)
    const after = this.#next(object)
    objects.set(key, after)
    this.#record({ version: this.#version, kind, key, before, after, deleted: false })
    return after
  }

  remove(kind: string, object: KubeObject): void {
    const key = keyOf(object.metadata)
    const before = this.#kinds.get(kind)?.get(key)
    if (before === undefined) return
    this.#kinds.get(kind)?.delete(key)
    const after = this.#next(object)
    this.#record({ version: this.#version, kind, key, before, after, deleted: true })
  }

  /** @throws Fault ApiGone */
  changesAfter(version: number): readonly Change[] {
    if (version < this.#forgotten) throw refusals.tooOld(version)
    return this.#history.slice(this.#indexAfter(version))
  }

  /** The objects of a kind as they were, in the order of their keys. @throws Fault ApiGone */
  at(kind: string, version: number): readonly StoredObject[] {
    const objects = new Map(this.kind(kind))
    for (const change of this.changesAfter(version).toReversed()) {
      if (change.kind !== kind) continue
      if (change.before === undefined) objects.delete(change.key)
      else objects.set(change.key, change.before)
    }
    return [...objects].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object)
  }

  /** Called with each change from now on. Returns the way to stop. */
  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Forgets all history. */
  compact(): void {
    this.#history = []
    this.#forgotten = this.#version
  }

  #next(object: KubeObject): StoredObject {
    this.#version += 1
    return frozen({
      ...object,
      metadata: { ...object.metadata, resourceVersion: String(this.#version) },
    } as StoredObject)
  }

  #record(change: Change): void {
    const { namespace } = change.after.metadata
    const more = change.deleted ? -1 : change.before === undefined ? 1 : 0
    if (namespace !== undefined) this.#population.set(namespace, this.population(namespace) + more)
    this.#history.push(change)
    if (this.#history.length > this.#historyLimit * 2) {
      this.#history = this.#history.slice(-this.#historyLimit)
      this.#forgotten = (this.#history[0]?.version ?? this.#version) - 1
    }
    for (const listener of [...this.#listeners]) listener(change)
  }

  /** Versions in the history have no gaps. */
  #indexAfter(version: number): number {
    const first = this.#history[0]?.version ?? this.#version + 1
    return Math.max(0, version + 1 - first)
  }
}

function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const part of Object.values(value)) frozen(part)
  return Object.freeze(value)
}
