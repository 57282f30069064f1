import { z } from 'zod'
import { FilterSpec } from '../event/filter-spec.ts'
import { bootstrapServers, Source } from './source.ts'

/** Where a request goes. */
export const Target = z.strictObject({
  url: z.url({ protocol: /^https?$/ }).describe('Absolute URL, http or https.'),
})
export type Target = z.infer<typeof Target>

/** The effective delivery policy, defaults applied. Knative DeliverySpec, durations in milliseconds. */
export const Delivery = z.strictObject({
  retry: z.int().nonnegative().describe('Attempts after the first.'),
  backoffPolicy: z
    .enum(['linear', 'exponential'])
    .describe('How the wait d grows with retry n = 1, 2, ...: linear d * n, exponential d * 2^n.'),
  backoffDelayMs: z.number().nonnegative().describe('The wait d, milliseconds.'),
  timeoutMs: z.number().positive().describe('How long one request may take, milliseconds.'),
  retryAfterMaxMs: z
    .number()
    .nonnegative()
    .optional()
    .describe(
      'The longest Retry-After of an answer 429 or 503 that is obeyed, milliseconds; 0: none; absent: up to our own bound.',
    ),
  format: z.enum(['binary', 'json']).optional().describe('How events are written into requests; absent: binary.'),
  deadLetter: Target.optional().describe('Where events go that could not be delivered; absent: they are parked.'),
})
export type Delivery = z.infer<typeof Delivery>

/** As one consumer group: read a topic, filter, deliver. Everything is resolved: workers look nothing up. */
export const Outlet = z.strictObject({
  /** UID of the source object: the identity of this Outlet. */
  uid: z.string().min(1),
  generation: z.int().nonnegative(),
  source: Source.describe("The user's object that this was made of."),
  topic: z.string().min(1).describe('The Kafka topic that events are read from.'),
  bootstrapServers,
  group: z.string().min(1).describe('The consumer group that holds the positions, e.g. knative-trigger-<ns>-<name>.'),
  start: z
    .enum(['latest', 'earliest'])
    .describe("Where a partition starts when the group has no position on it at the Outlet's first start."),
  filter: FilterSpec.describe(
    'Which events are delivered: one of attributes, exact, prefix, suffix, all, any, not, cesql, as below spec.filters of a Trigger.',
  ),
  subscriber: Target.describe('Where they are delivered to.'),
  replyTopic: z.string().min(1).optional().describe('Replies: events are appended to this topic; absent: dropped.'),
  delivery: Delivery.describe('How hard to try, defaults applied.'),
  /** So that a position never passes an event that has no home. The topic is made on first use. */
  parking: z
    .strictObject({
      topic: z.string().min(1).describe('The Kafka topic, made on first use.'),
      partitions: z.int().positive().describe('How many partitions it is made with.'),
      replicationFactor: z.int().positive().describe('How many replicas it is made with.'),
    })
    .describe('Where events are kept, with their error attributes, that no retry and no dead letter sink could take.'),
  onExhausted: z
    .enum(['park', 'drop'])
    .optional()
    .describe('What becomes of an event that no retry and no dead letter sink could take; absent: it is parked.'),
  strictReplies: z
    .boolean()
    .optional()
    .describe('Whether an answer 2xx with a body that is no CloudEvent is a failed delivery; absent: it is a success.'),
  order: z
    .enum(['unordered', 'ordered', 'key'])
    .describe(
      'ordered: per partition, the next event waits for the one before; key: only events of the same partition key wait for each other.',
    ),
})
export type Outlet = z.infer<typeof Outlet>

/** `status` of an Outlet. Written by the dispatcher that owns the lowest partition of its topic, once a generation and on a change of fault. */
export const OutletStatus = z.strictObject({
  observedGeneration: z.int().nonnegative().describe('The metadata.generation that this status speaks of.'),
  state: z
    .enum(['starting', 'consuming'])
    .describe('consuming: the starting positions of all partitions are committed and this generation is in force.'),
  fault: z
    .strictObject({
      reason: z.string().describe('One word in CamelCase, e.g. GroupInUse.'),
      message: z.string().describe('A sentence that says what to do.'),
    })
    .optional()
    .describe('Why it does not deliver as it should; absent: it does.'),
  topicId: z
    .string()
    .optional()
    .describe("Kafka's id of the topic: another one means that it was deleted and made again."),
  partitions: z.int().nonnegative().optional().describe('How many partitions have a starting position.'),
})
export type OutletStatus = z.infer<typeof OutletStatus>
