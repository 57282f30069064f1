import { inletOf, outletOf } from '../contract/objects.ts'
import type { Outlet } from '../contract/outlet.ts'
import { MemoryRoutes, type MemoryRouteSet } from '../contract/memory-routes.ts'
import type { RouteSource } from '../contract/route-source.ts'
import { clusterOf, type KafkaCluster, type RouteCluster } from '../contract/source.ts'
import type { Clock } from '../core/clock.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { KubeClient, StoredObject } from './client.ts'
import { startInformer, type Informer } from './informer.ts'
import { kinds } from './kinds.ts'
import { nameOf, type Store, type StoreChange } from './store.ts'

/** How many different texts are looked for among those that are kept already. */
const MOST_TEXTS = 1000

export interface KubeRoutesOptions {
  readonly client: KubeClient
  /** The system namespace: Inlets and Outlets anywhere else are nobody's. */
  readonly namespace: string
  /** What this process works on; of the other kind it knows nothing. */
  readonly watch: 'inlets' | 'outlets'
  /** The Kafka cluster of routes that name none, with its credential. Absent: such a route is refused. */
  readonly kafka?: KafkaCluster | undefined
  /** What is kept of each object's status; absent: all of it. Pure. */
  readonly keepStatus?: ((status: unknown) => unknown) | undefined
  readonly clock: Clock
  readonly logger: Logger
  /** Ends the watch; what is known stays. */
  readonly signal: AbortSignal
}

export interface KubeRoutes extends RouteSource {
  /** The objects with their status; instead of the spec, the route that it comes to. Its listeners are told after those of `inlets` and `outlets`. */
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
  const texts = new Texts()
  const keeping = { parse: parserOf(options, texts), texts, keepStatus: options.keepStatus ?? ((status) => status) }
  const keep = (object: StoredObject): KeptObject => keptOf(object, objects.get(nameOf(object)), keeping)
  const objects: Informer = startInformer({ client, resource, selection, keep, clock, logger, signal })
  const follow = <T extends { readonly uid: string }>(set: MemoryRouteSet<T>) =>
    objects.subscribe((change) => apply(change, { set, refused, logger }))
  if (watch === 'inlets') follow(routes.inlets)
  else follow(routes.outlets)
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

/** Thousands of them are kept: only what we read, and each route once. */
type KeptObject = StoredObject & { readonly route: Parsed }

/** What a spec comes to; `refused`: why it is not of this version of the contract. */
type Parsed = { readonly value: { readonly uid: string } } | { readonly refused: string }

type Parse = (object: StoredObject) => { readonly uid: string }

function parserOf({ watch, kafka: usual }: KubeRoutesOptions, texts: Texts): Parse {
  const withCluster = <T extends RouteCluster>(route: T): T => {
    const cluster = clusterOf(route, usual)
    if (cluster === undefined) throw new Error('it names no Kafka cluster (bootstrapServers)')
    return { ...route, ...cluster }
  }
  return watch === 'inlets'
    ? (object) => withCluster(inletOf(object))
    : (object) => texts.shareIn(withCluster(outletOf(object)))
}

/** Thousands of Outlets name the same topics, clusters and namespaces, and are delivered alike: each of these is kept once. */
class Texts {
  readonly #known = new Map<string, string>()
  /** By their JSON. */
  readonly #values = new Map<string, object>()

  shareIn<T extends Outlet>(outlet: T): T {
    const { topic, bootstrapServers, credential, replyTopic, parking, delivery, source } = outlet
    return {
      ...outlet,
      topic: this.share(topic),
      delivery: this.#shareValue(delivery),
      ...(bootstrapServers === undefined ? {} : { bootstrapServers: this.share(bootstrapServers) }),
      ...(replyTopic === undefined ? {} : { replyTopic: this.share(replyTopic) }),
      ...(credential === undefined ? {} : { credential: this.share(credential) }),
      ...(parking === undefined ? {} : { parking: this.#shareValue(parking) }),
      source: { ...source, namespace: this.share(source.namespace) },
    }
  }

  share(text: string): string {
    return sharedIn(this.#known, text, text)
  }

  #shareValue<T extends object>(value: T): T {
    return sharedIn(this.#values, JSON.stringify(value), value) as T
  }
}

function sharedIn<T>(known: Map<string, T>, key: string, value: T): T {
  const before = known.get(key)
  if (before !== undefined) return before
  // names come and go: what is in use is soon known again
  if (known.size >= MOST_TEXTS) known.clear()
  known.set(key, value)
  return value
}

interface Keeping {
  readonly parse: Parse
  readonly texts: Texts
  readonly keepStatus: (status: unknown) => unknown
}

/** A status that was written, most of them by us, changes no route. */
function keptOf(object: StoredObject, previous: StoredObject | undefined, keeping: Keeping): KeptObject {
  if (isKept(object)) return object
  const { parse, texts, keepStatus } = keeping
  const { name, uid, resourceVersion, generation = 0 } = object.metadata
  const [apiVersion, kind] = [texts.share(object.apiVersion), texts.share(object.kind)]
  const namespace = texts.share(object.metadata.namespace ?? '')
  const known = previous !== undefined && isKept(previous) && isSameSpec(previous, object) ? previous.route : undefined
  return {
    ...{ apiVersion, kind, metadata: { name, namespace, uid, resourceVersion, generation } },
    status: keepStatus(object['status']),
    route: known ?? parsed(object, parse),
  }
}

function isKept(object: StoredObject): object is KeptObject {
  return object['route'] !== undefined && object['spec'] === undefined
}

function isSameSpec(previous: StoredObject, { metadata }: StoredObject): boolean {
  return previous.metadata.uid === metadata.uid && previous.metadata.generation === (metadata.generation ?? 0)
}

function parsed(object: StoredObject, parse: Parse): Parsed {
  try {
    return { value: parse(object) }
  } catch (error) {
    return { refused: (error as Error).message }
  }
}

interface Into<T extends { readonly uid: string }> {
  readonly set: MemoryRouteSet<T>
  readonly refused: Set<string>
  readonly logger: Logger
}

function apply<T extends { readonly uid: string }>(change: StoreChange, { set, refused, logger }: Into<T>): void {
  const { name, generation } = change.object.metadata
  if (change.kind === 'gone') {
    refused.delete(name)
    set.delete(name)
    return
  }
  const { route } = change.object as KeptObject
  if ((change.previous as KeptObject | undefined)?.route === route) return
  if ('value' in route) {
    set.set(route.value as T)
    refused.delete(name)
  } else {
    refused.add(name)
    const facts = { kind: change.object.kind, name, generation, error: route.refused }
    logger.error(facts, 'not of this version of the contract: not applied; its last good version stays in force')
  }
}
