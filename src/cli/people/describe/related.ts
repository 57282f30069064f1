import type { StoredObject } from '../../../kube/client.ts'
import { conditionsOf } from '../../../kube/status.ts'
import { lagOf, together, type Outlets, type OutletView } from '../outlets.ts'

/** Something that belongs to an object. */
export interface Related {
  /** What it is to the object: Broker, Topic, Subscriber, … */
  readonly role: string
  /** What it is called, or its address. */
  readonly name: string
  /** How it is, in a few words; '' nothing is known. */
  readonly state: string
}

interface Destination {
  readonly ref?: { readonly kind: string; readonly namespace?: string; readonly name: string }
  readonly uri?: string
}

interface Delivery {
  readonly deadLetterSink?: Destination
}

export interface Spec {
  readonly broker?: string
  readonly subscriber?: Destination
  readonly sink?: Destination
  readonly delivery?: Delivery
  readonly subject?: {
    readonly kind: string
    readonly name?: string
    readonly selector?: { readonly matchLabels?: object }
  }
  readonly topics?: readonly string[]
  readonly consumerGroup?: string
  readonly bootstrapServers?: readonly string[]
}

interface Status {
  readonly annotations?: Readonly<Record<string, string>>
  readonly address?: { readonly url?: string }
  readonly subscriberUri?: string
  readonly deadLetterSinkUri?: string
  readonly sinkUri?: string
  readonly subjectCount?: number
  readonly subjects?: readonly { readonly kind: string; readonly name: string }[]
}

/** What is known of the world around an object. */
export interface World {
  /** The Broker of a Trigger; null: it does not exist. */
  readonly broker?: StoredObject | null
  /** Of a Broker. */
  readonly triggers?: readonly StoredObject[]
  readonly outlets: Outlets
  readonly now: number
}

/** Pure. */
export function relatedTo(object: StoredObject, world: World): readonly Related[] {
  switch (object.kind) {
    case 'Broker':
      return ofBroker(object, world)
    case 'Trigger':
      return ofTrigger(object, world)
    case 'SinkBinding':
      return ofSinkBinding(object)
    case 'KafkaSource':
      return ofKafkaSource(object, world)
    default:
      return ofInternal(object)
  }
}

function ofBroker(object: StoredObject, { triggers = [], outlets }: World): Related[] {
  const { annotations = {}, address, deadLetterSinkUri } = statusOf(object)
  return [
    ...one('Address', address?.url),
    ...one('Topic', annotations['default.topic'], partitionsOf(annotations)),
    ...one('Kafka', annotations['bootstrap.servers']),
    ...one('Parked events', annotations['dead.letter.topic'], 'a topic, made when the first event is parked'),
    ...deadLetters(object, deadLetterSinkUri),
    ...triggers.map((trigger) => {
      const lag = lagOf(outlets?.get(nameOf(trigger)) ?? [])
      const waiting = lag === undefined ? '' : `, ${lag} waiting`
      return { role: 'Trigger', name: plainName(trigger), state: `${readyWord(trigger)}${waiting}` }
    }),
  ]
}

function ofTrigger(object: StoredObject, { broker, outlets, now }: World): Related[] {
  const { namespace = '' } = object.metadata
  const { broker: brokerName = 'default', subscriber } = specOf(object)
  const { subscriberUri, deadLetterSinkUri } = statusOf(object)
  const state = broker === undefined ? '' : broker === null ? 'does not exist' : readyWord(broker)
  return [
    { role: 'Broker', name: `${namespace}/${brokerName}`, state },
    ...destined('Subscriber', subscriber, namespace, subscriberUri),
    ...deadLetters(object, deadLetterSinkUri),
    ...outletsTold(outlets, nameOf(object), now),
  ]
}

function ofSinkBinding(object: StoredObject): Related[] {
  const { namespace = '' } = object.metadata
  const { subject, sink } = specOf(object)
  const { sinkUri, subjectCount, subjects = [] } = statusOf(object)
  const wanted =
    subject === undefined
      ? ''
      : `${subject.kind} ${subject.name ?? JSON.stringify(subject.selector?.matchLabels ?? {})}`
  return [
    ...one(
      'Sink',
      destinationName(sink, namespace),
      sinkUri === undefined ? 'has no address yet' : `K_SINK=${sinkUri}`,
    ),
    ...one('Subject', wanted, subjectCount === undefined ? '' : `${subjectCount} bound`),
    ...subjects.map(({ kind, name }) => ({ role: 'Bound', name: `${kind} ${name}`, state: 'has the variables' })),
  ]
}

function ofKafkaSource(object: StoredObject, { outlets, now }: World): Related[] {
  const { namespace = '' } = object.metadata
  const { sink, topics = [], consumerGroup, bootstrapServers } = specOf(object)
  const { sinkUri } = statusOf(object)
  return [
    ...destined('Sink', sink, namespace, sinkUri),
    ...one('Kafka', bootstrapServers?.join(',')),
    ...one('Group', consumerGroup),
    ...topics.map((topic) => ({ role: 'Topic', name: topic, state: '' })),
    ...outletsTold(outlets, nameOf(object), now),
  ]
}

function ofInternal(object: StoredObject): Related[] {
  const { source, ...spec } = (object['spec'] ?? {}) as {
    source?: { kind: string; namespace: string; name: string }
    [field: string]: unknown
  }
  const flat = Object.entries(spec).map(([name, value]) => ({ role: name, name: textOf(value), state: '' }))
  const status = Object.entries(object['status'] ?? {}).map(([name, value]) => ({
    role: `is: ${name}`,
    name: textOf(value),
    state: '',
  }))
  const of =
    source === undefined ? [] : [{ role: 'Of', name: `${source.kind} ${source.namespace}/${source.name}`, state: '' }]
  return [...of, ...flat, ...status]
}

function outletsTold(outlets: Outlets, of: string, now: number): Related[] {
  if (outlets === null)
    return [{ role: 'Outlet', name: '?', state: 'you may not look at Outlets, so nothing is known of deliveries' }]
  const found = outlets.get(of) ?? []
  if (found.length === 0) return [{ role: 'Outlet', name: 'none', state: 'dispatchers were not told of it yet' }]
  return found.flatMap((outlet) => [
    { role: 'Outlet', name: outlet.name, state: outletWords(outlet, now) },
    ...one('Topic', outlet.topic, outlet.bootstrapServers === undefined ? '' : `at ${outlet.bootstrapServers}`),
    ...one('Group', outlet.group),
  ])
}

function outletWords(outlet: OutletView, now: number): string {
  const { state, fault, paused } = outlet
  const progress = together([outlet])
  const parts = [
    paused ? 'paused' : (state ?? 'no dispatcher has said anything yet'),
    ...(progress.lag === undefined ? [] : [`${progress.lag} waiting`]),
    ...(progress.lastDelivery === undefined ? [] : [`last delivery ${seconds(progress.lastDelivery, now)} ago`]),
    ...(progress.lastError === undefined
      ? []
      : [`last error ${seconds(progress.lastError.time, now)} ago: ${progress.lastError.message}`]),
    ...(fault === undefined ? [] : [`${fault.reason}: ${fault.message}`]),
  ]
  return parts.join(', ')
}

function seconds(time: string, now: number): string {
  const ms = Math.max(0, now - Date.parse(time))
  return ms < 120_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`
}

function deadLetters(object: StoredObject, uri: string | undefined): Related[] {
  const { namespace = '' } = object.metadata
  const sink = specOf(object).delivery?.deadLetterSink
  if (sink === undefined) return one('Dead letters', uri)
  return destined('Dead letters', sink, namespace, uri)
}

/** What is named by its address says it once. */
function destined(role: string, to: Destination | undefined, namespace: string, url = 'has no address yet'): Related[] {
  const name = destinationName(to, namespace)
  return one(role, name, url === name ? '' : url)
}

/** `Service shop/orders /path`, or the URI. */
export function destinationName(destination: Destination | undefined, namespace: string): string | undefined {
  if (destination?.ref === undefined) return destination?.uri
  const { kind, name, namespace: other } = destination.ref
  return `${kind} ${other || namespace}/${name}${destination.uri === undefined ? '' : ` ${destination.uri}`}`
}

function one(role: string, name: string | undefined, state = ''): Related[] {
  return name === undefined || name === '' ? [] : [{ role, name, state }]
}

function partitionsOf(annotations: Readonly<Record<string, string>>): string {
  const partitions = annotations['default.topic.partitions']
  return partitions === undefined ? '' : `${partitions} partitions`
}

function readyWord(object: StoredObject): string {
  const ready = conditionsOf(object).find(({ type }) => type === 'Ready')
  if (ready?.status === 'True') return 'Ready'
  return ready === undefined ? 'not looked at yet' : `not Ready: ${ready.reason ?? 'Unknown'}`
}

function nameOf(object: StoredObject): string {
  return `${object.kind} ${plainName(object)}`
}

function plainName({ metadata }: StoredObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`
}

const specOf = (object: StoredObject): Spec => object['spec'] ?? {}
const statusOf = (object: StoredObject): Status => object['status'] ?? {}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
