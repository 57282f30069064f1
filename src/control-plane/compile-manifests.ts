import { isDeepStrictEqual } from 'node:util'
import { matchingTopics } from '../api/topics-pattern.ts'
import { brokerClass } from '../api/broker.ts'
import type { Manifest } from '../api/manifest.ts'
import { objectName } from '../api/problem.ts'
import type { ObjectKey, Place } from '../api/problem.ts'
import type { Inlet } from '../contract/inlet.ts'
import type { Outlet } from '../contract/outlet.ts'
import { compileBroker } from './broker/compile.ts'
import type { BrokerTopic, CompiledBroker } from './broker/compile.ts'
import type { TopicSettings } from './broker/topic-config.ts'
import { Claims } from './claims.ts'
import { compileKafkaSource, groupOf, outletOf, type CompiledSource } from './kafka-source/compile.ts'
import { derivedUid, parkingTopic, sourceOutletUid, triggerGroup } from './names.ts'
import { destinationResolver } from './resolve.ts'
import type { FullReference, Resolve, Resolved, ResolveReference } from './resolve.ts'
import { compileTrigger } from './trigger/compile.ts'
import type { CompiledTrigger } from './trigger/compile.ts'

export interface CompileOptions {
  /** Addresses of objects, Brokers excepted: those are known here. */
  readonly resolveReference: ResolveReference
  /** Base URL of the ingress. */
  readonly ingressUrl: string
  /** For Brokers whose ConfigMap is missing or silent. */
  readonly topicDefaults: TopicSettings
  /** No more replicas than Kafka brokers; a higher wish is lowered with a notice. Default: no limit. */
  readonly maxReplicationFactor?: number
  /** Where a new Trigger begins. Default `latest`. */
  readonly start?: 'latest' | 'earliest'
  /** The topics that the log has, for KafkaSources that ask by pattern; absent: not known yet. */
  readonly existing?: readonly string[]
  /** UID of an object that has none of its own. Default: derived from kind, namespace and name. */
  readonly uid?: (key: ObjectKey) => string
  /** The compilation in force: keeps generations counting, and who has a topic or group keeps it. */
  readonly previous?: Compiled
}

/** Something worth saying about one object that is no fault. */
export interface Notice {
  readonly key: ObjectKey
  readonly place: Place
  readonly message: string
}

/** All that a set of manifests comes to. */
export interface Compiled {
  readonly inlets: readonly Inlet[]
  readonly outlets: readonly Outlet[]
  /** Topics of Brokers, each once. Parking topics are not among them: they are made on first use. */
  readonly topics: readonly BrokerTopic[]
  readonly brokers: readonly CompiledBroker[]
  readonly triggers: readonly CompiledTrigger[]
  readonly kafkaSources: readonly CompiledSource[]
  readonly notices: readonly Notice[]
  /** By UID, of Inlets and Outlets that are or were there. */
  readonly generations: ReadonlyMap<string, number>
  /** As it was told. */
  readonly existing?: readonly string[]
}

type BrokerManifest = Extract<Manifest, { kind: 'Broker' }>
type TriggerManifest = Extract<Manifest, { kind: 'Trigger' }>
type SourceManifest = Extract<Manifest, { kind: 'KafkaSource' }>

/** Addresses as manifests have them: their Brokers lead to our ingress, the rest is asked of the caller. */
export function manifestResolver(objects: readonly Manifest[], options: CompileOptions): Resolve {
  return destinationResolver(withBrokers(brokersIn(objects), options))
}

/**
 * Compiles a whole set of manifests; pure.
 *
 *     Brokers ──► class is ours? ──► topic claimed? ──► Inlet, topic, delivery ─┐
 *       ConfigMaps ─────────────────────┘                                       ▼
 *     Triggers ──► Broker, group claimed?, addresses ────────────────────────► Outlet
 *     KafkaSources ──► group claimed?, addresses, topics ────────────────────► Outlets
 *     Inlets and Outlets that changed against `previous` get the next generation
 */
export function compileManifests(objects: readonly Manifest[], options: CompileOptions): Compiled {
  const all = brokersIn(objects)
  const served = all.filter(({ object }) => brokerClass(object.metadata) === 'Kafka')
  const foreign = all.filter((manifest) => !served.includes(manifest))
  const resolve = manifestResolver(objects, options)
  const brokers = compileBrokers(served, objects, resolve, options)
  const byName = new Map(brokers.map((broker) => [objectName(broker.key), broker]))
  const leftAlone = new Map(foreign.map(({ key, object }) => [objectName(key), brokerClass(object.metadata)]))
  const named = objects.filter((manifest): manifest is TriggerManifest => manifest.kind === 'Trigger')
  const ours = named.filter((manifest) => !leftAlone.has(brokerOf(manifest)))
  const triggers = compileTriggers(ours, byName, resolve, options)
  const kafkaSources = compileSources(objects, resolve, options)
  const generations = new Map(options.previous?.generations)
  return {
    inlets: numbered(
      brokers.flatMap(({ inlet }) => inlet ?? []),
      options.previous?.inlets ?? [],
      generations,
    ),
    outlets: numbered(
      [
        ...triggers.flatMap(({ outlet }) => outlet ?? []),
        ...kafkaSources.flatMap((source) => sourceOutlets(source, options)),
      ],
      options.previous?.outlets ?? [],
      generations,
    ),
    topics: topicsOf(brokers),
    brokers,
    triggers,
    kafkaSources,
    notices: [
      ...foreign.map(({ key, place, object }) => ({
        key,
        place,
        message: foreignNotice(brokerClass(object.metadata)),
      })),
      ...named.flatMap((manifest) => foreignTrigger(manifest, leftAlone.get(brokerOf(manifest)))),
      ...served.flatMap(({ key, place }, i) => (brokers[i]?.notices ?? []).map((message) => ({ key, place, message }))),
    ],
    generations,
    ...(options.existing === undefined ? {} : { existing: options.existing }),
  }
}

function brokersIn(objects: readonly Manifest[]): readonly BrokerManifest[] {
  return objects.filter((manifest): manifest is BrokerManifest => manifest.kind === 'Broker')
}

function brokerOf({ key, object }: TriggerManifest): string {
  return objectName({ kind: 'Broker', namespace: key.namespace, name: object.spec.broker })
}

function foreignNotice(brokerClassName: string): string {
  const about = `is of class ${brokerClassName}`
  if (brokerClassName === 'KafkaNamespaced') return `${about}: not yet, left alone; use class Kafka`
  return `${about} and left alone; remove the annotation eventing.knative.dev/broker.class, or set it to Kafka`
}

function foreignTrigger({ key, place, object }: TriggerManifest, className: string | undefined): Notice[] {
  if (className === undefined) return []
  return [{ key, place, message: `left alone, since its Broker ${object.spec.broker} is of class ${className}` }]
}

function uidOf(
  { key, object }: Pick<BrokerManifest | TriggerManifest | SourceManifest, 'key' | 'object'>,
  { uid = derivedUid }: CompileOptions,
): string {
  return object.metadata.uid ?? uid(key)
}

function compileBrokers(
  manifests: readonly BrokerManifest[],
  objects: readonly Manifest[],
  resolve: ReturnType<typeof destinationResolver>,
  options: CompileOptions,
): CompiledBroker[] {
  const { ingressUrl, topicDefaults, maxReplicationFactor } = options
  const topics = new Claims((options.previous?.brokers ?? []).filter(({ inlet }) => inlet !== null))
  const limit = maxReplicationFactor === undefined ? {} : { maxReplicationFactor }
  const established = new Set(options.previous?.inlets.map(({ uid }) => uid))
  return topics.inOrder(manifests, ({ key, object }) =>
    compileBroker(object, key.namespace, {
      uid: uidOf({ key, object }, options),
      established: established.has(uidOf({ key, object }, options)),
      ingressUrl: ingressUrl.replace(/\/+$/, ''),
      topicDefaults,
      ...limit,
      config: configOf(object.spec?.config, key.namespace, objects),
      resolve,
      topicOwner: (topic, external) =>
        topics.claim(topic, key, external) ?? topics.claim(parkingTopic(topic), key, external),
    }),
  )
}

function compileTriggers(
  manifests: readonly TriggerManifest[],
  brokers: ReadonlyMap<string, CompiledBroker>,
  resolve: ReturnType<typeof destinationResolver>,
  options: CompileOptions,
): CompiledTrigger[] {
  const groups = new Claims((options.previous?.triggers ?? []).filter(({ outlet }) => outlet !== null))
  return groups.inOrder(manifests, (manifest) =>
    compileTrigger(manifest.object, manifest.key.namespace, {
      uid: uidOf(manifest, options),
      broker: brokers.get(brokerOf(manifest)) ?? null,
      start: options.start ?? 'latest',
      resolve,
      groupOwner: () => groups.claim(triggerGroup(manifest.key), manifest.key, false),
    }),
  )
}

function compileSources(objects: readonly Manifest[], resolve: Resolve, options: CompileOptions): CompiledSource[] {
  const manifests = objects.filter((manifest): manifest is SourceManifest => manifest.kind === 'KafkaSource')
  const claims = new Claims((options.previous?.kafkaSources ?? []).filter(({ template }) => template !== null))
  return claims.inOrder(manifests, (manifest) => {
    const { key, object } = manifest
    const uid = uidOf(manifest, options)
    const group = groupOf(object.spec.consumerGroup, uid)
    const owners = (object.spec.topics ?? []).map((topic) => claims.claim(`${group} ${topic}`, key, false))
    const groupOwner = owners.find((owner) => owner !== null) ?? null
    return compileKafkaSource(object, key.namespace, { uid, resolve, groupOwner })
  })
}

/** An Outlet for each topic: those that were asked for by name may come later. */
function sourceOutlets(source: CompiledSource, { existing, previous }: CompileOptions): Omit<Outlet, 'generation'>[] {
  const { asked, template, key } = source
  if (template === null) return []
  const before = previous?.kafkaSources.find((each) => objectName(each.key) === objectName(key))
  const standing = new Map(previous?.outlets.map((outlet) => [outlet.uid, outlet]))
  const topics = asked.kind === 'names' ? asked.names : matchingTopics(existing ?? [], asked.parts)
  const looked = asked.kind === 'pattern' && existing !== undefined && isDeepStrictEqual(before?.asked, asked)
  return topics.map((topic) => {
    const old = standing.get(sourceOutletUid(source.uid, topic))
    // What matches later is read whole: nobody could have said when it begins.
    const start = old ?? (looked && previous?.existing !== undefined ? { start: 'earliest' as const } : source.start)
    const { start: from, startAtMs }: CompiledSource['start'] = start
    return outletOf({ ...source, template }, topic, { start: from, ...(startAtMs === undefined ? {} : { startAtMs }) })
  })
}

/** References to Brokers of the set lead to our ingress; the rest is asked of the caller. */
function withBrokers(brokers: readonly BrokerManifest[], options: CompileOptions): ResolveReference {
  const classes = new Map(brokers.map(({ key, object }) => [objectName(key), brokerClass(object.metadata)]))
  return (ref: FullReference): Resolved => {
    if (ref.kind !== 'Broker' || !ref.apiVersion.startsWith('eventing.knative.dev/'))
      return options.resolveReference(ref)
    const className = classes.get(objectName(ref))
    if (className === 'Kafka') return { url: `${options.ingressUrl.replace(/\/+$/, '')}/${ref.namespace}/${ref.name}` }
    const why = className === undefined ? 'does not exist; apply it or correct the ref' : `is of class ${className}`
    return { missing: `${objectName(ref)} ${why}` }
  }
}

function configOf(
  ref: { readonly name: string; readonly namespace?: string | undefined } | undefined,
  namespace: string,
  objects: readonly Manifest[],
): Readonly<Record<string, unknown>> | null {
  if (ref === undefined) return null
  const wanted = objectName({ kind: 'ConfigMap', namespace: ref.namespace || namespace, name: ref.name })
  const found = objects.find(({ kind, key }) => kind === 'other' && objectName(key) === wanted)
  if (found?.kind !== 'other') return null
  const data = found.object['data']
  return typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : {}
}

function topicsOf(brokers: readonly CompiledBroker[]): BrokerTopic[] {
  const topics = new Map<string, BrokerTopic>()
  for (const { inlet, topic } of brokers) if (inlet !== null) topics.set(topic.spec.name, topic)
  return [...topics.values()]
}

/** Same content, same generation; changed, new or back again: one more than that UID ever had. */
function numbered<T extends { readonly uid: string; readonly generation: number }>(
  drafts: readonly Omit<T, 'generation'>[],
  previous: readonly T[],
  generations: Map<string, number>,
): T[] {
  const before = new Map(previous.map((each) => [each.uid, each]))
  return drafts.map((draft) => {
    const uid = (draft as { readonly uid: string }).uid
    const old = before.get(uid)
    if (old !== undefined && isDeepStrictEqual({ ...draft, generation: old.generation }, old)) return old
    const generation = (generations.get(uid) ?? 0) + 1
    generations.set(uid, generation)
    return { ...draft, generation } as unknown as T
  })
}
