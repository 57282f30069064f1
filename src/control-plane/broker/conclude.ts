import { brokerDependents } from '../../api/broker.ts'
import type { BrokerCondition } from '../../api/broker.ts'
import { fails, holds, ready, waits } from '../../api/meta/condition.ts'
import type { TopicState } from '../topics/state.ts'
import { verdictOf, type Verdict } from '../verdict.ts'
import type { CompiledBroker } from './compile.ts'

/** What is seen of the world around a Broker. */
export interface BrokerSeen {
  /** Undefined: not known yet. */
  readonly topic: TopicState | undefined
  /** The condition DataPlaneAvailable. */
  readonly dataPlane: BrokerCondition
}

/** What was compiled and what is seen → conditions, with Ready. Pure. */
export function concludeBroker(broker: CompiledBroker, { topic, dataPlane }: BrokerSeen): Verdict {
  const known = broker.conditions.map((condition): BrokerCondition => {
    const open = condition.type === 'TopicReady' && condition.status !== 'False'
    return open ? topicReady(broker.topic.spec.name, topic) : condition
  })
  const addressable =
    broker.inlet === null
      ? waits('Addressable', 'Pending', 'it has no address while it is refused')
      : holds('Addressable')
  const conditions: BrokerCondition[] = [...known, dataPlane, addressable]
  return verdictOf(conditions, ready(brokerDependents, conditions))
}

function topicReady(topic: string, seen: TopicState | undefined): BrokerCondition {
  if (seen === undefined) return waits('TopicReady', 'Pending', `topic ${topic} is being looked after`)
  if (seen === 'ready') return holds('TopicReady')
  if (seen.usable === true) return { ...holds('TopicReady'), reason: seen.reason, message: seen.message }
  return fails('TopicReady', seen.reason, seen.message)
}
