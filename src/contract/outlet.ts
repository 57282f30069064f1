import { z } from 'zod'
import { Source } from './source.ts'

/** Where a request goes. */
export const Target = z.strictObject({ url: z.url({ protocol: /^https?$/ }) })
export type Target = z.infer<typeof Target>

/** The effective delivery policy, defaults applied. Knative DeliverySpec, durations in milliseconds. */
export const Delivery = z.strictObject({
  /** Attempts after the first. */
  retry: z.int().nonnegative(),
  /** linear: d·n, exponential: d·2^n, n = 1 for the first retry. */
  backoffPolicy: z.enum(['linear', 'exponential']),
  backoffDelayMs: z.number().nonnegative(),
  /** Per request. */
  timeoutMs: z.number().positive(),
  deadLetter: Target.optional(),
})
export type Delivery = z.infer<typeof Delivery>

/** `attributes`: every listed attribute equals its value; '' = present and not empty. Empty map: everything passes. */
export const OutletFilter = z.strictObject({ attributes: z.record(z.string(), z.string()) })
export type OutletFilter = z.infer<typeof OutletFilter>

/** As one consumer group: read a topic, filter, deliver. Everything is resolved: workers look nothing up. */
export const Outlet = z.strictObject({
  /** UID of the source object: the identity of this Outlet. */
  uid: z.string().min(1),
  generation: z.int().nonnegative(),
  source: Source,
  topic: z.string().min(1),
  /** The Kafka cluster, `host:port,host:port`; absent: the only one that the worker knows. */
  bootstrapServers: z.string().min(1).optional(),
  /** The consumer group that holds the positions, e.g. `knative-trigger-<ns>-<name>`. */
  group: z.string().min(1),
  /** Where a partition starts when the group has no position on it at the Outlet's first start. */
  start: z.enum(['latest', 'earliest']),
  filter: OutletFilter,
  subscriber: Target,
  /** Replies: events are appended to this topic; absent: dropped. */
  replyTopic: z.string().min(1).optional(),
  delivery: Delivery,
  /**
   * Events that no retry and no dead letter sink could take are parked here with their error attributes, so that a position never passes
   * an event that has no home. The topic is made on first use.
   */
  parking: z.strictObject({
    topic: z.string().min(1),
    partitions: z.int().positive(),
    replicationFactor: z.int().positive(),
  }),
  order: z.enum(['unordered', 'ordered']),
})
export type Outlet = z.infer<typeof Outlet>

/** `status` of an Outlet. Written by the dispatcher that owns the lowest partition of its topic, once a generation and on a change of fault. */
export const OutletStatus = z.strictObject({
  /** The generation that this speaks of. */
  observedGeneration: z.int().nonnegative(),
  /** consuming: the starting positions of all partitions are committed and this generation is in force. */
  state: z.enum(['starting', 'consuming']),
  fault: z.strictObject({ reason: z.string(), message: z.string() }).optional(),
  /** Kafka's id of the topic: another one means that it was deleted and made again. */
  topicId: z.string().optional(),
  /** How many partitions have a starting position. */
  partitions: z.int().nonnegative().optional(),
})
export type OutletStatus = z.infer<typeof OutletStatus>
