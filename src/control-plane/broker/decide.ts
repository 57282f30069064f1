import { fails } from '../../api/meta/condition.ts'
import type { KafkaCluster } from '../../contract/source.ts'
import { waitsForSeen } from '../fleet.ts'
import { clusterIn, kafkaCluster } from '../kafka-cluster.ts'
import { destinationResolver, type ResolveReference } from '../resolve.ts'
import { compileBroker, type BrokerSurroundings, type CompiledBroker } from './compile.ts'
import { inUse, type ObservedBroker } from './observe.ts'
import type { TopicSettings } from './topic-config.ts'

/** For Brokers whose ConfigMaps are silent: as Knative ships them. */
const topicDefaults: TopicSettings = { partitions: 10, replicationFactor: 3, config: {} }

/** What is to be done for a Broker. */
export type BrokerPlan =
  /** Another class: nothing of it is touched. */
  | { readonly kind: 'leave' }
  | { readonly kind: 'serve'; readonly compiled: CompiledBroker; readonly addFinalizer: boolean }
  /** It came past admission: what is in force stays so. */
  | { readonly kind: 'refuse'; readonly problems: string }
  | { readonly kind: 'finalize'; readonly step: BrokerFinalizing }

/**
 *     deleteInlet ─► awaitIngress ─► awaitOutlets ─► deleteTopics ─► release
 *
 * Senders get 404 before the topic goes, and no dispatcher reads or replies into it any more.
 */
export type BrokerFinalizing =
  | { readonly do: 'deleteInlet' }
  | { readonly do: 'awaitIngress' }
  | { readonly do: 'awaitOutlets' }
  /** It is being made at this moment: what comes of it must be known. */
  | { readonly do: 'awaitTopic' }
  | { readonly do: 'deleteTopics'; readonly topic: string; readonly cluster: KafkaCluster }
  | { readonly do: 'release' }

/** Pure. */
export function decideBroker(seen: ObservedBroker, ingressUrl: string, resolve: ResolveReference): BrokerPlan {
  if (!seen.ours) return { kind: 'leave' }
  if (seen.deleting) return { kind: 'finalize', step: seen.hasFinalizer ? finalizing(seen) : { do: 'release' } }
  if (seen.broker === null) return { kind: 'refuse', problems: seen.problems }
  const { config, annotations, takenBy } = seen
  const kafka = kafkaOf(seen)
  const compiled = compileBroker(seen.broker, seen.key.namespace, {
    uid: seen.object.metadata.uid,
    ingressUrl,
    topicDefaults: settingsInUse(annotations),
    established: seen.established && kafka.cluster !== undefined,
    config: config.data,
    ...kafka,
    chosenTopic: seen.topic,
    resolve: destinationResolver(resolve),
    topicOwner: () => (takenBy === null ? null : { kind: 'Broker', ...takenBy }),
  })
  return { kind: 'serve', compiled, addFinalizer: compiled.inlet !== null && !seen.hasFinalizer }
}

type Kafka = Pick<BrokerSurroundings, 'cluster' | 'secret' | 'configFault' | 'configNote'>

/** Which Kafka, as whom. Where what is configured cannot be used, what is in force stays so. */
function kafkaOf({ config, credential, inForce: cluster }: ObservedBroker): Kafka {
  const { fault, bootstrapServers } = config
  const secret =
    config.secret === undefined ? {} : { secret: `Secret ${config.secret.namespace}/${config.secret.name}` }
  if (bootstrapServers === undefined || fault !== undefined) return inForce(fault)
  if (credential.kind === 'none') return { cluster: { bootstrapServers }, ...secret }
  if (credential.kind === 'ready') return { cluster: kafkaCluster(bootstrapServers, credential.name), ...secret }
  const { reason, message, lastGood } = credential
  if (lastGood === undefined) return inForce(fails('ConfigParsed', reason, message))
  return { cluster: kafkaCluster(bootstrapServers, lastGood), configNote: { reason, message }, ...secret }

  function inForce(configFault: BrokerSurroundings['configFault']): Kafka {
    return {
      ...(configFault === undefined ? {} : { configFault }),
      ...(cluster === undefined ? {} : { cluster }),
      ...secret,
    }
  }
}

/** A topic that is there stays as it is, so what it was made with counts where a ConfigMap says nothing any more, or nonsense. */
function settingsInUse(annotations: Readonly<Record<string, string>>): TopicSettings {
  const { partitions, replicationFactor, config } = topicDefaults
  return {
    partitions: Number(annotations[inUse.partitions]) || partitions,
    replicationFactor: Number(annotations[inUse.replicationFactor]) || replicationFactor,
    config,
  }
}

function finalizing(seen: ObservedBroker): BrokerFinalizing {
  if (seen.inlet !== undefined) return { do: 'deleteInlet' }
  if (seen.makingTopic) return { do: 'awaitTopic' }
  const topic = topicToDelete(seen)
  if (topic === null) return { do: 'release' }
  if (waitsForSeen(seen.ingress, seen.inletDeletion, seen.goneMs)) return { do: 'awaitIngress' }
  const outletsGo =
    seen.outletsOnTopic.length > 0 ||
    seen.outletDeletions.some((deletion) => waitsForSeen(seen.dispatchers, deletion, seen.goneMs))
  return outletsGo ? { do: 'awaitOutlets' } : { do: 'deleteTopics', ...topic }
}

/** Only a topic that is ours, and that was there: of a Broker that never reached Kafka nothing is to be deleted. */
function topicToDelete(seen: ObservedBroker): { readonly topic: string; readonly cluster: KafkaCluster } | null {
  const { topic, takenBy, annotations, config, madeTopic, madeIn } = seen
  const { bootstrapServers } = config
  const cluster =
    clusterIn(annotations) ?? madeIn ?? (bootstrapServers === undefined ? undefined : { bootstrapServers })
  const wasThere = annotations[inUse.topic] !== undefined || madeTopic
  if (topic.external || takenBy !== null || cluster === undefined || !wasThere) return null
  return { topic: topic.name, cluster }
}
