import { holds, waits } from '../api/meta/condition.ts'
import { objectName } from '../api/problem.ts'
import type { ObjectKey } from '../api/problem.ts'
import type { OutletReport } from '../contract/route-source.ts'
import type { CompiledBroker } from './broker/compile.ts'
import { concludeBroker } from './broker/conclude.ts'
import type { Compiled } from './compile-manifests.ts'
import type { TopicState } from './topics/state.ts'
import type { CompiledTrigger } from './trigger/compile.ts'
import { concludeTrigger } from './trigger/conclude.ts'
import type { Verdict } from './verdict.ts'

/** What is seen of the world, when one process is the whole data plane. */
export interface Observed {
  /** By name; missing: not known yet. */
  readonly topics: ReadonlyMap<string, TopicState>
  /** The last report of the data plane by UID. */
  readonly outlets: ReadonlyMap<string, OutletReport>
  /** Whether the ingress takes events. */
  readonly ingressListening: boolean
}

/** What a user is told about an object, and where it leads. */
export interface ObjectStatus extends Verdict {
  readonly key: ObjectKey
  readonly uid: string
  /** Generation of the Inlet or Outlet that this speaks of; 0 while there is none. */
  readonly observedGeneration: number
  readonly address?: string
  readonly topic?: string
  readonly group?: string
  readonly subscriberUri?: string
  readonly deadLetterSinkUri?: string
}

/** A whole set of manifests: what was compiled and what is seen → conditions, Ready included; Brokers first. Pure. */
export function conclude(compiled: Compiled, observed: Observed): readonly ObjectStatus[] {
  const brokers = compiled.brokers.map((broker) => brokerStatus(broker, compiled, observed))
  const byName = new Map(brokers.map((status) => [objectName(status.key), status]))
  const triggers = compiled.triggers.map((trigger) => {
    return triggerStatus(trigger, byName.get(objectName(trigger.broker)), compiled, observed)
  })
  return [...brokers, ...triggers]
}

function brokerStatus(broker: CompiledBroker, { inlets }: Compiled, observed: Observed): ObjectStatus {
  const { key, uid, address, topic, delivery } = broker
  const deadLetterSinkUri = delivery.delivery?.deadLetter?.url
  const dataPlane = observed.ingressListening
    ? holds('DataPlaneAvailable')
    : waits('DataPlaneAvailable', 'IngressNotListening', 'the ingress does not take events yet')
  return {
    key,
    uid,
    ...concludeBroker(broker, { topic: observed.topics.get(topic.spec.name), dataPlane }),
    observedGeneration: generationOf(uid, inlets),
    topic: topic.spec.name,
    address,
    ...(deadLetterSinkUri === undefined ? {} : { deadLetterSinkUri }),
  }
}

function triggerStatus(
  trigger: CompiledTrigger,
  broker: ObjectStatus | undefined,
  { outlets }: Compiled,
  observed: Observed,
): ObjectStatus {
  const { key, uid, group, subscriberUri, deadLetterSinkUri } = trigger
  const generation = generationOf(uid, outlets)
  const report = observed.outlets.get(uid)
  return {
    key,
    uid,
    ...concludeTrigger(trigger, { broker, generation, report, consumption: { kind: 'owned' } }),
    observedGeneration: generation,
    group,
    ...(subscriberUri === undefined ? {} : { subscriberUri }),
    ...(deadLetterSinkUri === undefined ? {} : { deadLetterSinkUri }),
  }
}

function generationOf(uid: string, routes: readonly { readonly uid: string; readonly generation: number }[]): number {
  return routes.find((route) => route.uid === uid)?.generation ?? 0
}
