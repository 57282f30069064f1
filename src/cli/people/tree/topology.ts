import type { StoredCondition } from '../../../kube/status.ts'
import { together, type Outlets } from '../outlets.ts'

/** An object of a cluster or of a manifest, as far as the way of events goes. */
export interface Seen {
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly spec: SeenSpec
  /** Null: manifests have none. */
  readonly status: SeenStatus | null
}

interface Reference {
  readonly apiVersion?: string
  readonly kind: string
  readonly namespace?: string
  readonly name: string
}

interface Destination {
  readonly ref?: Reference
  readonly uri?: string
}

export interface SeenSpec {
  readonly broker?: string
  readonly subscriber?: Destination
  readonly sink?: Destination
  readonly delivery?: { readonly deadLetterSink?: Destination }
  readonly subject?: {
    readonly kind: string
    readonly name?: string
    readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> }
  }
  readonly topics?: readonly string[]
  readonly filter?: { readonly attributes?: Readonly<Record<string, string>> }
  readonly filters?: readonly unknown[]
}

export interface SeenStatus {
  readonly conditions: readonly StoredCondition[]
  readonly address?: { readonly url?: string }
  readonly subscriberUri?: string
  readonly deadLetterSinkUri?: string
  readonly sinkUri?: string
  readonly subjects?: readonly { readonly kind: string; readonly name: string }[]
  /** Of a Trigger and a KafkaSource: for who may not look at Outlets. */
  readonly lag?: number
  readonly rate?: number
  readonly lastDelivery?: string
}

/** How an object is; all null: nobody can know, as it stands in a manifest only. */
export interface State {
  readonly ready: 'True' | 'False' | 'Unknown' | null
  readonly reason: string | null
  readonly message: string | null
}

/** Where events go. */
export interface End {
  /** `Service shop/orders`; null: an address alone. */
  readonly object: string | null
  readonly url: string | null
}

export interface SourceNode extends State {
  readonly kind: string
  readonly namespace: string
  readonly name: string
  /** What sends: workloads, or topics of Kafka. */
  readonly from: readonly string[]
  readonly to: End
  readonly lag?: number
  /** Deliveries a second, over the last minute; absent: not known. */
  readonly rate?: number
  readonly lastDelivery?: string
}

export interface TriggerNode extends State {
  readonly namespace: string
  readonly name: string
  /** Short, for people; null: all events. */
  readonly filter: string | null
  readonly subscriber: End
  readonly deadLetterSink?: End
  /** Events that wait; absent: not known. */
  readonly lag?: number
  /** Deliveries a second, over the last minute; absent: not known. */
  readonly rate?: number
  readonly lastDelivery?: string
}

export interface BrokerNode extends State {
  readonly namespace: string
  readonly name: string
  /** False: Triggers or sources name it, and it is not there. */
  readonly exists: boolean
  readonly url: string | null
  readonly sources: readonly SourceNode[]
  readonly triggers: readonly TriggerNode[]
  readonly deadLetterSink?: End
}

/** The way of events. */
export interface Topology {
  readonly brokers: readonly BrokerNode[]
  /** Whose sink is no Broker that is seen. */
  readonly sources: readonly SourceNode[]
  /** Why a lag may be missing; absent: all are known that anybody said. */
  readonly note?: string
}

/** Pure. Objects in the order of their names. */
export function topologyOf(objects: readonly Seen[], outlets: Outlets): Topology {
  const sorted = [...objects].sort((a, b) => (fullName(a) < fullName(b) ? -1 : 1))
  const of = (kind: string) => sorted.filter((object) => object.kind === kind)
  const triggers = Map.groupBy(of('Trigger'), ({ namespace, spec }) => `${namespace}/${spec.broker ?? 'default'}`)
  const sources = [...of('SinkBinding'), ...of('KafkaSource')].map((object) => sourceNode(object, outlets))
  const toBrokers = Map.groupBy(sources, ({ to }) => brokerIn(to) ?? '')
  const brokers = new Map(of('Broker').map((broker) => [fullName(broker), broker]))
  const missing = [...triggers.keys()].filter((name) => !brokers.has(name))
  const inOrder = [...brokers.keys(), ...missing].sort()
  const unknown = outlets === null && of('Trigger').some(({ status }) => status?.lag === undefined)
  return {
    brokers: inOrder.map((name) => ({
      ...brokerNode(name, brokers.get(name)),
      sources: toBrokers.get(name) ?? [],
      triggers: (triggers.get(name) ?? []).map((trigger) => triggerNode(trigger, outlets)),
    })),
    sources: sources.filter(({ to }) => !inOrder.includes(brokerIn(to) ?? '')),
    ...(unknown ? { note: 'you may not look at Outlets, so it is not known of all how many events wait' } : {}),
  }
}

function brokerIn({ object }: End): string | null {
  return object?.startsWith('Broker ') === true ? object.slice('Broker '.length) : null
}

function brokerNode(name: string, broker: Seen | undefined): Omit<BrokerNode, 'sources' | 'triggers'> {
  const [namespace = '', own = ''] = name.split('/')
  const state = broker === undefined ? { ready: null, reason: null, message: null } : stateOf(broker)
  const sink = broker === undefined ? {} : deadLetters(broker)
  return {
    namespace,
    name: own,
    exists: broker !== undefined,
    url: broker?.status?.address?.url ?? null,
    ...state,
    ...sink,
  }
}

function sourceNode(object: Seen, outlets: Outlets): SourceNode {
  const { kind, namespace, name, spec, status } = object
  return {
    ...{ kind, namespace, name },
    ...stateOf(object),
    from: spec.topics === undefined ? subjectsOf(object) : spec.topics.map((topic) => `topic ${topic}`),
    to: endOf(spec.sink, namespace, status?.sinkUri),
    ...progressOf(object, outlets),
  }
}

function subjectsOf({ spec: { subject }, status }: Seen): readonly string[] {
  const bound = status?.subjects ?? []
  if (bound.length > 0) return bound.map(({ kind, name }) => `${kind} ${name}`)
  if (subject === undefined) return []
  const labels = Object.entries(subject.selector?.matchLabels ?? {}).map(([name, value]) => `${name}=${value}`)
  return [subject.name === undefined ? `${subject.kind}s with ${labels.join(',')}` : `${subject.kind} ${subject.name}`]
}

function triggerNode(object: Seen, outlets: Outlets): TriggerNode {
  const { namespace, name, spec, status } = object
  return {
    ...{ namespace, name },
    ...stateOf(object),
    filter: filterText(spec),
    subscriber: endOf(spec.subscriber, namespace, status?.subscriberUri),
    ...deadLetters(object),
    ...progressOf(object, outlets),
  }
}

/** What its Outlets say; where we may not look at them, what its own status does. */
function progressOf(object: Seen, outlets: Outlets): Pick<TriggerNode, 'lag' | 'rate' | 'lastDelivery'> {
  const views = outlets?.get(`${object.kind} ${fullName(object)}`)
  const { lag, rate, lastDelivery } = (views === undefined ? object.status : together(views)) ?? {}
  return {
    ...(lag === undefined ? {} : { lag }),
    ...(rate === undefined ? {} : { rate }),
    ...(lastDelivery === undefined ? {} : { lastDelivery }),
  }
}

function deadLetters({ spec, status, namespace }: Seen): { readonly deadLetterSink?: End } {
  const sink = spec.delivery?.deadLetterSink
  return sink === undefined ? {} : { deadLetterSink: endOf(sink, namespace, status?.deadLetterSinkUri) }
}

function endOf(destination: Destination | undefined, namespace: string, url: string | undefined): End {
  const { ref, uri } = destination ?? {}
  const object = ref === undefined ? null : `${ref.kind} ${ref.namespace || namespace}/${ref.name}`
  return { object, url: url ?? (ref === undefined ? (uri ?? null) : null) }
}

function stateOf({ status }: Seen): State {
  if (status === null) return { ready: null, reason: null, message: null }
  const ready = status.conditions.find(({ type }) => type === 'Ready')
  const known = ready?.status === 'True' || ready?.status === 'False' ? ready.status : 'Unknown'
  return { ready: known, reason: ready?.reason ?? null, message: ready?.message ?? null }
}

/** `filters` counts where it is there. Null: everything passes. */
function filterText({ filter, filters = [] }: SeenSpec): string | null {
  if (filters.length > 0) return filters.map((each) => dialectText(each)).join(' and ')
  const attributes = Object.entries(filter?.attributes ?? {})
  return attributes.length === 0
    ? null
    : attributes.map(([name, value]) => (value === '' ? `${name} is there` : `${name}=${value}`)).join(' and ')
}

const signs: Readonly<Record<string, string>> = { exact: '=', prefix: '^=', suffix: '$=' }

function dialectText(filter: unknown): string {
  const [dialect = '', value] = Object.entries(filter as Record<string, unknown>)[0] ?? []
  const sign = signs[dialect]
  if (sign !== undefined)
    return Object.entries(value as object)
      .map(([name, text]) => `${name}${sign}${String(text)}`)
      .join(' and ')
  if (dialect === 'not') return `not (${dialectText(value)})`
  if (dialect === 'all' || dialect === 'any') {
    return `(${(value as readonly unknown[]).map(dialectText).join(dialect === 'all' ? ' and ' : ' or ')})`
  }
  return String(value)
}

function fullName({ namespace, name }: Pick<Seen, 'namespace' | 'name'>): string {
  return `${namespace}/${name}`
}
