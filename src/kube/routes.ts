import { inletOf, outletOf } from '../contract/objects.ts'
import { MemoryRoutes, type MemoryRouteSet } from '../contract/memory-routes.ts'
import type { RouteSource } from '../contract/route-source.ts'
import type { Clock } from '../core/clock.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { KubeClient, StoredObject } from './client.ts'
import { startInformer } from './informer.ts'
import { kinds } from './kinds.ts'
import type { Store, StoreChange } from './store.ts'

export interface KubeRoutesOptions {
  readonly client: KubeClient
  /** The system namespace: Inlets and Outlets anywhere else are nobody's. */
  readonly namespace: string
  /** What this process works on; of the other kind it knows nothing. */
  readonly watch: 'inlets' | 'outlets'
  /** The Kafka cluster of routes that name none. Absent: such a route is refused. */
  readonly bootstrapServers?: string | undefined
  readonly clock: Clock
  readonly logger: Logger
  /** Ends the watch; what is known stays. */
  readonly signal: AbortSignal
}

export interface KubeRoutes extends RouteSource {
  /** The objects themselves, with their status. Its listeners are told after those of `inlets` and `outlets`. */
  readonly objects: Store
  /** Up to which version of the API server's objects the routes are told to their listeners. */
  readonly resourceVersion: string
  /** Calls `listener` each time `resourceVersion` moved to that of a whole list. @see Informer.onListed */
  onListed(listener: () => void): () => void
  /** Whether the first list is in: before that a missing route means nothing. */
  readonly loaded: boolean
  /** Resolves when `loaded` is true. @throws Fault Closed when the signal was aborted before. */
  ready(): Promise<void>
  /** UIDs of objects that this version cannot read: an earlier version of them may be in force. */
  readonly refused: ReadonlySet<string>
}

/**
 * Routes from the API server. While that is away the last known ones stay in force.
 *
 *     list + watch ─► informer ─► spec changed? ─► of our contract? ── yes ─► route set ─► listeners
 *                                  (not status)      └── no ─► refused: logged, its last good version stays in force
 */
export function kubeRoutes(options: KubeRoutesOptions): KubeRoutes {
  const routes = new MemoryRoutes()
  const refused = new Set<string>()
  const { client, clock, logger, signal, watch } = options
  const resource = watch === 'inlets' ? kinds.inlet : kinds.outlet
  const selection = { namespace: options.namespace }
  const objects = startInformer({ client, resource, selection, keep, clock, logger, signal })
  const withCluster = <T extends { readonly bootstrapServers?: string | undefined }>(route: T): T => {
    const bootstrapServers = route.bootstrapServers ?? options.bootstrapServers
    if (bootstrapServers === undefined) throw new Error('it names no Kafka cluster (bootstrapServers)')
    return { ...route, bootstrapServers }
  }
  const follow = <T extends { readonly uid: string }>(set: MemoryRouteSet<T>, parse: (object: StoredObject) => T) =>
    objects.subscribe((change) => apply(change, { set, parse, refused, logger }))
  if (watch === 'inlets') follow(routes.inlets, (object) => withCluster(inletOf(object)))
  else follow(routes.outlets, (object) => withCluster(outletOf(object)))
  return {
    inlets: routes.inlets,
    outlets: routes.outlets,
    objects,
    refused,
    get resourceVersion() {
      return objects.resourceVersion
    },
    get loaded() {
      return objects.synced
    },
    onListed: (listener) => objects.onListed(listener),
    ready: () => objects.ready(),
  }
}

interface Into<T extends { readonly uid: string }> {
  readonly set: MemoryRouteSet<T>
  readonly refused: Set<string>
  readonly logger: Logger
  parse(object: StoredObject): T
}

function apply<T extends { readonly uid: string }>(change: StoreChange, into: Into<T>): void {
  const { name, generation } = change.object.metadata
  if (change.kind === 'gone') {
    into.refused.delete(name)
    into.set.delete(name)
  } else if (!isSameSpec(change.previous, change.object)) {
    try {
      into.set.set(into.parse(change.object))
      into.refused.delete(name)
    } catch (error) {
      into.refused.add(name)
      const facts = { kind: change.object.kind, name, generation, error: (error as Error).message }
      into.logger.error(facts, 'not of this version of the contract: not applied; its last good version stays in force')
    }
  }
}

/** A status that was written, most of them by us, changes no route. */
function isSameSpec(previous: StoredObject | undefined, { metadata }: StoredObject): boolean {
  return previous?.metadata.uid === metadata.uid && previous.metadata.generation === metadata.generation
}

/** Thousands of them are kept: only what we read. */
function keep({ apiVersion, kind, metadata, ...rest }: StoredObject): StoredObject {
  const { name, namespace = '', uid, resourceVersion, generation = 0 } = metadata
  const { spec, status } = rest as { spec?: unknown; status?: unknown }
  return { apiVersion, kind, metadata: { name, namespace, uid, resourceVersion, generation }, spec, status }
}
