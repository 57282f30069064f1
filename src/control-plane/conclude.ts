import { brokerDependents } from '../api/broker.ts'
import type { BrokerCondition } from '../api/broker.ts'
import { fails, holds, ready, waits } from '../api/meta/condition.ts'
import type { Condition } from '../api/meta/condition.ts'
import { objectName } from '../api/problem.ts'
import type { ObjectKey } from '../api/problem.ts'
import { triggerDependents } from '../api/trigger.ts'
import type { TriggerCondition } from '../api/trigger.ts'
import type { OutletFaultReason, OutletReport } from '../contract/route-source.ts'
import { never } from '../core/never.ts'
import type { CompiledBroker } from './broker/compile.ts'
import type { Compiled } from './compile-manifests.ts'
import type { CompiledTrigger } from './trigger/compile.ts'

/** Why a topic cannot be used. */
export interface TopicFault {
  readonly reason: 'TopicNotFound' | 'LogUnavailable' | 'NotAuthorized' | 'LogRefused'
  readonly message: string
}

/** What is seen of the world. */
export interface Observed {
  /** By name; missing: not known yet. */
  readonly topics: ReadonlyMap<string, 'ready' | TopicFault>
  /** The last report of the data plane by UID. */
  readonly outlets: ReadonlyMap<string, OutletReport>
  /** Whether the ingress takes events. */
  readonly ingressListening: boolean
}

/** What a user is told about an object. */
export interface ObjectStatus {
  readonly key: ObjectKey
  readonly uid: string
  /** Generation of the Inlet or Outlet that this speaks of; 0 while there is none. */
  readonly observedGeneration: number
  /** Sorted by type, with Ready. */
  readonly conditions: readonly Condition[]
  /** Of the condition Ready. */
  readonly ready: Condition['status']
  readonly reason: string
  readonly message: string
  readonly address?: string
  readonly topic?: string
  readonly group?: string
  readonly subscriberUri?: string
  readonly deadLetterSinkUri?: string
}

/** What was compiled and what is seen → conditions, Ready included; Brokers first. Pure. */
export function conclude(compiled: Compiled, observed: Observed): readonly ObjectStatus[] {
  const brokers = compiled.brokers.map((broker) => concludeBroker(broker, compiled, observed))
  const byName = new Map(brokers.map((status) => [objectName(status.key), status]))
  const triggers = compiled.triggers.map((trigger) => {
    return concludeTrigger(trigger, byName.get(objectName(trigger.broker)), compiled, observed)
  })
  return [...brokers, ...triggers]
}

function concludeBroker(broker: CompiledBroker, { inlets }: Compiled, observed: Observed): ObjectStatus {
  const { key, uid, address, topic, delivery } = broker
  const addressable: BrokerCondition = observed.ingressListening
    ? holds('Addressable')
    : waits('Addressable', 'IngressNotListening', 'the ingress does not take events yet')
  const known = broker.conditions.map((condition) => {
    return condition.type === 'TopicReady' && condition.status !== 'False'
      ? topicReady(topic.spec.name, observed)
      : condition
  })
  const conditions: BrokerCondition[] = [...known, addressable]
  const deadLetterSinkUri = delivery.delivery?.deadLetter?.url
  return {
    key,
    uid,
    ...summary(conditions, ready(brokerDependents, conditions)),
    observedGeneration: generationOf(uid, inlets),
    topic: topic.spec.name,
    address,
    ...(deadLetterSinkUri === undefined ? {} : { deadLetterSinkUri }),
  }
}

function topicReady(topic: string, { topics }: Observed): BrokerCondition {
  const seen = topics.get(topic)
  if (seen === 'ready') return holds('TopicReady')
  if (seen === undefined) return waits('TopicReady', 'Pending', `topic ${topic} is being looked after`)
  return fails('TopicReady', seen.reason, seen.message)
}

function concludeTrigger(
  trigger: CompiledTrigger,
  broker: ObjectStatus | undefined,
  { outlets }: Compiled,
  observed: Observed,
): ObjectStatus {
  const { key, uid, group, subscriberUri, deadLetterSinkUri } = trigger
  const generation = generationOf(uid, outlets)
  const conditions = trigger.conditions.map((condition): TriggerCondition => {
    if (condition.status === 'False') return condition
    if (condition.type === 'BrokerReady') return brokerReady(broker)
    if (condition.type === 'SubscriptionReady' && trigger.outlet !== null) {
      return subscriptionReady(observed.outlets.get(uid), generation)
    }
    return condition
  })
  return {
    key,
    uid,
    ...summary(conditions, ready(triggerDependents, conditions)),
    observedGeneration: generation,
    group,
    ...(subscriberUri === undefined ? {} : { subscriberUri }),
    ...(deadLetterSinkUri === undefined ? {} : { deadLetterSinkUri }),
  }
}

function brokerReady(broker: ObjectStatus | undefined): TriggerCondition {
  if (broker === undefined) return waits('BrokerReady', 'Pending', 'nothing is known of the Broker yet')
  if (broker.ready === 'True') return holds('BrokerReady')
  const message = `${objectName(broker.key)}: ${broker.message}`
  // The one fault that is nobody's own: it is told as what it is.
  if (broker.reason === 'LogUnavailable')
    return { type: 'BrokerReady', status: broker.ready, reason: broker.reason, message }
  return { type: 'BrokerReady', status: broker.ready, reason: 'BrokerNotReady', message }
}

function subscriptionReady(report: OutletReport | undefined, generation: number): TriggerCondition {
  if (report?.fault && haltsDelivery(report.fault.reason)) {
    return fails('SubscriptionReady', report.fault.reason, report.fault.message)
  }
  if (report === undefined || report.generation < generation || report.state !== 'consuming') {
    return waits('SubscriptionReady', 'Starting', 'the dispatcher has not yet taken up this version')
  }
  // Events flow, yet the user should know.
  return report.fault ? { ...holds('SubscriptionReady'), ...report.fault } : holds('SubscriptionReady')
}

/** Whether events stand still until it is mended; the other faults tell of events that were lost or set aside while the rest flows. */
function haltsDelivery(reason: OutletFaultReason): boolean {
  switch (reason) {
    case 'LogUnavailable':
    case 'TopicNotFound':
    case 'NotAuthorized':
    case 'GroupInUse':
      return true
    case 'EventsExpired':
    case 'DeliveryFailed':
      return false
    default:
      return never(reason)
  }
}

function generationOf(uid: string, routes: readonly { readonly uid: string; readonly generation: number }[]): number {
  return routes.find((route) => route.uid === uid)?.generation ?? 0
}

function summary(conditions: readonly Condition[], verdict: Condition) {
  const { status, reason, message } = verdict
  const sorted = [...conditions, verdict].toSorted((a, b) => (a.type < b.type ? -1 : 1))
  return { conditions: sorted, ready: status, reason, message }
}
