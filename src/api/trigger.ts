import { z } from 'zod'
import type { Condition } from './meta/condition.ts'
import { DeliverySpec } from './meta/delivery.ts'
import { ObjectMeta } from './meta/object-meta.ts'
import { Destination, KReference } from './meta/reference.ts'
import { crd, structural, type Rule } from './meta/structural.ts'
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

/** The name of a CloudEvents attribute, as a Trigger may ask for it. */
const AttributeName = z.string().regex(/^[a-z][a-z0-9]*$/, {
  error: 'is not the name of an event attribute: lower-case letters and digits, a letter first, e.g. type or mytenant',
})

/** Far above what anybody writes: the API server refuses CEL rules about maps and lists of any size. */
const most = 64

const attributeNameRule: Rule = {
  rule: "self.all(name, name.matches('^[a-z][a-z0-9]*$'))",
  message: 'the names of event attributes are lower-case letters and digits, a letter first, e.g. type or mytenant',
}
const Attributes = z
  .record(AttributeName, z.string())
  .refine((attributes) => Object.keys(attributes).length <= most, `may have ${most} attributes`)
  .meta(crd({ rules: [attributeNameRule], maxProperties: most }))

/** `filter.attributes`: every listed attribute must equal its value; '' asks only that it is there and not empty. */
export const TriggerFilter = z.strictObject({
  attributes: Attributes.optional().describe(
    "Attribute to value, all must be equal; '' = must be there and not empty. Empty: every event passes.",
  ),
})
export type TriggerFilter = z.infer<typeof TriggerFilter>

const dialects = ['exact', 'prefix', 'suffix', 'all', 'any', 'not', 'cesql']
const nested = z.looseObject({}).describe('A filter: an object with exactly one dialect.')

/** One entry of `filters`; what is nested is for admission to check. */
const Dialect = z
  .looseObject({
    exact: Attributes.optional().describe('All these attributes equal their value.'),
    prefix: Attributes.optional().describe('All these attributes begin with their value.'),
    suffix: Attributes.optional().describe('All these attributes end with their value.'),
    all: z.array(nested).optional().describe('All of these filters pass.'),
    any: z.array(nested).optional().describe('At least one of these filters passes.'),
    not: nested.optional().describe('This filter does not pass.'),
    cesql: z.string().optional().describe('This expression in CloudEvents SQL is true.'),
  })
  .describe('A filter: an object with exactly one dialect.')
  .meta(
    crd({
      rules: [
        {
          rule: `[${dialects.map((name) => `has(self.${name})`).join(', ')}].filter(there, there).size() <= 1`,
          message: `exactly one of ${dialects.join(', ')} in each item of filters: begin each with "- "`,
        },
      ],
    }),
  )

const later = {
  filters: structural(
    z
      .array(Dialect)
      .meta(crd({ maxItems: most }))
      .describe('Not yet: filters that must all pass; with any of them, filter is ignored.'),
  ),
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
    filter: TriggerFilter.optional().describe('Which events; default: all.'),
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
  | 'GroupInUse'
  | 'EventsExpired'
  | 'LoopDetected'
  | 'DeliveryFailed'
export type TriggerCondition = Condition<TriggerConditionType, TriggerReason>
