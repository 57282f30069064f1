import { z } from 'zod'
import type { Condition } from './meta/condition.ts'
import { DeliverySpec } from './meta/delivery.ts'
import { ObjectMeta } from './meta/object-meta.ts'
import { Destination } from './meta/reference.ts'

/** `ordered`: per partition the next event waits for the one before; default `unordered`. */
export const deliveryOrderAnnotation = 'kafka.eventing.knative.dev/delivery.order'
/** An object that must be Ready first. */
export const dependencyAnnotation = 'knative.dev/dependency'

/** The name of a CloudEvents attribute, as a Trigger may ask for it. */
const AttributeName = z.string().regex(/^[a-z][a-z0-9]*$/, {
  error: 'is not the name of an event attribute: lower-case letters and digits, a letter first, e.g. type or mytenant',
})

/** `filter.attributes`: every listed attribute must equal its value; '' asks only that it is there and not empty. */
export const TriggerFilter = z.strictObject({
  attributes: z
    .record(AttributeName, z.string())
    .optional()
    .describe("Attribute to value, all must be equal; '' = must be there and not empty. Empty: every event passes."),
})
export type TriggerFilter = z.infer<typeof TriggerFilter>

/** `spec` of a Trigger. */
export const TriggerSpec = z.strictObject({
  broker: z.string().min(1).describe('Name of the Broker in the same namespace, e.g. default.'),
  filter: TriggerFilter.optional().describe('Which events; default: all.'),
  subscriber: Destination.describe('Where the events go: ref (an object with an address) or uri.'),
  delivery: DeliverySpec.optional().describe('Replaces the delivery of the Broker as a whole.'),
})
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
    const order = annotations[deliveryOrderAnnotation]
    if (order !== undefined && order !== 'ordered' && order !== 'unordered') {
      const message = `must be ordered or unordered, not ${JSON.stringify(order)}`
      issue.addIssue({ code: 'custom', path: ['metadata', 'annotations', deliveryOrderAnnotation], message })
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
  'SubscriptionReady',
] as const
export type TriggerConditionType = (typeof triggerDependents)[number]
export type TriggerReason =
  | 'BrokerDoesNotExist'
  | 'BrokerNotReady'
  /** SubscriberResolved, DeadLetterSinkResolved. */
  | 'ReferenceNotResolved'
  | 'DeadLetterSinkNotConfigured'
  /** SubscriptionReady: another object has this consumer group already. */
  | 'GroupTaken'
  /** Waits for another condition, or for the dispatcher. */
  | 'Pending'
  | 'Starting'
  /** What the dispatcher reports. */
  | 'LogUnavailable'
  | 'TopicNotFound'
  | 'NotAuthorized'
  | 'GroupInUse'
  | 'EventsExpired'
  | 'DeliveryFailed'
export type TriggerCondition = Condition<TriggerConditionType, TriggerReason>
