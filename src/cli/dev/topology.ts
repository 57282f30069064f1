import type { Manifest } from '../../api/manifest.ts'
import { objectName, type ObjectKey } from '../../api/problem.ts'
import type { ObjectStatus } from '../../control-plane/conclude.ts'
import type { CompiledTrigger } from '../../control-plane/trigger/compile.ts'
import type { CompiledBinding } from '../../control-plane/sink-binding/compile.ts'
import type { Outlet } from '../../contract/outlet.ts'
import type { DispatcherSnapshot, OutletSnapshot } from '../../data-plane/dispatcher/parts.ts'
import type { FilterSpec } from '../../event/filter-spec.ts'
import type { NodeState, Topology, TopologyNode } from '../../viewer/topology.ts'
import { Picture } from '../viewer/picture.ts'

/** What `dev` knows of its objects. */
export interface World {
  readonly statuses: readonly ObjectStatus[]
  readonly triggers: readonly CompiledTrigger[]
  readonly outlets: readonly Outlet[]
  readonly bindings: readonly CompiledBinding[]
  /** By name of a Trigger or KafkaSource: the object that its events are for, where it names one. */
  readonly receivers: ReadonlyMap<string, ObjectKey>
}

/** The objects that Triggers and KafkaSources of these manifests name. */
export function receiversIn(manifests: readonly Manifest[]): ReadonlyMap<string, ObjectKey> {
  return new Map(
    manifests.flatMap((manifest) => {
      const ref =
        manifest.kind === 'Trigger'
          ? manifest.object.spec.subscriber.ref
          : manifest.kind === 'KafkaSource'
            ? manifest.object.spec.sink.ref
            : undefined
      if (ref === undefined) return []
      const { kind, name } = ref
      return [[objectName(manifest.key), { kind, namespace: ref.namespace || manifest.key.namespace, name }] as const]
    }),
  )
}

/** Manifests, compiled, and what the dispatcher does → the picture of the page. Pure. */
export function topologyOf(world: World, { outlets }: DispatcherSnapshot): Topology {
  const snapshots = new Map(outlets.map((snapshot) => [snapshot.uid, snapshot]))
  const specs = new Map(world.outlets.map((outlet) => [outlet.uid, outlet]))
  const picture = new Picture()
  for (const status of world.statuses) {
    if (status.key.kind === 'Broker') picture.node(brokerNode(status, outlets))
  }
  for (const status of world.statuses) {
    const trigger = world.triggers.find(({ key }) => objectName(key) === objectName(status.key))
    const receiver = world.receivers.get(objectName(status.key))
    const [outlet, snapshot] = [specs.get(status.uid), snapshots.get(status.uid)]
    if (trigger !== undefined) addTrigger(picture, { status, trigger, outlet, snapshot, receiver })
    if (status.key.kind === 'KafkaSource') addSource(picture, status, outlets, receiver)
  }
  for (const binding of world.bindings) addBinding(picture, binding)
  return picture
}

function brokerNode(status: ObjectStatus, outlets: readonly OutletSnapshot[]): TopologyNode {
  const { key, address, topic } = status
  const reading = outlets.find((outlet) => outlet.topic === topic)
  const events = reading?.partitions.reduce((sum, { end }) => sum + end, 0)
  return {
    id: objectName(key),
    role: 'broker',
    ...key,
    ...(address === undefined ? {} : { detail: address, url: address }),
    ...stateOf(status),
    ...(events === undefined ? {} : { events }),
  }
}

interface TriggerParts {
  readonly status: ObjectStatus
  readonly trigger: CompiledTrigger
  readonly outlet: Outlet | undefined
  readonly snapshot: OutletSnapshot | undefined
  readonly receiver: ObjectKey | undefined
}

function addTrigger(picture: Picture, { status, trigger, outlet, snapshot, receiver }: TriggerParts): void {
  const id = objectName(trigger.key)
  const detail = outlet === undefined ? '' : filterText(outlet.filter)
  const counted = snapshot === undefined ? {} : figures([snapshot])
  picture.node({ id, role: 'trigger', ...trigger.key, detail, ...stateOf(status), ...counted })
  picture.edge(objectName(trigger.broker), id, 'subscribe')
  const { delivered = 0, deadLettered = 0, replied = 0 } = snapshot ?? {}
  if (trigger.subscriberUri !== undefined) {
    const subscriber = picture.receiver(trigger.subscriberUri, receiver, { events: delivered - deadLettered })
    picture.edge(id, subscriber, 'deliver')
    if (replied > 0) picture.edge(subscriber, objectName(trigger.broker), 'reply', replied)
  }
  if (trigger.deadLetterSinkUri !== undefined) {
    const sink = picture.receiver(trigger.deadLetterSinkUri, undefined, { events: deadLettered })
    picture.edge(id, sink, 'deadletter', deadLettered)
  }
}

/** A KafkaSource reads several topics, each as an Outlet of its own. */
function addSource(
  picture: Picture,
  status: ObjectStatus,
  all: readonly OutletSnapshot[],
  receiver: ObjectKey | undefined,
): void {
  const id = objectName(status.key)
  const mine = all.filter(({ source }) => objectName(source) === id)
  const counted = figures(mine)
  const detail = mine.map(({ topic }) => topic).join(', ')
  picture.node({ id, role: 'source', ...status.key, detail, ...stateOf(status), ...counted })
  if (status.subscriberUri === undefined) return
  picture.edge(id, picture.receiver(status.subscriberUri, receiver, { events: counted.events }), 'send')
}

function addBinding(picture: Picture, { sink, subjects }: CompiledBinding): void {
  for (const subject of subjects) {
    const bound = 'url' in sink
    const why = bound ? {} : { reason: 'SinkMissing', message: sink.missing }
    picture.node({ id: objectName(subject), role: 'source', ...subject, state: bound ? 'ready' : 'failed', ...why })
    if (bound) picture.edge(objectName(subject), picture.receiver(sink.url, undefined, { events: 0 }), 'send')
  }
}

function figures(snapshots: readonly OutletSnapshot[]) {
  const partitions = snapshots.flatMap((snapshot) => snapshot.partitions)
  return {
    events: sum(snapshots.map(({ delivered }) => delivered)),
    lag: sum(partitions.map(({ end, position }) => Math.max(0, end - position))),
    inFlight: sum(partitions.map(({ inFlight }) => inFlight)),
    parked: sum(snapshots.map(({ parked }) => parked)),
    replied: sum(snapshots.map(({ replied }) => replied)),
    ...lastErrorOf(snapshots),
  }
}

/** Of all partitions and topics, the last. */
function lastErrorOf(snapshots: readonly OutletSnapshot[]): Pick<TopologyNode, 'lastError'> {
  const errors = snapshots.flatMap(({ lastError }) => lastError ?? []).toSorted((a, b) => b.at - a.at)
  return errors[0] === undefined ? {} : { lastError: errors[0].message }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function stateOf({ ready, reason, message }: ObjectStatus): Pick<TopologyNode, 'state' | 'reason' | 'message'> {
  const states: Readonly<Record<ObjectStatus['ready'], NodeState>> = {
    True: 'ready',
    False: 'failed',
    Unknown: 'waiting',
  }
  return ready === 'True' ? { state: 'ready' } : { state: states[ready], reason, message }
}

/** A filter in a few words. */
function filterText(filter: FilterSpec): string {
  if ('cesql' in filter) return filter.cesql
  if ('attributes' in filter) return mapText(filter.attributes, '=') || 'every event'
  if ('exact' in filter) return mapText(filter.exact, '=')
  if ('prefix' in filter) return mapText(filter.prefix, '^=')
  if ('suffix' in filter) return mapText(filter.suffix, '$=')
  if ('not' in filter) return `not (${filterText(filter.not)})`
  const [members, word] = 'all' in filter ? [filter.all, ' and '] : [filter.any, ' or ']
  return members.map(filterText).join(word)
}

function mapText(map: Readonly<Record<string, string>>, sign: string): string {
  return Object.entries(map)
    .map(([name, value]) => `${name} ${sign} ${value}`)
    .join(', ')
}
