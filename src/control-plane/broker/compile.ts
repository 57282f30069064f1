import { externalTopicAnnotation } from '../../api/broker.ts'
import type { Broker, BrokerCondition } from '../../api/broker.ts'
import { fails, holds, waits, type Condition } from '../../api/meta/condition.ts'
import type { DeliverySpec } from '../../api/meta/delivery.ts'
import type { ReferenceReason } from '../../api/meta/reference.ts'
import type { ObjectKey } from '../../api/problem.ts'
import type { Inlet } from '../../contract/inlet.ts'
import type { KafkaCluster } from '../../contract/source.ts'
import type { TopicSpec } from '../../kafka/log.ts'
import { brokerDefaultDelivery, effectiveDelivery } from '../delivery.ts'
import type { EffectiveDelivery } from '../delivery.ts'
import { brokerTopic, longestTopicName } from '../names.ts'
import { resolvedTo, unresolved, type Resolve } from '../resolve.ts'
import { readTopicConfig } from './topic-config.ts'
import type { TopicSettings } from './topic-config.ts'

/** What the compiler knows besides the Broker. */
export interface BrokerSurroundings {
  readonly uid: string
  /** Base URL of the ingress, without a slash at the end. */
  readonly ingressUrl: string
  readonly topicDefaults: TopicSettings
  /** No more replicas than Kafka brokers. */
  readonly maxReplicationFactor?: number
  /** It had an Inlet before: a mistake in its ConfigMap, which only says how a topic is made, does not take that away. */
  readonly established?: boolean
  /** Data of the ConfigMap that `spec.config` names; null: it is not there. */
  readonly config: Readonly<Record<string, unknown>> | null
  /** What else is wrong with the configuration: the caller found it. */
  readonly configFault?: BrokerCondition
  /** What is to be said of a configuration that is in force. */
  readonly configNote?: Pick<BrokerCondition, 'reason' | 'message'>
  /** The Kafka cluster; absent: the only one. */
  readonly cluster?: KafkaCluster
  /** What the credential for it is made of, for messages: `Secret shop/kafka`. */
  readonly secret?: string
  /** The topic, when it is settled already: once chosen it stays. */
  readonly chosenTopic?: ChosenTopic
  readonly resolve: Resolve
  /** Who has the topic already, when it is not for sharing. */
  readonly topicOwner?: (topic: string, external: boolean) => ObjectKey | null
}

/** Which topic a Broker uses. */
export interface ChosenTopic {
  readonly name: string
  /** It belongs to someone else. */
  readonly external: boolean
}

/** A topic to look after. `external`: it belongs to someone else, and is never made or deleted. */
export interface BrokerTopic {
  readonly spec: TopicSpec
  readonly external: boolean
}

/** A Broker, compiled. Conditions are those that can be told without looking at the world. */
export interface CompiledBroker {
  readonly key: ObjectKey
  readonly uid: string
  readonly address: string
  readonly topic: BrokerTopic
  readonly cluster?: KafkaCluster
  /** As in {@link BrokerSurroundings}. */
  readonly secret?: string
  /** Null when the Broker is refused: it would share what must not be shared. */
  readonly inlet: Omit<Inlet, 'generation'> | null
  /** What Triggers without a delivery of their own inherit. */
  readonly delivery: EffectiveDelivery
  readonly conditions: readonly BrokerCondition[]
  /** Sentences for the user that are no fault. */
  readonly notices: readonly string[]
}

/**
 * Broker → Inlet, topic, effective delivery. A dead letter sink that is missing does not close the Inlet: what is accepted is safe in the
 * topic, and only the Triggers that inherit the sink wait for it.
 */
export function compileBroker(broker: Broker, namespace: string, around: BrokerSurroundings): CompiledBroker {
  const key: ObjectKey = { kind: 'Broker', namespace, name: broker.metadata.name }
  const { name, external } = around.chosenTopic ?? chooseTopic(key, broker.metadata.annotations)
  const read = readTopicConfig(around.config ?? {}, around.topicDefaults)
  const { settings, notices } = fitReplicas(read.settings, around.maxReplicationFactor, name)
  const topic = { spec: { name, ...settings }, external }
  const topicReady = judgeTopic(topic, around)
  const spec = broker.spec?.delivery ?? brokerDefaultDelivery
  const delivery = effectiveDelivery(spec, namespace, around.resolve)
  const path = `/${namespace}/${key.name}`
  const config = around.configFault ?? configParsed(read.problems, broker, around.configNote)
  const usable = topicReady.status !== 'False' && (config.status === 'True' || around.established === true)
  return {
    key,
    uid: around.uid,
    address: around.ingressUrl + path,
    topic,
    ...(around.cluster === undefined ? {} : { cluster: around.cluster }),
    ...(around.secret === undefined ? {} : { secret: around.secret }),
    inlet: usable ? { uid: around.uid, source: key, path, topic: name, ...around.cluster } : null,
    delivery,
    conditions: [config, deadLetterResolved(spec, delivery), topicReady],
    notices: topic.external ? [] : [...notices, ...configNotice(broker, namespace, around, settings)],
  }
}

/**
 *     status.annotations["default.topic"]      once it is in use it stays
 *     annotation external.topic                someone else's
 *     knative-broker-<namespace>-<name>        ours
 *
 * A topic in use that is neither ours by name was someone else's when it was chosen, whatever the annotations say now: it is never deleted.
 */
export function chooseTopic(
  key: ObjectKey,
  annotations: Readonly<Record<string, string>> = {},
  inUse?: string,
): ChosenTopic {
  const asked = annotations[externalTopicAnnotation]
  const ours = brokerTopic(key)
  const name = inUse ?? asked ?? ours
  return { name, external: name === asked || name !== ours }
}

function judgeTopic({ spec: { name }, external }: BrokerTopic, { topicOwner }: BrokerSurroundings): BrokerCondition {
  if (name.length > longestTopicName) {
    const advice = `shorten the Broker's name or set the annotation ${externalTopicAnnotation}`
    return fails(
      'TopicReady',
      'NameTooLong',
      `topic ${name} would have ${name.length} characters, Kafka takes ${longestTopicName}; ${advice}`,
    )
  }
  const owner = topicOwner?.(name, external) ?? null
  if (owner === null) return waits('TopicReady', 'Pending', `topic ${name} is being looked after`)
  const advice = external
    ? 'choose another topic'
    : `rename one, or set the annotation ${externalTopicAnnotation} on one`
  return fails(
    'TopicReady',
    'TopicTaken',
    `topic ${name} belongs to Broker ${owner.namespace}/${owner.name} already; ${advice}`,
  )
}

function configParsed(
  problems: readonly string[],
  broker: Broker,
  note: BrokerSurroundings['configNote'],
): BrokerCondition {
  if (problems.length === 0) return { ...holds('ConfigParsed'), ...note }
  return fails(
    'ConfigParsed',
    'ConfigInvalid',
    `ConfigMap ${broker.spec?.config?.name ?? 'kafka-broker-config'}: ${problems.join('; ')}`,
  )
}

/** The condition of a dead letter sink, alike for Brokers and Triggers. */
export function deadLetterResolved(
  spec: Pick<DeliverySpec, 'deadLetterSink'>,
  delivery: EffectiveDelivery,
): Condition<'DeadLetterSinkResolved', ReferenceReason | 'Pending' | 'DeadLetterSinkNotConfigured'> {
  const path = 'delivery.deadLetterSink'
  if (delivery.missing !== undefined) return unresolved('DeadLetterSinkResolved', path, delivery.missing)
  if (spec.deadLetterSink !== undefined) return resolvedTo('DeadLetterSinkResolved', path, delivery)
  return { ...holds('DeadLetterSinkResolved'), reason: 'DeadLetterSinkNotConfigured' }
}

function fitReplicas(settings: TopicSettings, max: number | undefined, topic: string) {
  const { replicationFactor: wanted } = settings
  if (max === undefined || wanted <= max) return { settings, notices: [] }
  const brokers = max === 1 ? 'there is one Kafka broker' : `there are ${max} Kafka brokers`
  const notice = `topic ${topic}: replication factor ${wanted} lowered to ${max}, since ${brokers}`
  return { settings: { ...settings, replicationFactor: max }, notices: [notice] }
}

function configNotice(
  { spec }: Broker,
  namespace: string,
  { config }: BrokerSurroundings,
  settings: TopicSettings,
): string[] {
  if (spec?.config === undefined || config !== null) return []
  const named = `${spec.config.namespace || namespace}/${spec.config.name}`
  const used = `${settings.partitions} partitions and replication factor ${settings.replicationFactor} are used`
  return [`spec.config names ConfigMap ${named}, which is not there: ${used}`]
}
