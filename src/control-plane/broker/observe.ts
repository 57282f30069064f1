import { brokerClass, type Broker } from '../../api/broker.ts'
import type { ObjectKey } from '../../api/problem.ts'
import type { KafkaCluster } from '../../contract/source.ts'
import type { ObjectName, StoredObject } from '../../kube/client.ts'
import { nameOf } from '../../kube/store.ts'
import type { Deletion } from '../contract-versions.ts'
import type { CredentialVerdict } from '../credentials/credentials.ts'
import type { LiveWorker } from '../fleet.ts'
import { parsedBroker } from '../parsed.ts'
import { statusOf } from '../status-of.ts'
import type { World } from '../world.ts'
import { chooseTopic, type ChosenTopic } from './compile.ts'
import { isHeld } from '../finalizers.ts'
import { clusterIn, clusterInUse, clusterOfContract } from '../kafka-cluster.ts'
import { forceDeleteAnnotation } from '../kafka-remains.ts'
import { configRef, kafkaConfig, type KafkaConfig } from './kafka-config.ts'

/** Keys of `status.annotations`: as Knative's implementation for Kafka writes them, and where parked events go, which it has not. */
export const inUse = {
  topic: 'default.topic',
  partitions: 'default.topic.partitions',
  replicationFactor: 'default.topic.replication.factor',
  ...clusterInUse,
  secret: 'auth.secret.ref.name',
  deadLetterTopic: 'dead.letter.topic',
} as const

/** A Broker and what matters to it, as one value. */
export interface ObservedBroker {
  readonly object: StoredObject
  readonly key: ObjectKey
  /** Of our class. */
  readonly ours: boolean
  readonly deleting: boolean
  readonly hasFinalizer: boolean
  readonly forced: boolean
  /** Null: see `problems`. */
  readonly broker: Broker | null
  readonly problems: string
  readonly config: KafkaConfig
  /** What to sign in with comes to. */
  readonly credential: CredentialVerdict
  /** What status says is in use. */
  readonly annotations: Readonly<Record<string, string>>
  /** The cluster that is in use; undefined: none, or none that can be used any more. */
  readonly inForce: KafkaCluster | undefined
  readonly topic: ChosenTopic
  /** Who has the topic already. */
  readonly takenBy: ObjectName | null
  /** Whether it had an Inlet, or a topic, before. */
  readonly established: boolean
  readonly inlet: StoredObject | undefined
  readonly inletVersion: string | undefined
  readonly inletDeletion: Deletion | undefined
  /** How long its Inlet is known to be gone, when nobody saw it go; milliseconds. */
  readonly goneMs: number
  readonly ingress: readonly LiveWorker[]
  readonly dispatchers: readonly LiveWorker[]
  /** UIDs of Outlets that read or write its topic. */
  readonly outletsOnTopic: readonly string[]
  readonly outletDeletions: readonly Deletion[]
  /** Whether we have made or found the topic, also when no status says so yet. */
  readonly madeTopic: boolean
  /** And where. */
  readonly madeIn: KafkaCluster | undefined
  /** It is being made at this moment. */
  readonly makingTopic: boolean
}

/** What a reconciler knows of a Broker besides caches. */
export interface BrokerMemory {
  readonly config: KafkaConfig
  readonly credential: CredentialVerdict
  readonly goneMs: () => number
  /** Where its topic was made or found; undefined: nowhere. */
  readonly madeIn: KafkaCluster | undefined
}

/** Where its ConfigMaps say that Kafka is. */
export function kafkaConfigOf(object: StoredObject, { stores, namespace }: World): KafkaConfig {
  const { value } = parsedBroker(object)
  if (value === null) return { data: {} }
  return kafkaConfig(configRef(value, nameOf(object).namespace), namespace, stores.configMaps)
}

/** Caches → value. */
export function observeBroker(object: StoredObject, world: World, known: BrokerMemory): ObservedBroker {
  const { stores, fleet, inletVersions, outletVersions } = world
  const { namespace, name } = nameOf(object)
  const { uid, annotations = {}, finalizers = [], deletionTimestamp } = object.metadata
  const key: ObjectKey = { kind: 'Broker', namespace, name }
  const parsed = parsedBroker(object)
  const deleting = deletionTimestamp !== undefined
  const status = statusOf(object).annotations ?? {}
  const topic = chooseTopic(key, annotations, status[inUse.topic])
  const inlet = stores.inlets.get({ namespace: world.namespace, name: uid })
  return {
    object,
    key,
    ours: brokerClass(object.metadata) === 'Kafka',
    deleting,
    hasFinalizer: isHeld('broker', finalizers),
    forced: annotations[forceDeleteAnnotation] === 'true',
    broker: parsed.value,
    problems: parsed.problems ?? '',
    config: known.config,
    credential: known.credential,
    annotations: status,
    inForce: clusterOfContract(inlet?.['spec']) ?? told(status, world),
    topic,
    takenBy: world.topicNames.takenBy(uid),
    established: inlet !== undefined || status[inUse.topic] !== undefined,
    inlet,
    inletVersion: inletVersions.specVersion(uid),
    inletDeletion: inletVersions.deletion(uid),
    goneMs: deleting && inlet === undefined ? known.goneMs() : 0,
    ingress: fleet.live('ingress'),
    dispatchers: fleet.live('dispatcher'),
    outletsOnTopic: deleting ? outletsOn(topic.name, world) : [],
    outletDeletions: deleting ? outletVersions.deletionsOn(topic.name) : [],
    madeTopic: known.madeIn !== undefined,
    madeIn: known.madeIn,
    makingTopic: world.kafka.isMaking(uid),
  }
}

/** Others may be able to write a status: it can name servers of theirs beside a credential that is for other servers. */
function told(status: Readonly<Record<string, string>>, { credentials }: World): KafkaCluster | undefined {
  const cluster = clusterIn(status)
  return cluster !== undefined && credentials.has(cluster) ? cluster : undefined
}

function outletsOn(topic: string, { stores }: World): readonly string[] {
  const on = ({ topic: reads }: { topic?: string } = {}): boolean => reads === topic
  return [...stores.outlets.all()].filter((outlet) => on(outlet['spec'] as object)).map(({ metadata }) => metadata.name)
}
