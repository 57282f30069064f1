import {
  keyTypeLabel,
  keyTypes,
  ownGroupPrefix,
  pausedAnnotation,
  serversOf,
  startAtAnnotation,
  startAtMs,
  tombstonesAnnotation,
  topicsPatternAnnotation,
  type KafkaSource,
  type KafkaSourceCondition,
} from '../../api/kafka-source.ts'
import { fails, holds, waits } from '../../api/meta/condition.ts'
import type { DeliverySpec } from '../../api/meta/delivery.ts'
import type { ObjectKey } from '../../api/problem.ts'
import { topicsPattern } from '../../api/topics-pattern.ts'
import { onExhaustedAnnotation, strictRepliesAnnotation } from '../../api/trigger.ts'
import type { Outlet } from '../../contract/outlet.ts'
import type { KafkaCluster } from '../../contract/source.ts'
import type { ObjectName } from '../../kube/client.ts'
import { deadLetterResolved } from '../broker/compile.ts'
import { effectiveDelivery } from '../delivery.ts'
import { sourceGroup, sourceOutletUid } from '../names.ts'
import { resolvedTo, targetOf, unresolved, type Resolve } from '../resolve.ts'
import type { AskedTopics } from '../topics/source-topics.ts'

/** The delivery of a KafkaSource that says nothing of it, as Knative has it. */
const defaultDelivery: DeliverySpec = {
  retry: 10,
  backoffPolicy: 'exponential',
  backoffDelay: 'PT0.3S',
  timeout: 'PT10M',
}

/** What events are called that are made of records which are none. */
export const kafkaEventType = 'dev.knative.kafka.event'

/** What the compiler knows besides the KafkaSource. */
export interface SourceSurroundings {
  readonly uid: string
  readonly resolve: Resolve
  /** Who has its consumer group already, for one of its topics. */
  readonly groupOwner: ObjectName | null
}

/** All of an Outlet but what differs from topic to topic. */
type Template = Omit<
  Outlet,
  'uid' | 'generation' | 'topic' | 'conversion' | 'bootstrapServers' | 'credential' | 'start' | 'startAtMs'
>

/** Where partitions begin. */
export type Start = Pick<Outlet, 'start' | 'startAtMs'>

/** A KafkaSource, compiled. Conditions are those that can be told without looking at the world. */
export interface CompiledSource {
  readonly key: ObjectKey
  readonly uid: string
  readonly group: string
  /** host:port,host:port. */
  readonly servers: string
  readonly asked: AskedTopics
  /** Of topics that were there when it was made. */
  readonly start: Start
  readonly tombstones: 'deliver' | 'skip'
  readonly keyType: (typeof keyTypes)[number]
  /** Why nothing is delivered, on purpose; null: it is. */
  readonly paused: 'annotation' | 'consumers' | null
  readonly sinkUri?: string
  readonly deadLetterSinkUri?: string
  /** Null while something is missing: the conditions say what. */
  readonly template: Template | null
  /** Whether an address could not be looked up: Outlets that are in force then stay as they are. */
  readonly undetermined: boolean
  readonly conditions: readonly KafkaSourceCondition[]
}

/** KafkaSource → what its Outlets have in common, or what is missing for them. */
export function compileKafkaSource(source: KafkaSource, namespace: string, around: SourceSurroundings): CompiledSource {
  const { metadata, spec } = source
  const key: ObjectKey = { kind: 'KafkaSource', namespace, name: metadata.name }
  const group = groupOf(spec.consumerGroup, around.uid)
  const sink = around.resolve(spec.sink, namespace)
  const delivery = effectiveDelivery(spec.delivery ?? defaultDelivery, namespace, around.resolve)
  const conditions: KafkaSourceCondition[] = [
    'url' in sink ? resolvedTo('SinkProvided', 'spec.sink', sink) : unresolved('SinkProvided', 'spec.sink', sink),
    deadLetterResolved(spec.delivery ?? {}, delivery),
    judgeGroup(group, around.groupOwner),
    { ...holds('OIDCIdentityCreated'), reason: 'OIDCDisabled' },
  ]
  const paused = pausedBy(source)
  const complete = conditions.every(({ status }) => status !== 'False')
  const template =
    complete && 'url' in sink && delivery.delivery !== null
      ? templateOf(source, {
          key,
          group,
          subscriber: targetOf(sink),
          delivery: delivery.delivery,
          paused: paused !== null,
        })
      : null
  const deadLetterSinkUri = delivery.delivery?.deadLetter?.url
  return {
    key,
    uid: around.uid,
    group,
    servers: serversOf(spec),
    asked: askedOf(source),
    ...marksOf(source),
    paused,
    ...('url' in sink ? { sinkUri: sink.url } : {}),
    ...(deadLetterSinkUri === undefined ? {} : { deadLetterSinkUri }),
    template,
    undetermined: ('missing' in sink && sink.unknown === true) || delivery.missing?.unknown === true,
    conditions,
  }
}

/** The consumer group: the one that admission or the user named, or one of its own. */
export function groupOf(named: string | undefined, uid: string): string {
  return named === undefined || named === '' ? sourceGroup(uid) : named
}

/** Whether the group goes with its KafkaSource; one that someone named otherwise is theirs, with its positions. */
export function isOwnGroup(group: string): boolean {
  return group.startsWith(ownGroupPrefix)
}

/** The Outlet of one topic. `cluster`: absent where there is but one. */
export function outletOf(
  { template, key, uid, tombstones, keyType }: CompiledSource & { readonly template: Template },
  topic: string,
  start: Start,
  cluster?: KafkaCluster,
): Omit<Outlet, 'generation'> {
  return {
    ...template,
    uid: sourceOutletUid(uid, topic),
    topic,
    ...cluster,
    ...start,
    conversion: { type: kafkaEventType, source: eventSource(key, topic), keyType, tombstones },
  }
}

/** Attribute source of events of a topic. */
export function eventSource({ namespace, name }: ObjectName, topic: string): string {
  return `/apis/v1/namespaces/${namespace}/kafkasources/${name}#${topic}`
}

/** Which topics it asks for. */
export function askedOf({ metadata, spec }: KafkaSource): AskedTopics {
  const pattern = metadata.annotations?.[topicsPatternAnnotation]
  const parts = pattern === undefined ? [] : topicsPattern(pattern)
  if (pattern === undefined || 'problem' in parts) return { kind: 'names', names: [...new Set(spec.topics)] }
  return { kind: 'pattern', parts }
}

/** What labels and annotations say. Their values passed admission, or else are as good as absent. */
function marksOf({ metadata, spec }: KafkaSource): Pick<CompiledSource, 'start' | 'tombstones' | 'keyType'> {
  const { annotations = {}, labels = {} } = metadata
  const atMs = startAtMs(annotations[startAtAnnotation] ?? '')
  return {
    start: { start: spec.initialOffset, ...(atMs === undefined ? {} : { startAtMs: atMs }) },
    tombstones: annotations[tombstonesAnnotation] === 'skip' ? 'skip' : 'deliver',
    keyType: keyTypes.find((type) => type === labels[keyTypeLabel]) ?? 'string',
  }
}

function pausedBy({ metadata, spec }: KafkaSource): CompiledSource['paused'] {
  if (metadata.annotations?.[pausedAnnotation] === 'true') return 'annotation'
  return spec.consumers === 0 ? 'consumers' : null
}

function templateOf(
  { metadata, spec }: KafkaSource,
  parts: {
    key: ObjectKey
    group: string
    subscriber: Outlet['subscriber']
    delivery: Outlet['delivery']
    paused: boolean
  },
): Template {
  const { annotations = {} } = metadata
  const extensions = spec.ceOverrides?.extensions ?? {}
  return {
    source: parts.key,
    group: parts.group,
    filter: { attributes: {} },
    ...(Object.keys(extensions).length === 0 ? {} : { extensions }),
    subscriber: parts.subscriber,
    delivery: parts.delivery,
    onExhausted: annotations[onExhaustedAnnotation] === 'Drop' ? 'drop' : 'block',
    ...(annotations[strictRepliesAnnotation] === 'true' ? { strictReplies: true } : {}),
    order: spec.ordering,
    ...(spec.consumers === 0 ? {} : { consumers: spec.consumers }),
    ...(parts.paused ? { paused: true } : {}),
  }
}

function judgeGroup(group: string, owner: ObjectName | null): KafkaSourceCondition {
  if (owner === null) return waits('ConsumerGroup', 'Pending', 'waits for a dispatcher')
  const message = `consumer group ${group} belongs, for the same topic of the same Kafka, to KafkaSource ${owner.namespace}/${owner.name} already; delete this one and create it again with another consumerGroup, or with none`
  return fails('ConsumerGroup', 'GroupTaken', message)
}
