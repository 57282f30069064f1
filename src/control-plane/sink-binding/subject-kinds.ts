import { isDeepStrictEqual } from 'node:util'
import { retryBackoffMs } from '../../core/backoff.ts'
import type { Clock } from '../../core/clock.ts'
import type { KubeClient, ObjectName, Resource, StoredObject } from '../../kube/client.ts'
import { pause } from '../../kube/pause.ts'
import { keyOf, type Store, type StoreChange } from '../../kube/store.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { ForeignKinds, type Interest, type KindView } from '../foreign-kinds.ts'
import { groupKindName, type GroupKind, type Referrer } from '../references.ts'
import { add, remove, type Bindings, type Index } from './bindings.ts'
import { recordOf } from './record.ts'
import { builtInWorkloads, controllerOf, isKnativeService, keepWorkload } from './workload.ts'

/** So long a kind is followed after the last SinkBinding for it: what a late admission put into a workload is still seen, and taken out. */
const lingerMs = 60_000
/** When the kinds of Kubernetes are looked through: workloads of a list, and how long it is waited at most before it is tried again, milliseconds. */
const pageSize = 500
const mostRetryMs = 30_000

interface SubjectKindsOptions {
  readonly client: KubeClient
  readonly crds: Store
  readonly bindings: Bindings
  readonly clock: Clock
  readonly logger: Logger
  readonly signal: AbortSignal
  /** SinkBindings, there or not any more, that are to be looked at again. */
  readonly changed: (referrers: Iterable<Referrer>) => void
  /** Which kinds are bound may have changed. */
  readonly kindsChanged: () => void
  /** A workload is gone. */
  readonly gone: (uid: string) => void
}

/** A workload of the cache, lean. @see keepWorkload */
export interface Workload {
  readonly kind: GroupKind
  readonly resource: Resource
  readonly object: StoredObject
}

/**
 * The workloads of the kinds that SinkBindings bind, as long as one does: where nobody binds anything nothing is kept. Kubernetes' own are looked
 * through once at the start, by their metadata: a workload whose SinkBinding is gone says so by its record.
 */
export class SubjectKinds implements Interest {
  readonly #options: SubjectKindsOptions
  readonly #kinds: ForeignKinds
  /** Names of kinds by SinkBinding, and SinkBindings by the name of a kind. */
  readonly #wanted = new Map<string, readonly string[]>()
  readonly #wanting = new Map<string, Map<string, ObjectName>>()
  readonly #byNamespace = new WeakMap<Store, NamespaceIndex>()

  constructor(options: SubjectKindsOptions) {
    this.#options = options
    const { client, crds, clock, logger, signal, changed } = options
    this.#kinds = new ForeignKinds({
      ...{ client, crds, clock, logger, signal, changed, lingerMs },
      references: this,
      keep: keepWorkload,
      builtIn: builtInWorkloads,
      followed: (store) => this.#byNamespace.set(store, new NamespaceIndex(store)),
      left: (store) => {
        for (const { metadata } of store.all()) options.gone(metadata.uid)
      },
    })
  }

  /** Looks once through the kinds of Kubernetes itself for workloads that have a record, and follows for a while those of which there is one. */
  lookThrough(): void {
    for (const kind of builtInWorkloads) void this.#lookFor(kind)
  }

  async #lookFor(resource: Resource): Promise<void> {
    const { signal } = this.#options
    for (let failures = 1; !signal.aborted; failures += 1) {
      try {
        if (await this.#hasRecords(resource)) this.#kinds.view(resource)
        return
      } catch {
        // What is refused for good concerns who binds the kind, and is told there.
        await pause(retryBackoffMs(failures, { capMs: mostRetryMs }), signal)
      }
    }
  }

  async #hasRecords(resource: Resource): Promise<boolean> {
    const { client, signal } = this.#options
    for (let next: string | undefined = ''; next !== undefined;) {
      const from: { continue?: string } = next === '' ? {} : { continue: next }
      const page = await client.list(resource, { metadataOnly: true, limit: pageSize, ...from }, signal)
      // A ReplicaSet has the annotations of its Deployment.
      if (page.items.some((object) => Object.keys(recordOf(object)).length > 0 && controllerOf(object) === undefined))
        return true
      next = page.continue
    }
    return false
  }

  /** From now on the SinkBinding `key` needs these kinds; none: it is gone. */
  want(key: ObjectName, kinds: readonly GroupKind[]): void {
    const id = keyOf(key)
    const [before, now] = [this.#wanted.get(id) ?? [], kinds.map(groupKindName)]
    if (!isDeepStrictEqual(before, now)) {
      for (const name of before) this.#unwant(name, id)
      for (const name of now)
        this.#wanting.set(name, (this.#wanting.get(name) ?? new Map<string, ObjectName>()).set(id, key))
      if (now.length === 0) this.#wanted.delete(id)
      else this.#wanted.set(id, now)
    }
    this.#options.kindsChanged()
  }

  #unwant(kind: string, id: string): void {
    const wanting = this.#wanting.get(kind)
    wanting?.delete(id)
    if (wanting?.size === 0) this.#wanting.delete(kind)
  }

  view(kind: GroupKind): KindView {
    return this.#kinds.view(kind)
  }

  /** The kinds of others that are bound now. */
  foreign(): readonly Resource[] {
    const found = [...this.#kinds.known()].filter(({ kind }) => this.has(kind)).map(({ resource }) => resource)
    return found.filter((resource) => !builtInWorkloads.includes(resource) && !isKnativeService(resource))
  }

  /** What is known of the workloads of a kind in a namespace. */
  in(namespace: string, kind: GroupKind): readonly Workload[] {
    const view = this.#kinds.view(kind)
    return view.kind === 'known' ? this.#workloads(namespace, { ...view, kind }) : []
  }

  /** As {@link in}, of all kinds that are followed now. */
  allIn(namespace: string): readonly Workload[] {
    return [...this.#kinds.known()].flatMap((known) => this.#workloads(namespace, known))
  }

  #workloads(
    namespace: string,
    { store, resource, kind }: { readonly store: Store; readonly resource: Resource; readonly kind: GroupKind },
  ): readonly Workload[] {
    const index = this.#byNamespace.get(store)
    return (index?.in(namespace) ?? []).map((object) => ({ kind, resource, object }))
  }

  has(kind: GroupKind): boolean {
    return this.#wanting.has(groupKindName(kind))
  }

  /** Those who want the kind, and those whom records of it name. */
  *toKind(kind: GroupKind): Iterable<Referrer> {
    this.#options.kindsChanged()
    for (const key of this.#wanting.get(groupKindName(kind))?.values() ?? []) yield referrer(key)
    const view = this.#kinds.view(kind)
    if (view.kind === 'known') for (const object of view.store.all()) yield* named(object)
  }

  *concerned(kind: GroupKind, change: StoreChange): Iterable<Referrer> {
    const { object } = change
    const previous = change.kind === 'set' ? change.previous : undefined
    if (change.kind === 'gone') this.#options.gone(object.metadata.uid)
    // Of a rollout nothing but the status changes.
    if (previous !== undefined && sameMeaning(previous, object)) return
    for (const version of previous === undefined ? [object] : [object, previous]) {
      yield* named(version)
      const { namespace = '' } = version.metadata
      for (const binding of this.#options.bindings.of(kind, namespace, version.metadata))
        yield referrer({ namespace, name: binding.metadata.name })
    }
  }
}

class NamespaceIndex {
  readonly #objects: Index = new Map()

  constructor(store: Store) {
    store.subscribe(({ kind, object }) => {
      const { namespace = '', name } = object.metadata
      if (kind === 'set') add(this.#objects, namespace, object)
      else remove(this.#objects, namespace, name)
    })
  }

  in(namespace: string): readonly StoredObject[] {
    return [...(this.#objects.get(namespace)?.values() ?? [])]
  }
}

/** The SinkBindings that a workload's record names. */
function* named(workload: StoredObject): Iterable<Referrer> {
  const { namespace = '' } = workload.metadata
  for (const name of Object.keys(recordOf(workload))) yield referrer({ namespace, name })
}

function referrer(key: ObjectName): Referrer {
  return { kind: 'SinkBinding', key }
}

function sameMeaning(a: StoredObject, b: StoredObject): boolean {
  const bare = ({ metadata, ...rest }: StoredObject) => ({ ...rest, metadata: { ...metadata, resourceVersion: '' } })
  return isDeepStrictEqual(bare(a), bare(b))
}
