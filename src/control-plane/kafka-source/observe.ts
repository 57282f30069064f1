import type { KafkaSource } from '../../api/kafka-source.ts'
import type { ObjectKey } from '../../api/problem.ts'
import { outletStatusOf, type Outlet, type OutletStatus } from '../../contract/outlet.ts'
import type { KafkaCluster } from '../../contract/source.ts'
import type { ObjectName, StoredObject } from '../../kube/client.ts'
import { nameOf } from '../../kube/store.ts'
import type { Deletion } from '../contract-versions.ts'
import type { CredentialVerdict } from '../credentials/credentials.ts'
import { isHeld } from '../finalizers.ts'
import { forceDeleteAnnotation } from '../kafka-remains.ts'
import type { LiveWorker } from '../fleet.ts'
import { clusterOfContract, kafkaCluster } from '../kafka-cluster.ts'
import { parsedKafkaSource } from '../parsed.ts'
import { statusOf } from '../status-of.ts'
import type { TopicsView } from '../topics/source-topics.ts'
import type { World } from '../world.ts'
import type { Start } from './compile.ts'
import { groupOfSource, toldTopics } from './in-use.ts'

/** An Outlet that stands. */
export interface StandingOutlet {
  readonly object: StoredObject
  readonly uid: string
  readonly topic: string
  readonly cluster: KafkaCluster | undefined
  readonly start: Start
  readonly generation: number | undefined
  /** The version that dispatchers must have seen. */
  readonly version: string | undefined
  /** What the data plane says of it. */
  readonly status: OutletStatus | undefined
}

/** A KafkaSource and what matters to it, as one value. */
export interface ObservedSource {
  readonly object: StoredObject
  readonly key: ObjectKey
  /** Null: see `problems`. */
  readonly source: KafkaSource | null
  readonly problems: string
  readonly deleting: boolean
  readonly hasFinalizer: boolean
  readonly forced: boolean
  /** What status says is in use. */
  readonly annotations: Readonly<Record<string, string>>
  /** The topics that status says are read. */
  readonly toldTopics: readonly string[]
  readonly group: string
  /** Who has the group already, for one of its topics. */
  readonly takenBy: ObjectName | null
  /** Whether the group is that of another KafkaSource too. */
  readonly sharesGroup: boolean
  readonly credential: CredentialVerdict
  readonly topics: TopicsView
  readonly outlets: readonly StandingOutlet[]
  /** By UID of the Outlet. */
  readonly deletions: ReadonlyMap<string, Deletion>
  /** Outlets that the cache did not show were found, and deleted, when it was about to go. */
  readonly unseen: readonly UnseenOutlet[]
  /** How long its Outlets are known to be gone, milliseconds. */
  readonly goneMs: number
  readonly dispatchers: readonly LiveWorker[]
}

/** An Outlet that stood while the cache, which may lag, had none. */
export interface UnseenOutlet {
  readonly uid: string
  readonly cluster: KafkaCluster | undefined
}

/** What a reconciler knows of a KafkaSource besides caches. */
export interface SourceMemory {
  readonly credential: CredentialVerdict
  readonly topics: TopicsView
  /** How long its Outlets are gone, milliseconds; asked while they are. */
  readonly goneMs: () => number
  readonly unseen: readonly UnseenOutlet[]
}

/** Caches → value. */
export function observeSource(object: StoredObject, world: World, memory: SourceMemory): ObservedSource {
  const { namespace, name } = nameOf(object)
  const { uid, annotations = {}, finalizers = [], deletionTimestamp } = object.metadata
  const parsed = parsedKafkaSource(object)
  const deleting = deletionTimestamp !== undefined
  const outlets = world.sourceOutlets.of(uid).map((outlet) => standing(outlet, world))
  return {
    object,
    key: { kind: 'KafkaSource', namespace, name },
    source: parsed.value,
    problems: parsed.problems ?? '',
    deleting,
    hasFinalizer: isHeld('kafkaSource', finalizers),
    forced: annotations[forceDeleteAnnotation] === 'true',
    annotations: statusOf(object).annotations ?? {},
    toldTopics: toldTopics(object),
    group: groupOfSource(object),
    takenBy: world.sourceGroups.takenBy(uid),
    sharesGroup: deleting && isShared(object, world),
    credential: memory.credential,
    topics: memory.topics,
    outlets,
    deletions: world.outletVersions.deletionsUnder(`${uid}.`),
    unseen: memory.unseen,
    goneMs: deleting && outlets.length === 0 ? memory.goneMs() : 0,
    dispatchers: world.fleet.live('dispatcher'),
  }
}

/** Which cluster is asked, as whom; undefined: what to sign in with is not there. */
export function clusterWith(servers: string, credential: CredentialVerdict): KafkaCluster | undefined {
  if (credential.kind === 'none') return { bootstrapServers: servers }
  const name = credential.kind === 'ready' ? credential.name : credential.lastGood
  return name === undefined ? undefined : kafkaCluster(servers, name)
}

function standing(outlet: StoredObject, { outletVersions }: World): StandingOutlet {
  const { name: uid, generation } = outlet.metadata
  const spec = (outlet['spec'] ?? {}) as Partial<Outlet>
  return {
    object: outlet,
    uid,
    topic: spec.topic ?? '',
    cluster: clusterOfContract(spec),
    start: {
      start: spec.start ?? 'latest',
      ...(spec.startAtMs === undefined ? {} : { startAtMs: spec.startAtMs }),
    },
    generation,
    version: outletVersions.specVersion(uid),
    status: outletStatusOf(outlet['status']),
  }
}

function isShared(object: StoredObject, { stores }: World): boolean {
  const group = groupOfSource(object)
  for (const other of stores.kafkaSources.all())
    if (other.metadata.uid !== object.metadata.uid && groupOfSource(other) === group) return true
  return false
}
