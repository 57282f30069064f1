import { brokerClass } from '../../api/broker.ts'
import type { ObjectKey } from '../../api/problem.ts'
import type { Trigger } from '../../api/trigger.ts'
import { outletStatusOf, type OutletStatus } from '../../contract/outlet.ts'
import type { KafkaCluster } from '../../contract/source.ts'
import type { ObjectName, StoredObject } from '../../kube/client.ts'
import { nameOf } from '../../kube/store.ts'
import type { BoardEntry } from '../board.ts'
import type { Deletion } from '../contract-versions.ts'
import type { LiveWorker } from '../fleet.ts'
import { isHeld } from '../finalizers.ts'
import { forceDeleteAnnotation } from '../kafka-remains.ts'
import { triggerGroup } from '../names.ts'
import { parsedTrigger } from '../parsed.ts'
import { statusOf } from '../status-of.ts'
import type { World } from '../world.ts'

/** Keys of `status.annotations`: which group, besides those that say in which Kafka cluster. */
export const groupInUse = { group: 'group.id' } as const

/** What is known of the Broker that a Trigger names. */
export type BrokerView =
  | { readonly kind: 'absent' }
  /** Of another class: its Triggers are not ours either. */
  | { readonly kind: 'foreign' }
  /** It is there, and in a moment more is known of it. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'known'; readonly entry: BoardEntry }

/** A Trigger and what matters to it, as one value. */
export interface ObservedTrigger {
  readonly object: StoredObject
  readonly key: ObjectKey
  /** Null: see `problems`. */
  readonly trigger: Trigger | null
  readonly problems: string
  readonly deleting: boolean
  readonly hasFinalizer: boolean
  readonly forced: boolean
  readonly broker: BrokerView
  /** What status says is in use. */
  readonly annotations: Readonly<Record<string, string>>
  readonly group: string
  /** Who has the group already. */
  readonly takenBy: ObjectName | null
  readonly outlet: StoredObject | undefined
  /** What the data plane says of the Outlet. */
  readonly outletStatus: OutletStatus | undefined
  /** The version that dispatchers must have seen. */
  readonly outletVersion: string | undefined
  readonly outletDeletion: Deletion | undefined
  /** An Outlet that the cache did not show was found, and deleted, when the Trigger was about to go. */
  readonly unseen: UnseenOutlet | undefined
  /** How long its Outlet is known to be gone, when nobody saw it go; milliseconds. */
  readonly goneMs: number
  readonly dispatchers: readonly LiveWorker[]
}

/** An Outlet that stood while the cache, which may lag, had none. */
export interface UnseenOutlet {
  readonly cluster: KafkaCluster | undefined
}

/** What a reconciler remembers of a Trigger. */
export interface TriggerMemory {
  /** How long its Outlet is gone, milliseconds; asked while it is. */
  readonly goneMs: () => number
  readonly unseen: UnseenOutlet | undefined
}

/** Caches → value. */
export function observeTrigger(object: StoredObject, world: World, memory: TriggerMemory): ObservedTrigger {
  const { namespace, name } = nameOf(object)
  const { uid, annotations = {}, finalizers = [], deletionTimestamp } = object.metadata
  const key: ObjectKey = { kind: 'Trigger', namespace, name }
  const parsed = parsedTrigger(object)
  const status = statusOf(object).annotations ?? {}
  const outlet = world.stores.outlets.get({ namespace: world.namespace, name: uid })
  const deleting = deletionTimestamp !== undefined
  return {
    object,
    key,
    trigger: parsed.value,
    problems: parsed.problems ?? '',
    deleting,
    hasFinalizer: isHeld('trigger', finalizers),
    forced: annotations[forceDeleteAnnotation] === 'true',
    broker: viewOfBroker({ namespace, name: brokerNameOf(object) }, world),
    annotations: status,
    group: groupOf(object),
    takenBy: world.groupNames.takenBy(uid, ({ key: rival }) => isOurs(rival, world)),
    outlet,
    outletStatus: outletStatusOf(outlet?.['status']),
    outletVersion: world.outletVersions.specVersion(uid),
    outletDeletion: world.outletVersions.deletion(uid),
    unseen: memory.unseen,
    goneMs: deleting && outlet === undefined ? memory.goneMs() : 0,
    dispatchers: world.fleet.live('dispatcher'),
  }
}

/** The consumer group of a Trigger: the one in use stays, whatever a template says later. */
export function groupOf(object: StoredObject): string {
  const { namespace, name } = nameOf(object)
  return statusOf(object).annotations?.[groupInUse.group] ?? triggerGroup({ kind: 'Trigger', namespace, name })
}

/** Also of one that is not understood otherwise. */
export function brokerNameOf(object: StoredObject): string {
  return (object['spec'] as { broker?: string } | undefined)?.broker ?? ''
}

/** A Trigger of a Broker of another class has no group in Kafka, whatever it would be called. */
function isOurs(trigger: ObjectName, world: World): boolean {
  const object = world.stores.triggers.get(trigger)
  const broker = object && world.stores.brokers.get({ namespace: trigger.namespace, name: brokerNameOf(object) })
  return broker === undefined || brokerClass(broker.metadata) === 'Kafka'
}

function viewOfBroker(name: ObjectName, { stores, board }: World): BrokerView {
  const broker = stores.brokers.get(name)
  if (broker === undefined) return { kind: 'absent' }
  if (brokerClass(broker.metadata) !== 'Kafka') return { kind: 'foreign' }
  if (broker.metadata.deletionTimestamp !== undefined) return { kind: 'absent' }
  const entry = board.get(name)
  return entry === undefined ? { kind: 'unknown' } : { kind: 'known', entry }
}
