import { fails, holds, waits } from '../../api/meta/condition.ts'
import type { ObjectKey } from '../../api/problem.ts'
import {
  deliveryOrderAnnotation,
  deliveryOrders,
  onExhaustedAnnotation,
  strictRepliesAnnotation,
} from '../../api/trigger.ts'
import type { Trigger, TriggerCondition } from '../../api/trigger.ts'
import { filterOf } from '../../api/trigger-filter.ts'
import type { Outlet } from '../../contract/outlet.ts'
import { deadLetterResolved } from '../broker/compile.ts'
import type { CompiledBroker } from '../broker/compile.ts'
import { effectiveDelivery } from '../delivery.ts'
import { parkingTopic, triggerGroup } from '../names.ts'
import { resolvedTo, targetOf, unresolved, type Resolve } from '../resolve.ts'

/** What the compiler knows besides the Trigger. */
export interface TriggerSurroundings {
  readonly uid: string
  /** The Broker that the Trigger names; null when it does not exist. */
  readonly broker: CompiledBroker | null
  readonly start: 'latest' | 'earliest'
  readonly resolve: Resolve
  /** The consumer group, when it is settled already: once chosen it stays. */
  readonly group?: string
  /** Who has the consumer group already. */
  readonly groupOwner?: (group: string) => ObjectKey | null
}

/** A Trigger, compiled. Conditions are those that can be told without looking at the world. */
export interface CompiledTrigger {
  readonly key: ObjectKey
  readonly uid: string
  readonly broker: ObjectKey
  readonly group: string
  readonly subscriberUri?: string
  readonly deadLetterSinkUri?: string
  /** Null while something is missing: the conditions say what. */
  readonly outlet: Omit<Outlet, 'generation'> | null
  /** Whether an address could not be looked up: an Outlet that is in force then stays as it is. */
  readonly undetermined: boolean
  readonly conditions: readonly TriggerCondition[]
}

/** Trigger and its Broker → Outlet, or what is missing for it. */
export function compileTrigger(trigger: Trigger, namespace: string, around: TriggerSurroundings): CompiledTrigger {
  const { broker, resolve } = around
  const key: ObjectKey = { kind: 'Trigger', namespace, name: trigger.metadata.name }
  const group = around.group ?? triggerGroup(key)
  const subscriber = resolve(trigger.spec.subscriber, namespace)
  const own = trigger.spec.delivery
  const inherited = broker?.delivery ?? effectiveDelivery({}, namespace, resolve)
  const delivery = own === undefined ? inherited : effectiveDelivery(own, namespace, resolve)
  const conditions: TriggerCondition[] = [
    judgeBroker(broker, namespace, trigger.spec.broker),
    'url' in subscriber
      ? resolvedTo('SubscriberResolved', 'spec.subscriber', subscriber)
      : unresolved('SubscriberResolved', 'spec.subscriber', subscriber),
    judgeDeadLetter(own, delivery),
    holds('DependencyReady'),
    judgeGroup(group, around.groupOwner?.(group) ?? null),
  ]
  const complete = conditions.every(({ status }) => status !== 'False')
  const outlet =
    complete && broker !== null && 'url' in subscriber && delivery.delivery !== null
      ? outletOf(
          trigger,
          key,
          { uid: around.uid, start: around.start, group },
          broker,
          targetOf(subscriber),
          delivery.delivery,
        )
      : null
  const deadLetterSinkUri = delivery.delivery?.deadLetter?.url
  return {
    key,
    uid: around.uid,
    broker: { kind: 'Broker', namespace, name: trigger.spec.broker },
    group,
    ...('url' in subscriber ? { subscriberUri: subscriber.url } : {}),
    ...(deadLetterSinkUri === undefined ? {} : { deadLetterSinkUri }),
    outlet,
    undetermined: ('missing' in subscriber && subscriber.unknown === true) || delivery.missing?.unknown === true,
    conditions,
  }
}

function outletOf(
  { metadata, spec }: Trigger,
  key: ObjectKey,
  { uid, start, group }: Pick<Outlet, 'uid' | 'start' | 'group'>,
  { topic, cluster }: CompiledBroker,
  subscriber: Outlet['subscriber'],
  delivery: Outlet['delivery'],
): Omit<Outlet, 'generation'> {
  const { name, replicationFactor } = topic.spec
  return {
    uid,
    source: key,
    topic: name,
    ...cluster,
    group,
    start,
    filter: filterOf(spec),
    subscriber,
    replyTopic: name,
    delivery,
    parking: { topic: parkingTopic(name), partitions: 1, replicationFactor },
    ...manners(metadata.annotations ?? {}),
  }
}

/** What annotations say about the delivery. Their values passed admission, or else are as good as absent. */
function manners(
  annotations: Readonly<Record<string, string>>,
): Pick<Outlet, 'order' | 'onExhausted' | 'strictReplies'> {
  return {
    order: deliveryOrders.find((order) => order === annotations[deliveryOrderAnnotation]) ?? 'unordered',
    ...(annotations[onExhaustedAnnotation] === 'Drop' ? { onExhausted: 'drop' as const } : {}),
    ...(annotations[strictRepliesAnnotation] === 'true' ? { strictReplies: true } : {}),
  }
}

function judgeBroker(broker: CompiledBroker | null, namespace: string, name: string): TriggerCondition {
  const asked = `Broker ${namespace}/${name}`
  if (broker === null) {
    const example = `{apiVersion: eventing.knative.dev/v1, kind: Broker, metadata: {name: ${name}, namespace: ${namespace}}}`
    const advice = `apply one, this is enough: ${example}; or correct spec.broker`
    return fails('BrokerReady', 'BrokerDoesNotExist', `${asked} does not exist; ${advice}`)
  }
  if (broker.inlet !== null) return holds('BrokerReady')
  const why = broker.conditions.find(({ status }) => status === 'False')?.message ?? 'see its conditions'
  return fails('BrokerReady', 'BrokerNotReady', `${asked} cannot be served: ${why}`)
}

function judgeDeadLetter(own: Trigger['spec']['delivery'], delivery: CompiledBroker['delivery']): TriggerCondition {
  if (own !== undefined) return deadLetterResolved(own, delivery)
  if (delivery.missing === undefined) return deadLetterResolved(deadLetterOf(delivery), delivery)
  return unresolved('DeadLetterSinkResolved', 'of the Broker: delivery.deadLetterSink', delivery.missing)
}

/** Only whether there is one matters to the condition. */
function deadLetterOf({ delivery }: CompiledBroker['delivery']): { deadLetterSink?: { uri: string } } {
  return delivery?.deadLetter === undefined ? {} : { deadLetterSink: { uri: delivery.deadLetter.url } }
}

function judgeGroup(group: string, owner: ObjectKey | null): TriggerCondition {
  if (owner === null) return waits('SubscriptionReady', 'Pending', 'waits for a dispatcher')
  const message = `consumer group ${group} belongs to Trigger ${owner.namespace}/${owner.name} already; rename one`
  return fails('SubscriptionReady', 'GroupTaken', message)
}
