import { externalTopicAnnotation, brokerClass } from '../api/broker.ts'
import type { KafkaCluster } from '../contract/source.ts'
import { isAfter } from '../kube/resource-version.ts'
import type { ObjectName, StoredObject } from '../kube/client.ts'
import type { Controller } from '../kube/controller.ts'
import { sameJson } from '../kube/equal.ts'
import { meaningOf } from '../kube/meaning.ts'
import { keyOf, nameOf, type StoreChange } from '../kube/store.ts'
import { chooseTopic } from './broker/compile.ts'
import { configRef, kafkaConfigName } from './broker/kafka-config.ts'
import { inUse } from './broker/observe.ts'
import { sourceOf } from './contract-object.ts'
import type { CredentialOwner } from './credentials/credentials.ts'
import type { FleetChange, Role } from './fleet.ts'
import type { Informers } from './informers.ts'
import type { Claimant } from './name-index.ts'
import { brokerTopic, parkingTopic, triggerGroup } from './names.ts'
import { parsedBroker } from './parsed.ts'
import type { GroupKind, Referrer } from './references.ts'
import type { Bindings } from './sink-binding/bindings.ts'
import { statusOf } from './status-of.ts'
import { brokerNameOf, groupInUse, groupOf } from './trigger/observe.ts'
import type { World } from './world.ts'

/** Changes of the fleet come in bunches when pods are replaced; all are looked at together, milliseconds. */
const fleetDelayMs = 200

const serviceKind: GroupKind = { group: '', kind: 'Service' }
const brokerKind: GroupKind = { group: 'eventing.knative.dev', kind: 'Broker' }

const controllerOf = {
  Broker: 'broker',
  Trigger: 'trigger',
  KafkaSource: 'kafkaSource',
  SinkBinding: 'sinkBinding',
} as const

interface Controllers {
  readonly broker: Controller
  readonly trigger: Controller
  readonly kafkaSource: Controller
  readonly sugar: Controller
  readonly sinkBinding: Controller
}

/**
 * Who is to be looked at when something changes. Keys only: what there is to do is read from the caches when their turn comes.
 *
 *     Inlet, topic, ConfigMap, credential, ingress, its address ► Broker ──► board ──► its Triggers
 *     Outlet, dispatcher ──────────────────────────► Trigger
 *     Outlet, dispatcher, topics, credential ► KafkaSource
 *     Service, Broker, any Addressable ──► those who refer to it
 *     Broker, Trigger, KafkaSource ──► those who ask for the same name in Kafka
 *     SinkBinding ► those that may want the same workload; label of a namespace ► SinkBindings in it; a workload ► those that bind it
 *     ConfigMap config-sugar, a Broker that is gone ─► Namespace
 */
export class Wiring {
  readonly #informers: Informers
  readonly #bindings: Bindings
  readonly #signal: AbortSignal
  /** Triggers by the Broker that they name. */
  readonly #triggers = new Map<string, Map<string, ObjectName>>()
  /** Names of Brokers by UID. */
  readonly #brokers = new Map<string, ObjectName>()
  /** Names of KafkaSources by UID. */
  readonly #kafkaSources = new Map<string, ObjectName>()
  readonly #due = new Map<Role, NodeJS.Timeout>()
  #world: World | undefined
  #controllers: Controllers | undefined

  /** `bindings`: made before, so that it is up to date when something is looked at. */
  constructor(informers: Informers, bindings: Bindings, signal: AbortSignal) {
    this.#informers = informers
    this.#bindings = bindings
    this.#signal = signal
    signal.addEventListener('abort', () => this.#due.forEach((timer) => clearTimeout(timer)), { once: true })
  }

  /** Follows all caches from now on. To be called before they have their first lists. */
  connect(world: World): void {
    this.#world = world
    const { brokers, triggers, inlets, outlets, services, configMaps, sugar, sinkBindings, kafkaSources, namespaces } =
      this.#informers
    brokers.subscribe((change) => this.#brokerStored(change, world))
    triggers.subscribe((change) => this.#triggerStored(change, world))
    inlets.subscribe(({ object }) => this.#broker(sourceOf(object)?.key))
    outlets.subscribe((change) => this.#outletStored(change))
    services.subscribe(({ object }) => this.referrersChanged(world.references.to(serviceKind, nameOf(object))))
    configMaps.subscribe(({ object }) => this.#configMapStored(object, world))
    sugar.subscribe(() => this.#allNamespaces())
    sinkBindings.subscribe((change) => this.#sinkBindingStored(change))
    kafkaSources.subscribe((change) => this.#kafkaSourceStored(change, world))
    namespaces.subscribe((change) => this.#namespaceStored(change))
  }

  /** From now on keys go to these. */
  start(controllers: Controllers): void {
    this.#controllers = controllers
  }

  readonly referrersChanged = (referrers: Iterable<Referrer>): void => {
    for (const { kind, key } of referrers) this.#to(controllerOf[kind], key)
  }

  readonly topicsChanged = (cluster: KafkaCluster, topics: readonly string[]): void => {
    for (const uid of this.#world?.kafka.owners(cluster, new Set(topics)) ?? []) this.#broker(this.#brokers.get(uid))
  }

  readonly credentialChanged = ({ kind, namespace, name }: CredentialOwner): void => {
    if (kind === 'Broker') this.#broker({ namespace, name })
    else if (kind === 'KafkaSource') this.#to('kafkaSource', { namespace, name })
  }

  readonly topicsViewed = (uid: string): void => {
    const key = this.#kafkaSources.get(uid)
    if (key !== undefined) this.#to('kafkaSource', key)
  }

  readonly brokerChanged = (broker: ObjectName): void => {
    for (const key of this.#triggers.get(keyOf(broker))?.values() ?? []) this.#to('trigger', key)
  }

  readonly addressChanged = (): void => {
    for (const object of this.#informers.brokers.all()) this.#broker(nameOf(object))
  }

  readonly fleetChanged = (role: Role, change: FleetChange): void => {
    if (change.kind === 'seen') {
      const crossed = (version: string): boolean => isAfter(version, change.from) && !isAfter(version, change.to)
      for (const key of this.#world?.awaiting[role].reached(crossed) ?? []) this.#toServed(role, key)
      if (role === 'dispatcher')
        for (const key of this.#world?.awaiting.source.reached(crossed) ?? []) this.#to('kafkaSource', key)
    } else if (!this.#due.has(role) && !this.#signal.aborted) {
      this.#due.set(
        role,
        setTimeout(() => this.#allServed(role), fleetDelayMs),
      )
    }
  }

  #allServed(role: Role): void {
    this.#due.delete(role)
    const { brokers, triggers } = this.#informers
    for (const object of (role === 'ingress' ? brokers : triggers).all()) this.#toServed(role, nameOf(object))
    if (role === 'dispatcher')
      for (const object of this.#informers.kafkaSources.all()) this.#to('kafkaSource', nameOf(object))
  }

  #toServed(role: Role, key: ObjectName): void {
    this.#to(role === 'ingress' ? 'broker' : 'trigger', key)
  }

  #brokerStored(change: StoreChange, world: World): void {
    const { object } = change
    const key = nameOf(object)
    const { uid } = object.metadata
    const gone = change.kind === 'gone'
    if (gone) this.#brokers.delete(uid)
    else this.#brokers.set(uid, key)
    const claimant = gone || brokerClass(object.metadata) !== 'Kafka' ? undefined : topicClaim(object)
    for (const other of world.topicNames.set(uid, claimant)) this.#broker(other)
    this.referrersChanged(world.references.to(brokerKind, key))
    // Its Triggers hear of all else from the board; whether it is there, and of which class, they see for themselves.
    if (gone || change.previous === undefined || isDeleting(object) !== isDeleting(change.previous))
      this.brokerChanged(key)
    if (gone) this.#to('sugar', { namespace: '', name: key.namespace })
  }

  #triggerStored(change: StoreChange, world: World): void {
    const { object } = change
    const key = nameOf(object)
    const id = keyOf({ namespace: key.namespace, name: brokerNameOf(object) })
    const siblings = this.#triggers.get(id) ?? new Map<string, ObjectName>()
    if (change.kind === 'gone') siblings.delete(keyOf(key))
    else siblings.set(keyOf(key), key)
    if (siblings.size === 0) this.#triggers.delete(id)
    else this.#triggers.set(id, siblings)
    const claimant = change.kind === 'gone' ? undefined : groupClaim(object)
    for (const other of world.groupNames.set(object.metadata.uid, claimant)) this.#to('trigger', other)
  }

  #kafkaSourceStored(change: StoreChange, world: World): void {
    const { object } = change
    const { uid } = object.metadata
    const gone = change.kind === 'gone'
    if (gone) this.#kafkaSources.delete(uid)
    else this.#kafkaSources.set(uid, nameOf(object))
    const others = gone ? world.sourceGroups.gone(uid) : world.sourceGroups.stored(object)
    for (const other of others) this.#to('kafkaSource', other)
  }

  /** Two may want the same variables of one workload. */
  #sinkBindingStored(change: StoreChange): void {
    const { object } = change
    const before = change.kind === 'set' ? change.previous : undefined
    if (before !== undefined && sameJson(meaningOf(before), meaningOf(object))) return
    for (const version of before === undefined ? [object] : [object, before])
      for (const rival of this.#bindings.rivalsOf(version)) this.#to('sinkBinding', nameOf(rival))
  }

  #namespaceStored(change: StoreChange): void {
    const { labels, name } = change.object.metadata
    const before = change.kind === 'set' ? change.previous : undefined
    if (before !== undefined && !sameJson(before.metadata.labels, labels)) this.#allBindingsIn(name)
  }

  #allBindingsIn(namespace: string): void {
    if (this.#controllers === undefined) return
    for (const { metadata } of this.#informers.sinkBindings.all())
      if (metadata.namespace === namespace) this.#to('sinkBinding', { namespace, name: metadata.name })
  }

  #outletStored({ object }: StoreChange): void {
    const source = sourceOf(object)
    if (source?.kind === 'Trigger' || source?.kind === 'KafkaSource') this.#to(controllerOf[source.kind], source.key)
  }

  #configMapStored(object: StoredObject, { namespace }: World): void {
    if (this.#controllers === undefined) return
    const key = nameOf(object)
    const shared = key.namespace === namespace && key.name === kafkaConfigName
    for (const broker of this.#informers.brokers.all()) {
      const spec = parsedBroker(broker).value
      const named = spec === null ? undefined : configRef(spec, broker.metadata.namespace ?? '')
      if (shared || (named !== undefined && keyOf(named) === keyOf(key))) this.#broker(nameOf(broker))
    }
  }

  #allNamespaces(): void {
    for (const object of this.#informers.namespaces.all()) this.#to('sugar', nameOf(object))
  }

  #broker(key: ObjectName | undefined): void {
    if (key !== undefined) this.#to('broker', key)
  }

  #to(controller: keyof Controllers, key: ObjectName): void {
    this.#controllers?.[controller].enqueue(key)
  }
}

function isDeleting({ metadata }: StoredObject): boolean {
  return metadata.deletionTimestamp !== undefined
}

function topicClaim(object: StoredObject): Claimant {
  const key = nameOf(object)
  const inForce = statusOf(object).annotations?.[inUse.topic]
  const { name } = chooseTopic({ kind: 'Broker', ...key }, object.metadata.annotations, inForce)
  const shares = object.metadata.annotations?.[externalTopicAnnotation] === name
  const derived = name === brokerTopic({ kind: 'Broker', ...key })
  return { ...claimOf(object), names: [name, parkingTopic(name)], holds: inForce === name, derived, shares }
}

function groupClaim(object: StoredObject): Claimant {
  const group = groupOf(object)
  const holds = statusOf(object).annotations?.[groupInUse.group] === group
  const derived = group === triggerGroup({ kind: 'Trigger', ...nameOf(object) })
  return { ...claimOf(object), names: [group], holds, derived, shares: false }
}

function claimOf(object: StoredObject): Pick<Claimant, 'key' | 'uid' | 'createdAt'> {
  const { uid, creationTimestamp = '' } = object.metadata
  return { key: nameOf(object), uid, createdAt: creationTimestamp }
}
