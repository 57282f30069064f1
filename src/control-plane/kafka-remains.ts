import { brokerDependents, type BrokerCondition } from '../api/broker.ts'
import { kafkaSourceDependents, type KafkaSourceCondition } from '../api/kafka-source.ts'
import { fails, type Condition } from '../api/meta/condition.ts'
import { triggerDependents, type TriggerCondition } from '../api/trigger.ts'
import type { KafkaCluster } from '../contract/source.ts'
import { Fault } from '../core/fault.ts'
import type { StoredObject } from '../kube/client.ts'
import type { Outcome } from '../kube/reconciler.ts'
import { parkingTopic } from './names.ts'
import { statusWith } from './status-of.ts'
import type { TopicKeeper } from './topics/topic-keeper.ts'
import { reasonFor } from './topics/state.ts'
import type { World } from './world.ts'

/** On an object that is being deleted: give up what Kafka holds of it. */
export const forceDeleteAnnotation = 'millrace.dev/force-delete'

/** What Kafka holds of an object that goes: the topics of a Broker, the consumer group of a Trigger or KafkaSource. */
export interface Remains {
  readonly of: 'Broker' | 'Trigger' | 'KafkaSource'
  readonly object: StoredObject
  /** Of the topic, or the group. */
  readonly name: string
  readonly cluster: KafkaCluster
  /** What cannot be deleted is left behind: somebody asks for that, or it was tried for long enough. */
  readonly giveUp: boolean
}

/**
 *     delete ── done ────────────────────► null: the object may go
 *            └─ fault ── give up? Event ─► null
 *                     └─ else ───────────► failed: the status says why and what to do, and it is tried again
 *
 * Nobody may work on it any more: what is made or committed later would bring it back.
 */
export async function deleteRemains(
  remains: Remains,
  { kafka, events }: Pick<World, 'kafka' | 'events'>,
  signal: AbortSignal,
): Promise<Outcome | null> {
  const { of, object, name, cluster, giveUp } = remains
  const kind = kinds[of]
  try {
    await kind.delete(kafka.keeper(cluster), name, signal)
    return null
  } catch (fault) {
    if (!(fault instanceof Fault) || signal.aborted) throw fault
    if (!giveUp) return stays(remains, fault)
    events.event(object, 'Warning', kind.event, `${kind.leftBehind(name)}: ${fault.message}`)
    return null
  }
}

interface Kind {
  readonly delete: (keeper: TopicKeeper, name: string, signal: AbortSignal) => Promise<unknown>
  readonly what: 'topic' | 'consumer group'
  /** How long it is tried, and what the annotation is for. */
  readonly patience: string
  /** Of the Event. */
  readonly event: 'TopicLeftBehind' | 'GroupLeftBehind'
  readonly leftBehind: (name: string) => string
  readonly dependents: readonly string[]
  readonly condition: (fault: Fault, message: string) => Condition
}

const deleteGroup: Kind['delete'] = (keeper, group, signal) => keeper.deleteGroup(group, signal)

const kinds: Readonly<Record<Remains['of'], Kind>> = {
  Broker: {
    delete: (keeper, topic, signal) =>
      Promise.all([topic, parkingTopic(topic)].map((name) => keeper.deleteTopic(name, signal))),
    what: 'topic',
    patience: 'until it can; to leave the topic behind',
    event: 'TopicLeftBehind',
    leftBehind: (topic) =>
      `topic ${topic} and ${parkingTopic(topic)} are left behind in Kafka, as ${forceDeleteAnnotation} asks`,
    dependents: brokerDependents,
    condition: (fault, message): BrokerCondition =>
      fails('TopicReady', fault.code === 'LogRefused' ? fault.code : reasonFor(fault), message),
  },
  Trigger: {
    delete: deleteGroup,
    what: 'consumer group',
    patience: 'until it can; to leave the group behind',
    event: 'GroupLeftBehind',
    leftBehind: (group) => `consumer group ${group} is left behind in Kafka, as ${forceDeleteAnnotation} asks`,
    dependents: triggerDependents,
    condition: (fault, message): TriggerCondition => fails('SubscriptionReady', groupReason(fault), message),
  },
  KafkaSource: {
    delete: deleteGroup,
    what: 'consumer group',
    patience: 'for a minute, and then left behind; to do so at once',
    event: 'GroupLeftBehind',
    leftBehind: (group) => `consumer group ${group} is left behind in Kafka, which forgets it by itself after a while`,
    dependents: kafkaSourceDependents,
    condition: (fault, message): KafkaSourceCondition => fails('ConsumerGroup', groupReason(fault), message),
  },
}

function groupReason(fault: Fault) {
  if (fault.code === 'GroupInUse') return fault.code
  return fault.code === 'LogRefused' ? 'Deleting' : reasonFor(fault)
}

function stays({ of, object, name: held }: Remains, fault: Fault): Outcome {
  const { what, patience, dependents, condition } = kinds[of]
  const { name, namespace = '' } = object.metadata
  const force = `kubectl annotate ${of.toLowerCase()} ${name} -n ${namespace} ${forceDeleteAnnotation}=true`
  const why = fault.message.replace(/\.?$/, '.')
  const message = `it is being deleted, and its ${what} ${held} could not be: ${why} It is tried again ${patience}: ${force}`
  return { kind: 'failed', fault, status: statusWith(object, dependents, condition(fault, message)) }
}
