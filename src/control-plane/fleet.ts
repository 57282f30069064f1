import { z } from 'zod'
import { clusterId, type KafkaCluster } from '../contract/source.ts'
import { WorkerSpec, WorkerStatus } from '../contract/worker.ts'
import type { StoredObject } from '../kube/client.ts'
import { isAfter } from '../kube/resource-version.ts'
import { keyOf, nameOf, type Store, type StoreChange } from '../kube/store.ts'
import type { Deletion } from './contract-versions.ts'
import type { Consumption } from './trigger/conclude.ts'

export type Role = WorkerSpec['role']

/** A worker whose pod is Ready. */
export interface LiveWorker {
  readonly name: string
  readonly role: Role
  /** Up to here it knows Inlets (ingress) or Outlets (dispatcher). */
  readonly seen: string
  /** By {@link topicId}. */
  readonly owns: ReadonlyMap<string, ReadonlySet<number>>
  /** UIDs of Inlets or Outlets that it cannot read: it is of another version than we are. */
  readonly refused: ReadonlySet<string>
}

/** Read with tolerance: a worker of another version may have more to say. */
const Readable = z.object({ ...WorkerStatus.shape, refused: z.array(z.string()).optional() })

/** One topic in one Kafka cluster. */
export function topicId(cluster: KafkaCluster, topic: string): string {
  return `${clusterId(cluster)} ${topic}`
}

/** Whether it has seen this version; `uid`: and has it in force. */
export function knows(worker: LiveWorker, version: string, uid?: string): boolean {
  return !isAfter(version, worker.seen) && (uid === undefined || !worker.refused.has(uid))
}

/** What changed in the fleet: who lives or owns what, or only how far someone has seen. */
export type FleetChange =
  { readonly kind: 'members' } | { readonly kind: 'seen'; readonly from: string; readonly to: string }

/**
 * The workers as Worker objects and Pods tell. A dead worker writes nothing, so whether one lives is for the Ready condition of its pod to say.
 */
export class Fleet {
  readonly #workers: Store
  readonly #pods: Store
  readonly #changed: (role: Role, change: FleetChange) => void
  readonly #live = new Map<string, LiveWorker>()

  constructor(parts: { workers: Store; pods: Store; changed: (role: Role, change: FleetChange) => void }) {
    this.#workers = parts.workers
    this.#pods = parts.pods
    this.#changed = parts.changed
    const look = ({ object }: StoreChange): void => this.#look(object)
    for (const object of this.#workers.all()) this.#look(object)
    this.#workers.subscribe(look)
    this.#pods.subscribe(look)
  }

  live(role: Role): readonly LiveWorker[] {
    return [...this.#live.values()].filter((worker) => worker.role === role)
  }

  /** Worker and pod have the same name. */
  #look(object: StoredObject): void {
    const key = nameOf(object)
    const id = keyOf(key)
    const before = this.#live.get(id)
    const worker = this.#workers.get(key)
    const after = isReady(this.#pods.get(key)) && worker !== undefined ? liveWorker(worker) : undefined
    if (after === undefined) this.#live.delete(id)
    else this.#live.set(id, after)
    const role = after?.role ?? before?.role
    if (role === undefined) return
    if (before === undefined || after === undefined || before.role !== after.role || !sameOwns(before, after))
      this.#changed(role, { kind: 'members' })
    else if (before.seen !== after.seen) this.#changed(role, { kind: 'seen', from: before.seen, to: after.seen })
  }
}

function liveWorker(object: StoredObject): LiveWorker | undefined {
  const spec = WorkerSpec.safeParse(object['spec'])
  const status = Readable.safeParse(object['status'])
  // One that has said nothing yet is none that we can rely on.
  if (!spec.success || !status.success) return undefined
  const { seen, owns, refused = [] } = status.data
  const partitions = owns.map((each) => [topicId(each, each.topic), new Set(each.partitions)] as const)
  return {
    name: object.metadata.name,
    role: spec.data.role,
    seen,
    owns: new Map(partitions),
    refused: new Set(refused),
  }
}

function isReady(pod: StoredObject | undefined): boolean {
  const status = pod?.['status'] as { conditions?: { type: string; status: string }[] } | undefined
  return status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true
}

function sameOwns(a: LiveWorker, b: LiveWorker): boolean {
  if (a.owns.size !== b.owns.size || a.refused.symmetricDifference(b.refused).size > 0) return false
  return [...a.owns].every(([topic, partitions]) => {
    const other = b.owns.get(topic)
    return other !== undefined && other.size === partitions.size && partitions.isSubsetOf(other)
  })
}

/** What an Outlet asks of the dispatchers. */
export interface Demand {
  readonly uid: string
  readonly topic: string
  /** Undefined: it has none yet, and nobody can own it. */
  readonly cluster: KafkaCluster | undefined
  /** How many the topic has; undefined: not known, so none is asked for. */
  readonly partitions: number | undefined
  /** The version of the Outlet that they must have seen. */
  readonly version: string
}

/** Whether dispatchers have an Outlet in hand: each partition is owned by one that lives and knows it. Pure. */
export function consumptionOf(dispatchers: readonly LiveWorker[], demand: Demand, namespace: string): Consumption {
  if (dispatchers.length === 0) {
    const look = `kubectl get pods -n ${namespace} -l app.kubernetes.io/component=dispatcher`
    const message = `no dispatcher is Ready, so nothing is delivered now; events are kept in topic ${demand.topic} and go on from where they stand. See why: ${look}`
    return { kind: 'nobody', message }
  }
  const owned = new Set<number>()
  const id = demand.cluster === undefined ? '' : topicId(demand.cluster, demand.topic)
  for (const worker of dispatchers.filter((each) => knows(each, demand.version, demand.uid)))
    for (const partition of worker.owns.get(id) ?? []) owned.add(partition)
  const wanted = demand.partitions ?? 1
  if (owned.size >= wanted) return { kind: 'owned' }
  const message = `${owned.size} of ${wanted} partitions of topic ${demand.topic} are in the hands of a dispatcher that knows this version; partitions are being handed over`
  return { kind: 'unowned', message }
}

/** A worker that could not be heard of a deletion is given so long, milliseconds: watches bring it within a fraction of that. */
const graceMs = 15_000

/**
 * Whether a live worker may still work on an Inlet or Outlet that was deleted. When nobody saw it go (we were started after that) there is
 * no version to compare; then time must do: at worst a last commit makes a group again that was just deleted. Pure.
 */
export function waitsForSeen(
  workers: readonly LiveWorker[],
  deletion: Pick<Deletion, 'version'> | undefined,
  goneMs: number,
): boolean {
  if (workers.length === 0) return false
  const { version } = deletion ?? {}
  if (version === undefined) return goneMs < graceMs
  return workers.some((worker) => !knows(worker, version))
}
