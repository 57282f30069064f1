import { holds, waits } from '../api/meta/condition.ts'
import { objectName } from '../api/problem.ts'
import type { ObjectKey } from '../api/problem.ts'
import type { OutletReport } from '../contract/route-source.ts'
import type { CompiledBroker } from './broker/compile.ts'
import { concludeBroker } from './broker/conclude.ts'
import type { Compiled } from './compile-manifests.ts'
import type { TopicState } from './topics/state.ts'
import type { CompiledSource } from './kafka-source/compile.ts'
import { concludeSource } from './kafka-source/conclude.ts'
import { sourceUidOf } from './names.ts'
import type { TopicsView } from './topics/source-topics.ts'
import type { CompiledTrigger } from './trigger/compile.ts'
import { concludeTrigger } from './trigger/conclude.ts'
import type { Verdict } from './verdict.ts'

/** What is seen of the world, when one process is the whole data plane. */
export interface Observed {
  /** By name; missing: not known yet. */
  readonly topics: ReadonlyMap<string, TopicState>
  /** The last report of the data plane by UID. */
  readonly outlets: ReadonlyMap<string, OutletReport>
  /** The topics that the log has; absent: not known yet. */
  readonly existing?: readonly string[]
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
  /** Topics that a KafkaSource reads. */
  readonly topics?: readonly string[]
  readonly group?: string
  readonly subscriberUri?: string
  readonly deadLetterSinkUri?: string
}

/** A whole set of manifests: what was compiled and what is seen → conditions, Ready included; Brokers first, KafkaSources last. Pure. */
export function conclude(compiled: Compiled, observed: Observed): readonly ObjectStatus[] {
  const brokers = compiled.brokers.map((broker) => brokerStatus(broker, compiled, observed))
  const byName = new Map(brokers.map((status) => [objectName(status.key), status]))
  const triggers = compiled.triggers.map((trigger) => {
    return triggerStatus(trigger, byName.get(objectName(trigger.broker)), compiled, observed)
  })
  const sources = compiled.kafkaSources.map((source) => sourceStatus(source, compiled, observed))
  return [...brokers, ...triggers, ...sources]
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

function sourceStatus(source: CompiledSource, { outlets }: Compiled, observed: Observed): ObjectStatus {
  const { key, uid, group, sinkUri, deadLetterSinkUri } = source
  const own = outlets.filter((outlet) => sourceUidOf(outlet.uid) === uid && outlet.uid !== uid)
  const topics = viewOf(source, own, observed)
  const seen = own
    .filter(({ topic }) => topics.found.has(topic))
    .map(({ uid: outletUid, topic, generation }) => {
      const report = observed.outlets.get(outletUid)
      const fault = report?.fault ?? undefined
      const status =
        report === undefined || report.state === 'released'
          ? undefined
          : {
              observedGeneration: report.generation,
              state: report.state,
              ...(fault === undefined ? {} : { fault }),
            }
      return { topic, generation, status, consumption: { kind: 'owned' as const } }
    })
  return {
    key,
    uid,
    ...concludeSource(source, { credential: { kind: 'none' }, topics, before: [], outlets: seen }),
    observedGeneration: Math.max(0, ...own.map(({ generation }) => generation)),
    group,
    topics: [...topics.found.keys()],
    ...(sinkUri === undefined ? {} : { subscriberUri: sinkUri }),
    ...(deadLetterSinkUri === undefined ? {} : { deadLetterSinkUri }),
  }
}

/** What is known of its topics, as the control plane of a cluster sees it. */
function viewOf({ asked }: CompiledSource, own: readonly { topic: string }[], observed: Observed): TopicsView {
  const names = asked.kind === 'names' ? asked.names : own.map(({ topic }) => topic)
  const states = names.map((name) => ({ name, state: observed.topics.get(name) }))
  const faults = states.flatMap(({ state }) =>
    state === undefined || state === 'ready' || state.usable ? [] : [state],
  )
  const away = faults.find(({ reason }) => reason !== 'TopicNotFound') ?? null
  const there = states.filter(({ state }) => state === 'ready' || (state !== undefined && state.usable === true))
  const known =
    asked.kind === 'names' ? states.every(({ state }) => state !== undefined) : observed.existing !== undefined
  return {
    seen: known,
    cluster: null,
    fault: away === null ? null : { reason: away.reason, message: away.message },
    found: new Map(there.map(({ name }) => [name, { id: '', partitions: 1 }])),
    missing: states
      .filter(({ state }) => state !== undefined && state !== 'ready' && !state.usable)
      .map(({ name }) => name),
    forbidden: [],
  }
}

function generationOf(uid: string, routes: readonly { readonly uid: string; readonly generation: number }[]): number {
  return routes.find((route) => route.uid === uid)?.generation ?? 0
}
