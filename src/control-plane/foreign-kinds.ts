import type { Clock } from '../core/clock.ts'
import type { KubeClient, Resource, StoredObject } from '../kube/client.ts'
import { startInformer, type Informer } from '../kube/informer.ts'
import type { Store, StoreChange } from '../kube/store.ts'
import type { Logger } from '../telemetry/logger.ts'
import { groupKindName, type GroupKind, type Referrer } from './references.ts'

export interface ForeignKindsOptions {
  readonly client: KubeClient
  /** CustomResourceDefinitions, with `spec`. */
  readonly crds: Store
  readonly references: Interest
  readonly clock: Clock
  readonly logger: Logger
  readonly signal: AbortSignal
  /** These are to be looked at again. */
  readonly changed: (referrers: Iterable<Referrer>) => void
  /** What of an object is stored. Default: where it is reached. */
  readonly keep?: (kind: GroupKind) => (object: StoredObject) => StoredObject
  /** Kinds that need no CustomResourceDefinition. */
  readonly builtIn?: readonly Resource[]
  /** A kind is followed from now on. Who subscribes now hears of a change before anybody looks at it. */
  readonly followed?: (store: Store) => void
  /** A kind is not followed any more. */
  readonly left?: (store: Store) => void
  /** How long a kind is followed after the last that referred to it, milliseconds. Default 0. */
  readonly lingerMs?: number
}

/** Who is interested in what. */
export interface Interest {
  has(kind: GroupKind): boolean
  /** Whom a change concerns. */
  concerned(kind: GroupKind, change: StoreChange): Iterable<Referrer>
  toKind(kind: GroupKind): Iterable<Referrer>
}

/** What can be said about the objects of a kind. */
export type KindView =
  | { readonly kind: 'known'; readonly store: Store; readonly resource: Resource }
  | { readonly kind: 'notInstalled' }
  /** The first list is not in yet. */
  | { readonly kind: 'loading' }
  | { readonly kind: 'forbidden'; readonly resource: Resource }

interface Followed {
  readonly resource: Resource
  readonly informer: Informer
  readonly stop: AbortController
  told: KindView['kind']
}

/** How often it is looked whether informers got anywhere, milliseconds. */
const lookMs = 1_000

/**
 * Follows kinds that are not ours: as long as something of ours refers to the kind **and** it is installed.
 *
 *     reference ──┐
 *                 ├──► informer (metadata and addresses) ──► changed: those who refer to the object
 *     CRD ────────┘
 */
export class ForeignKinds {
  readonly #options: ForeignKindsOptions
  readonly #followed = new Map<string, Followed>()
  readonly #asked = new Map<string, GroupKind>()
  readonly #unneededSince = new Map<string, number>()

  constructor(options: ForeignKindsOptions) {
    this.#options = options
    options.crds.subscribe(({ object }) => this.#crdChanged(object))
    const timer = setInterval(() => this.#look(), lookMs)
    options.signal.addEventListener('abort', () => clearInterval(timer), { once: true })
  }

  /** What is known of a kind. To ask is to want it followed, as long as a reference to it stands in the index. */
  view(kind: GroupKind): KindView {
    const name = groupKindName(kind)
    this.#asked.set(name, kind)
    const followed = this.#followed.get(name) ?? this.#follow(kind)
    return followed === undefined ? { kind: 'notInstalled' } : viewOf(followed)
  }

  /** The kinds of which objects are known now. */
  *known(): Iterable<{ readonly kind: GroupKind; readonly store: Store; readonly resource: Resource }> {
    for (const { resource, informer } of this.#followed.values()) {
      const { group, kind } = resource
      if (informer.synced) yield { kind: { group, kind }, store: informer, resource }
    }
  }

  #follow(kind: GroupKind): Followed | undefined {
    const { client, clock, logger, signal, keep = () => keepAddress } = this.#options
    const resource = this.#resourceOf(kind)
    if (resource === undefined) return undefined
    const stop = new AbortController()
    const informer = startInformer({
      client,
      resource,
      keep: keep(kind),
      clock,
      logger,
      signal: AbortSignal.any([signal, stop.signal]),
    })
    const followed: Followed = { resource, informer, stop, told: 'loading' }
    this.#followed.set(groupKindName(kind), followed)
    this.#options.followed?.(informer)
    informer.subscribe((change) => {
      if (informer.synced) this.#options.changed(this.#options.references.concerned(kind, change))
    })
    void informer.ready().then(
      () => this.#look(),
      () => undefined,
    )
    return followed
  }

  /** A version that is served no more is as good as a kind that is gone; another one takes its place. */
  #crdChanged(crd: StoredObject): void {
    const names = crdNames(crd)
    if (names === undefined) return
    const name = groupKindName(names)
    if (!this.#asked.has(name)) return
    const followed = this.#followed.get(name)
    const now = this.#resourceOf(names)
    if (followed !== undefined && followed.resource.version === now?.version) return
    this.#stop(name)
    this.#options.changed(this.#options.references.toKind(names))
  }

  /** Tells what became of informers, and ends those that nobody needs. */
  #look(): void {
    const { references, changed } = this.#options
    for (const [name, kind] of this.#asked) {
      if (this.#isUnneeded(kind)) {
        this.#stop(name)
        this.#asked.delete(name)
        continue
      }
      const followed = this.#followed.get(name)
      if (followed === undefined) continue
      const now = viewOf(followed).kind
      if (now === followed.told) continue
      followed.told = now
      changed(references.toKind(kind))
    }
  }

  #isUnneeded(kind: GroupKind): boolean {
    const { references, clock, lingerMs = 0 } = this.#options
    const name = groupKindName(kind)
    if (references.has(kind)) return this.#unneededSince.delete(name) && false
    const since = this.#unneededSince.get(name) ?? clock.monotonic()
    this.#unneededSince.set(name, since)
    return clock.monotonic() - since >= lingerMs
  }

  #resourceOf(kind: GroupKind): Resource | undefined {
    const { builtIn = [], crds } = this.#options
    return builtIn.find((each) => groupKindName(each) === groupKindName(kind)) ?? resourceOf(crds, kind)
  }

  #stop(name: string): void {
    this.#unneededSince.delete(name)
    const followed = this.#followed.get(name)
    if (followed === undefined) return
    followed.stop.abort()
    this.#followed.delete(name)
    this.#options.left?.(followed.informer)
  }
}

function viewOf({ informer, resource }: Followed): KindView {
  // What was read once stays in force, as with all other faults: a right that is taken away for a moment unsettles nobody.
  if (informer.synced) return { kind: 'known', store: informer, resource }
  return informer.fault?.code === 'ApiForbidden' ? { kind: 'forbidden', resource } : { kind: 'loading' }
}

interface CrdSpec {
  readonly group: string
  readonly scope: string
  readonly names: { readonly kind: string; readonly plural: string }
  readonly versions: readonly { readonly name: string; readonly served: boolean; readonly storage?: boolean }[]
}

function crdNames(crd: StoredObject): GroupKind | undefined {
  const spec = crd['spec'] as CrdSpec | undefined
  return spec === undefined ? undefined : { group: spec.group, kind: spec.names.kind }
}

/** The kind as it is served: in its stored version when that is served, else in the first that is. */
function resourceOf(crds: Store, { group, kind }: GroupKind): Resource | undefined {
  for (const crd of crds.all()) {
    const spec = crd['spec'] as CrdSpec | undefined
    if (spec?.group !== group || spec.names.kind !== kind) continue
    const served = spec.versions.filter((version) => version.served)
    const version = served.find(({ storage }) => storage === true) ?? served[0]
    if (version === undefined) return undefined
    return { group, version: version.name, plural: spec.names.plural, kind, namespaced: spec.scope === 'Namespaced' }
  }
  return undefined
}

/** Of a CRD only what says how the kind is served: the schemas are large. */
export function keepCrd({ apiVersion, kind, metadata, ...rest }: StoredObject): StoredObject {
  const { group, scope, names, versions } = rest['spec'] as CrdSpec
  const spec: CrdSpec = {
    group,
    scope,
    names: { kind: names.kind, plural: names.plural },
    versions: versions.map(({ name, served, storage = false }) => ({ name, served, storage })),
  }
  return { apiVersion, kind, metadata: lean(metadata), spec }
}

/** Of a foreign object only where it is reached. */
function keepAddress({ apiVersion, kind, metadata, ...rest }: StoredObject): StoredObject {
  const { address, addresses } = (rest['status'] ?? {}) as { address?: unknown; addresses?: unknown }
  return { apiVersion, kind, metadata: lean(metadata), status: { address, addresses } }
}

function lean({ name, namespace, uid, resourceVersion }: StoredObject['metadata']): StoredObject['metadata'] {
  return { name, ...(namespace === undefined ? {} : { namespace }), uid, resourceVersion }
}
