import { brokerDependents } from '../../api/broker.ts'
import type { BrokerCondition } from '../../api/broker.ts'
import { fails, holds, ready, waits } from '../../api/meta/condition.ts'
import { never } from '../../core/never.ts'
import type { TopicFault, TopicState } from '../topics/state.ts'
import { verdictOf, type Verdict } from '../verdict.ts'
import type { WorkerState } from '../workers/reconciler.ts'
import type { CompiledBroker } from './compile.ts'

/** What is seen of the world around a Broker. */
export interface BrokerSeen {
  /** Undefined: not known yet. */
  readonly topic: TopicState | undefined
  /** The condition DataPlaneAvailable. */
  readonly dataPlane: BrokerCondition
  /** Whether its address leads to our ingress. Default: it does. */
  readonly address?: WorkerState
}

/** What was compiled and what is seen → conditions, with Ready. Pure. */
export function concludeBroker(broker: CompiledBroker, { topic, dataPlane, address }: BrokerSeen): Verdict {
  const known = broker.conditions.map((condition): BrokerCondition => {
    const open = condition.type === 'TopicReady' && condition.status !== 'False'
    return open ? topicReady(broker, topic) : condition
  })
  const conditions: BrokerCondition[] = [...known, dataPlane, addressable(broker, address)]
  return verdictOf(conditions, ready(brokerDependents, conditions))
}

function addressable({ inlet }: CompiledBroker, address: WorkerState = { kind: 'ok' }): BrokerCondition {
  if (inlet === null) return waits('Addressable', 'Pending', 'it has no address while it is refused')
  switch (address.kind) {
    case 'ok':
      return holds('Addressable')
    case 'notOurs':
      return fails('Addressable', 'NotOurs', address.message)
    case 'refused':
      return fails('Addressable', 'Refused', address.message)
    default:
      return never(address)
  }
}

function topicReady(broker: CompiledBroker, seen: TopicState | undefined): BrokerCondition {
  if (seen === undefined) return waits('TopicReady', 'Pending', `topic ${broker.topic.spec.name} is being looked after`)
  if (seen === 'ready') return holds('TopicReady')
  if (seen.usable === true) return { ...holds('TopicReady'), reason: seen.reason, message: seen.message }
  return fails('TopicReady', seen.reason, seen.message.replace(/\.?$/, '') + adviceFor(seen.reason, broker))
}

/** Kafka is there, and does not let us in: what to do about that. */
function adviceFor(reason: TopicFault['reason'], { secret }: CompiledBroker): string {
  const again = 'it is read again within a minute'
  switch (reason) {
    case 'AuthenticationFailed':
    case 'TlsFailed':
      if (secret !== undefined) return `. Correct ${secret}: ${again}`
      return '. Name a Secret with what to sign in with, auth.secret.ref.name beside bootstrap.servers in the ConfigMap'
    case 'NotAuthorized':
      return `. Give the Kafka user${secret === undefined ? '' : ` of ${secret}`} the rights that docs/operations.md lists`
    case 'CredentialNotFound':
      return '. It comes back within a minute when the controller is in order'
    case 'TopicNotFound':
    case 'LogUnavailable':
    case 'LogRefused':
      return ''
    default:
      return never(reason)
  }
}
