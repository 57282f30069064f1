import { fails, holds, ready, waits } from '../../api/meta/condition.ts'
import { objectName } from '../../api/problem.ts'
import type { ObjectKey } from '../../api/problem.ts'
import { triggerDependents } from '../../api/trigger.ts'
import type { TriggerCondition } from '../../api/trigger.ts'
import { haltsDelivery, type OutletReport } from '../../contract/route-source.ts'
import { verdictOf, type Verdict } from '../verdict.ts'
import type { CompiledTrigger } from './compile.ts'

/** Whether dispatchers have the Outlet in hand. */
export type Consumption =
  | { readonly kind: 'owned' }
  /** Nobody lives who could. */
  | { readonly kind: 'nobody'; readonly message: string }
  /** Some partitions have no living owner who knows this version. */
  | { readonly kind: 'unowned'; readonly message: string }

/** What is seen of the world around a Trigger. */
export interface TriggerSeen {
  /** What is told of its Broker; undefined: nothing is known yet. */
  readonly broker: Pick<Verdict, 'ready' | 'reason' | 'message'> | undefined
  /** Generation of the Outlet as it shall be; null: it does not stand there yet. */
  readonly generation: number | null
  readonly report: Pick<OutletReport, 'generation' | 'state' | 'fault'> | undefined
  readonly consumption: Consumption
}

/** What was compiled and what is seen → conditions, with Ready. Pure. */
export function concludeTrigger(trigger: CompiledTrigger, seen: TriggerSeen): Verdict {
  const conditions = trigger.conditions.map((condition): TriggerCondition => {
    if (condition.status === 'False') return condition
    if (condition.type === 'BrokerReady') return brokerReady(trigger.broker, seen.broker)
    if (condition.type === 'SubscriptionReady' && trigger.outlet !== null) return subscriptionReady(seen)
    return condition
  })
  return verdictOf(conditions, ready(triggerDependents, conditions))
}

const ofKafka = ['LogUnavailable', 'AuthenticationFailed', 'TlsFailed'] as const

function brokerReady(key: ObjectKey, broker: TriggerSeen['broker']): TriggerCondition {
  if (broker === undefined) return waits('BrokerReady', 'Pending', 'nothing is known of the Broker yet')
  if (broker.ready === 'True') return holds('BrokerReady')
  const message = `${objectName(key)}: ${broker.message}`
  // Faults of Kafka are told as what they are: nothing is wrong with the Broker.
  const reason = ofKafka.find((each) => each === broker.reason) ?? 'BrokerNotReady'
  return { type: 'BrokerReady', status: broker.ready, reason, message }
}

/** First what says that nothing is delivered, then what is still on its way, then what is merely worth knowing. */
function subscriptionReady({ generation, report, consumption }: TriggerSeen): TriggerCondition {
  if (consumption.kind === 'nobody') return fails('SubscriptionReady', 'DispatcherNotConsuming', consumption.message)
  if (report?.fault && haltsDelivery(report.fault.reason)) {
    return fails('SubscriptionReady', report.fault.reason, report.fault.message)
  }
  if (report === undefined || generation === null || report.generation < generation || report.state !== 'consuming') {
    return waits('SubscriptionReady', 'Starting', 'the dispatcher has not yet taken up this version')
  }
  if (consumption.kind === 'unowned') return waits('SubscriptionReady', 'PartitionsUnowned', consumption.message)
  // Events flow, yet the user should know.
  return report.fault ? { ...holds('SubscriptionReady'), ...report.fault } : holds('SubscriptionReady')
}
