import { brokerClass, type Broker } from '../../api/broker.ts'
import type { ObjectKey } from '../../api/problem.ts'
import type { ObjectName, StoredObject } from '../../kube/client.ts'
import { nameOf } from '../../kube/store.ts'
import type { Deletion } from '../contract-versions.ts'
import type { LiveWorker } from '../fleet.ts'
import { parsedBroker } from '../parsed.ts'
import { statusOf } from '../status-of.ts'
import type { World } from '../world.ts'
import { chooseTopic, type ChosenTopic } from './compile.ts'
import { isHeld } from '../finalizers.ts'
import { kafkaConfig, type KafkaConfig } from './kafka-config.ts'

/** On an object that is being deleted: give up what Kafka holds of it. */
export const forceDeleteAnnotation = 'millrace.dev/force-delete'

/** Keys of `status.annotations`: as Knative's implementation for Kafka writes them, and where parked events go, which it has not. */
export const inUse = {
  topic: 'default.topic',
  partitions: 'default.topic.partitions',
  replicationFactor: 'default.topic.replication.factor',
  bootstrapServers: 'bootstrap.servers',
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
  /** What status says is in use. */
  readonly annotations: Readonly<Record<string, string>>
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
  /** It is being made at this moment. */
  readonly makingTopic: boolean
}

/** Caches → value. */
export function observeBroker(
  object: StoredObject,
  world: World,
  known: { readonly goneMs: () => number; readonly madeTopic: boolean },
): ObservedBroker {
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
    config:
      parsed.value === null ? { data: {} } : kafkaConfig(parsed.value, namespace, world.namespace, stores.configMaps),
    annotations: status,
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
    madeTopic: known.madeTopic,
    makingTopic: world.kafka.isMaking(uid),
  }
}

function outletsOn(topic: string, { stores }: World): readonly string[] {
  const on = ({ topic: reads }: { topic?: string } = {}): boolean => reads === topic
  return [...stores.outlets.all()].filter((outlet) => on(outlet['spec'] as object)).map(({ metadata }) => metadata.name)
}
