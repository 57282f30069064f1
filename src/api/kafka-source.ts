import { z } from 'zod'
import { KafkaNet } from './kafka-net.ts'
import type { SecretReason } from './kafka-credential.ts'
import { ceOverrides } from './meta/ce-overrides.ts'
import type { Condition } from './meta/condition.ts'
import { DeliverySpec } from './meta/delivery.ts'
import { ObjectMeta } from './meta/object-meta.ts'
import { Destination, type ReferenceReason } from './meta/reference.ts'
import { crd, type Rule } from './meta/structural.ts'
import { topicsPattern } from './topics-pattern.ts'
import { onExhaustedAnnotation, strictRepliesAnnotation } from './trigger.ts'

/** Label: how keys of records are read that are no CloudEvents. */
export const keyTypeLabel = 'kafkasources.sources.knative.dev/key-type'
export const keyTypes = ['string', 'int', 'float', 'byte-array'] as const

/** In place of `spec.topics`: all topics of the cluster whose name is so, `*` standing for any text, those that come later included. */
export const topicsPatternAnnotation = 'sources.millrace.dev/topics-pattern'
/** In place of `spec.initialOffset`: the first record of this time or later, RFC 3339. */
export const startAtAnnotation = 'sources.millrace.dev/start-at'
/** What becomes of records without a value: `deliver` (default) or `skip`. */
export const tombstonesAnnotation = 'sources.millrace.dev/tombstones'
/** `true`: nothing is delivered, and positions are kept. */
export const pausedAnnotation = 'sources.millrace.dev/paused'

/** Annotations with a closed set of values. */
const closedAnnotations: readonly (readonly [name: string, values: readonly string[]])[] = [
  [tombstonesAnnotation, ['deliver', 'skip']],
  [pausedAnnotation, ['true', 'false']],
  [onExhaustedAnnotation, ['Block', 'Drop']],
  [strictRepliesAnnotation, ['true', 'false']],
]

/** What a group is called that nobody named: such a group is ours, and goes with its KafkaSource. */
export const ownGroupPrefix = 'knative-kafka-source-'
/** Groups of Triggers: they go with those. */
const triggerGroupPrefix = 'knative-trigger-'

// A client of Kafka fails at an address that can be none before it could say so: 1 to 65535, and no character that no host has.
const port = '([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])'
const server = String.raw`(\[[0-9a-fA-F:]+\]|[a-zA-Z0-9._-]+):${port}`
const serversRule: Rule = {
  rule: `self.matches(r'^${server}(\\s*,\\s*${server})*$')`,
  message: 'must be host:port of a Kafka broker, without http://, e.g. my-cluster-kafka-bootstrap.kafka:9092',
}
const topicRule: Rule = {
  rule: "self.matches('^[a-zA-Z0-9._-]+$') && self != '.' && self != '..'",
  message: 'is not the name of a Kafka topic: up to 249 letters, digits, dots, dashes and underscores',
}
const groupRule: Rule = {
  rule: "!has(oldSelf.consumerGroup) || oldSelf.consumerGroup == '' || (has(self.consumerGroup) && self.consumerGroup == oldSelf.consumerGroup)",
  message:
    'cannot be changed, since positions belong to a group: put it back, or delete this KafkaSource and create it again with the other group',
  fieldPath: '.consumerGroup',
}

/** Far above what anybody writes: the API server refuses CEL rules about lists of any length. */
const most = { servers: 64, topics: 500 } as const

const Servers = z
  .string()
  .min(1)
  .max(1024)
  .refine((text) => new RegExp(`^${server}(\\s*,\\s*${server})*$`).test(text), serversRule.message)
  .meta(crd({ rules: [serversRule] }))

const Topic = z
  .string()
  .min(1)
  .max(249)
  .refine((name) => /^[a-zA-Z0-9._-]+$/.test(name) && !/^\.{1,2}$/.test(name), topicRule.message)
  .meta(crd({ rules: [topicRule] }))

/** `spec` of a KafkaSource. */
export const KafkaSourceSpec = z
  .strictObject({
    bootstrapServers: z
      .array(Servers.describe('host:port.'))
      .min(1)
      .max(most.servers)
      .describe('Where Kafka is: a list of host:port, e.g. my-cluster-kafka-bootstrap.kafka:9092'),
    topics: z
      .array(Topic.describe('Name of a topic.'))
      .min(1)
      .max(most.topics)
      .optional()
      .describe(
        `Which topics are read: a list of names. They are never made. Or the annotation ${topicsPatternAnnotation}.`,
      ),
    consumerGroup: z
      .string()
      .max(255)
      .optional()
      .describe(
        'The consumer group that holds the positions. It may exist, and is continued. Cannot be changed; default: one of its own.',
      ),
    consumers: z
      .int32()
      .min(0)
      .default(1)
      .describe('How many dispatchers at most share the partitions; kubectl scale sets it. 0: nothing is delivered.'),
    initialOffset: z
      .enum(['earliest', 'latest'])
      .default('latest')
      .describe('Where partitions begin that the group has no position on: their first record, or those to come.'),
    ordering: z
      .enum(['ordered', 'unordered'])
      .default('ordered')
      .describe('ordered: in each partition the next record waits for the one before; unordered: many at a time.'),
    delivery: DeliverySpec.optional().describe(
      'How hard to try. Default as a whole: retry 10, exponential, PT0.3S, timeout PT10M.',
    ),
    net: KafkaNet.optional().describe('How to sign in to Kafka; default: as anybody, in plain text.'),
    sink: Destination.describe('Where events go: ref (an object with an address) or uri.'),
    ceOverrides: ceOverrides('they become headers of each request').optional().describe('What is added to each event.'),
  })
  .meta(crd({ rules: [groupRule] }))
export type KafkaSourceSpec = z.infer<typeof KafkaSourceSpec>

/** KafkaSource, sources.knative.dev/v1: delivers the records of existing Kafka topics to a sink, as CloudEvents. */
export const KafkaSource = z
  .strictObject({
    apiVersion: z.literal('sources.knative.dev/v1').describe('Always sources.knative.dev/v1.'),
    kind: z.literal('KafkaSource').describe('Always KafkaSource.'),
    metadata: ObjectMeta.describe('Name, namespace, labels, annotations.'),
    spec: KafkaSourceSpec.describe('What is wanted.'),
    status: z.looseObject({}).optional().describe('Written by the controller; ignored in a manifest.'),
  })
  .superRefine(({ metadata: { annotations = {}, labels = {} }, spec }, issue) => {
    const annotated = (name: string, message: string): void =>
      issue.addIssue({ code: 'custom', path: ['metadata', 'annotations', name], message })
    for (const [name, values] of closedAnnotations) {
      const value = annotations[name]
      if (value === undefined || values.includes(value)) continue
      annotated(name, `must be ${values.join(' or ')}, not ${JSON.stringify(value)}${parked(name, value)}`)
    }
    const startAt = annotations[startAtAnnotation]
    if (startAt !== undefined && startAtMs(startAt) === undefined)
      annotated(startAtAnnotation, 'must be a time of RFC 3339 that is past or soon, e.g. 2026-11-01T00:00:00Z')
    const pattern = annotations[topicsPatternAnnotation]
    const parts = pattern === undefined ? [] : topicsPattern(pattern)
    if ('problem' in parts) annotated(topicsPatternAnnotation, parts.problem)
    if (pattern !== undefined && spec.topics !== undefined)
      annotated(topicsPatternAnnotation, 'says which topics, and so does spec.topics: remove one of them')
    if (pattern === undefined && spec.topics === undefined) {
      const message = `is missing: which topics are read, a list of names; or the annotation ${topicsPatternAnnotation}, e.g. orders-*`
      issue.addIssue({ code: 'custom', path: ['spec', 'topics'], message })
    }
    const keyType = labels[keyTypeLabel]
    if (keyType !== undefined && !keyTypes.some((type) => type === keyType)) {
      const message = `must be ${keyTypes.slice(0, -1).join(', ')} or ${keyTypes.at(-1)}, not ${JSON.stringify(keyType)}`
      issue.addIssue({ code: 'custom', path: ['metadata', 'labels', keyTypeLabel], message })
    }
    if (spec.consumerGroup?.startsWith(triggerGroupPrefix) === true) {
      const message = `must not begin with "${triggerGroupPrefix}": such a group belongs to a Trigger, and goes with it; choose another name`
      issue.addIssue({ code: 'custom', path: ['spec', 'consumerGroup'], message })
    }
  })
export type KafkaSource = z.infer<typeof KafkaSource>

function parked(name: string, value: string): string {
  const isPark = name === onExhaustedAnnotation && value === 'Park'
  return isPark ? ': that would need a topic, and a KafkaSource makes none; use delivery.deadLetterSink' : ''
}

/** Milliseconds since 1970; undefined: it is no time, or one that no record can have. */
export function startAtMs(text: string): number | undefined {
  const isTime = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:?\d\d)$/.test(text)
  const ms = isTime ? Date.parse(text) : NaN
  return Number.isNaN(ms) || ms < 0 ? undefined : ms
}

/** Where Kafka is, as one text: host:port,host:port. */
export function serversOf({ bootstrapServers }: Pick<KafkaSourceSpec, 'bootstrapServers'>): string {
  return [...new Set(bootstrapServers.flatMap((text) => text.split(',').map((part) => part.trim())))].join(',')
}

/** What Ready of a KafkaSource depends on; ConsumerGroup, SinkProvided and OIDCIdentityCreated are Knative's. Order decides whose reason is shown. */
export const kafkaSourceDependents = [
  'SinkProvided',
  'DeadLetterSinkResolved',
  'KafkaReady',
  'TopicsReady',
  'ConsumerGroup',
  'OIDCIdentityCreated',
] as const
export type KafkaSourceConditionType = (typeof kafkaSourceDependents)[number]
export type KafkaSourceReason =
  /** SinkProvided, DeadLetterSinkResolved. */
  | ReferenceReason
  | 'DeadLetterSinkNotConfigured'
  /** KafkaReady: what it signs in with. */
  | SecretReason
  | 'SecretNotFound'
  | 'SecretForbidden'
  | 'CredentialNotStored'
  | 'CredentialNotFound'
  /** KafkaReady: what Kafka says. */
  | 'LogUnavailable'
  | 'AuthenticationFailed'
  | 'TlsFailed'
  /** KafkaReady, TopicsReady, ConsumerGroup: an ACL is missing. */
  | 'NotAuthorized'
  | 'LogRefused'
  /** TopicsReady: it does not exist, or not any more. */
  | 'TopicNotFound'
  /** TopicsReady: the pattern matches no topic yet. */
  | 'TopicsEmpty'
  /** ConsumerGroup: another object has it. */
  | 'GroupTaken'
  /** ConsumerGroup: consumers of someone else are in it. */
  | 'GroupInUse'
  /** ConsumerGroup: on purpose. */
  | 'Paused'
  | 'DispatcherNotConsuming'
  | 'PartitionsUnowned'
  | 'Starting'
  | 'NotOurs'
  | 'Deleting'
  | 'SpecInvalid'
  | 'EventsExpired'
  | 'PositionsExpire'
  | 'LoopDetected'
  | 'DeliveryFailed'
  | 'Pending'
  /** OIDCIdentityCreated, which holds. */
  | 'OIDCDisabled'
export type KafkaSourceCondition = Condition<KafkaSourceConditionType, KafkaSourceReason>
