import { z } from 'zod'
import type { Condition } from './meta/condition.ts'
import { DeliverySpec } from './meta/delivery.ts'
import { ObjectMeta } from './meta/object-meta.ts'
import { Destination, KReference } from './meta/reference.ts'
import { crd, structural, type Rule } from './meta/structural.ts'
import { TriggerFilter, TriggerFilters } from './trigger-filter.ts'
import type { ReferenceReason } from './meta/reference.ts'

/** See {@link deliveryOrders}; default `unordered`. */
export const deliveryOrderAnnotation = 'kafka.eventing.knative.dev/delivery.order'

/** `ordered`: per partition the next event waits for the one before; `key`: only events of the same partition key wait for each other. */
export const deliveryOrders = ['unordered', 'ordered', 'key'] as const

/** What becomes of an event when retries are exhausted and no dead letter sink took it: `Park` (default), or `Drop` as Knative has it. */
export const onExhaustedAnnotation = 'eventing.millrace.dev/onExhausted'

/** `true`: an answer 2xx with a body that is no CloudEvent is a failed delivery, as Knative has it; default `false`: a success. */
export const strictRepliesAnnotation = 'eventing.millrace.dev/strictReplies'

/** Annotations with a closed set of values. */
const closedAnnotations: readonly (readonly [name: string, values: readonly string[]])[] = [
  [deliveryOrderAnnotation, deliveryOrders],
  [onExhaustedAnnotation, ['Park', 'Drop']],
  [strictRepliesAnnotation, ['true', 'false']],
]
/** An object that must be Ready first. */
export const dependencyAnnotation = 'knative.dev/dependency'

const later = {
  brokerRef: structural(KReference.describe('Not yet: a Broker in another namespace, in place of broker.')),
}

const brokerRule: Rule = {
  rule: 'self == oldSelf',
  message: 'cannot be changed: delete this Trigger and create it again with the other Broker',
}

/** `spec` of a Trigger. */
export const TriggerSpec = z
  .strictObject({
    broker: z
      .string()
      .min(1)
      .meta(crd({ rules: [brokerRule] }))
      .describe('Name of the Broker in the same namespace, e.g. default. Cannot be changed.'),
    filter: TriggerFilter.optional().describe('Which events; default: all. Ignored beside filters.'),
    filters: TriggerFilters.optional().describe('Which events: filters that must all pass. Empty: filter counts.'),
    subscriber: Destination.describe('Where the events go: ref (an object with an address) or uri.'),
    delivery: DeliverySpec.optional().describe('Replaces the delivery of the Broker as a whole.'),
  })
  .meta(crd({ later }))
export type TriggerSpec = z.infer<typeof TriggerSpec>

/** Trigger, eventing.knative.dev/v1: delivers the events of a Broker that pass a filter to a subscriber. */
export const Trigger = z
  .strictObject({
    apiVersion: z.literal('eventing.knative.dev/v1').describe('Always eventing.knative.dev/v1.'),
    kind: z.literal('Trigger').describe('Always Trigger.'),
    metadata: ObjectMeta.describe('Name, namespace, labels, annotations.'),
    spec: TriggerSpec.describe('What is wanted.'),
    status: z.looseObject({}).optional().describe('Written by the controller; ignored in a manifest.'),
  })
  .superRefine(({ metadata: { annotations = {} } }, issue) => {
    for (const [name, values] of closedAnnotations) {
      const value = annotations[name]
      if (value === undefined || values.includes(value)) continue
      const message = `must be ${values.slice(0, -1).join(', ')} or ${values.at(-1)}, not ${JSON.stringify(value)}`
      issue.addIssue({ code: 'custom', path: ['metadata', 'annotations', name], message })
    }
    if (annotations[dependencyAnnotation] !== undefined) {
      const message = 'not yet: waiting for another object comes in a later version; remove this annotation'
      issue.addIssue({ code: 'custom', path: ['metadata', 'annotations', dependencyAnnotation], message })
    }
  })
export type Trigger = z.infer<typeof Trigger>

/** What Ready of a Trigger depends on. Order decides whose reason is shown. */
export const triggerDependents = [
  'BrokerReady',
  'SubscriberResolved',
  'DeadLetterSinkResolved',
  'DependencyReady',
  'SubscriptionReady',
] as const
export type TriggerConditionType = (typeof triggerDependents)[number]
export type TriggerReason =
  | 'BrokerDoesNotExist'
  | 'BrokerNotReady'
  /** SubscriberResolved, DeadLetterSinkResolved. */
  | ReferenceReason
  | 'DeadLetterSinkNotConfigured'
  /** SubscriptionReady: another object has this consumer group already. */
  | 'GroupTaken'
  /** SubscriptionReady: the object passed no admission, and this version does not understand it. */
  | 'SpecInvalid'
  /** SubscriptionReady: no dispatcher is Ready. */
  | 'DispatcherNotConsuming'
  /** SubscriptionReady: partitions of the topic have no dispatcher that knows this version. */
  | 'PartitionsUnowned'
  /** An object of another owner stands where ours should be. */
  | 'NotOurs'
  /** It is being deleted, and waits for something. */
  | 'Deleting'
  /** Waits for another condition, or for the dispatcher. */
  | 'Pending'
  | 'Starting'
  /** What the dispatcher reports. */
  | 'LogUnavailable'
  | 'TopicNotFound'
  | 'NotAuthorized'
  | 'AuthenticationFailed'
  | 'TlsFailed'
  | 'CredentialNotFound'
  | 'GroupInUse'
  | 'EventsExpired'
  | 'LoopDetected'
  | 'PositionsExpire'
  | 'DeliveryFailed'
export type TriggerCondition = Condition<TriggerConditionType, TriggerReason>
