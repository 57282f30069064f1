import { z } from 'zod'
import { LastError, rateDescription, repliedDescription, Undelivered } from '../api/meta/progress.ts'
import { FilterSpec } from '../event/filter-spec.ts'
import { bootstrapServers, credential, Source } from './source.ts'

/** Where a request goes. */
export const Target = z.strictObject({
  url: z.url({ protocol: /^https?$/ }).describe('Absolute URL, http or https.'),
  protocol: z
    .enum(['h2c'])
    .optional()
    .describe('h2c: the server says that it speaks HTTP/2 without TLS, so that is tried first; absent: HTTP/1.1.'),
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

/** How keys of records are read that are no CloudEvents (label kafkasources.sources.knative.dev/key-type of a KafkaSource). */
export const recordKeyTypes = ['string', 'int', 'float', 'byte-array'] as const

/** What becomes of records that are no CloudEvents. */
export const RecordConversion = z.strictObject({
  type: z.string().min(1).describe('Attribute type of the events that are made of them.'),
  source: z.string().min(1).describe('Attribute source of these events.'),
  keyType: z.enum(recordKeyTypes).describe('How the key is read into the attributes key and partitionkey.'),
  tombstones: z
    .enum(['deliver', 'skip'])
    .describe('Whether records without a value are delivered, as events without data, or left out.'),
})
export type RecordConversion = z.infer<typeof RecordConversion>

/** As one consumer group: read a topic, filter, deliver. Everything is resolved: workers look nothing up. */
export const Outlet = z.strictObject({
  /** UID of the source object: the identity of this Outlet. */
  uid: z.string().min(1),
  generation: z.int().nonnegative(),
  source: Source.describe("The user's object that this was made of."),
  topic: z.string().min(1).describe('The Kafka topic that events are read from.'),
  bootstrapServers,
  credential,
  group: z.string().min(1).describe('The consumer group that holds the positions, e.g. knative-trigger-<ns>-<name>.'),
  start: z
    .enum(['latest', 'earliest'])
    .describe("Where a partition starts when the group has no position on it at the Outlet's first start."),
  startAtMs: z
    .number()
    .nonnegative()
    .optional()
    .describe(
      'In place of start: a partition starts at the first record of this time or later, milliseconds since 1970; at its end when there is none.',
    ),
  filter: FilterSpec.describe(
    'Which events are delivered: one of attributes, exact, prefix, suffix, all, any, not, cesql, as below spec.filters of a Trigger.',
  ),
  conversion: RecordConversion.optional().describe(
    'Makes events of records that are no CloudEvents; absent: such a record is a failed event.',
  ),
  extensions: z
    .record(z.string(), z.string())
    .optional()
    .describe('Attributes that each delivered event gets, over its own of the same name.'),
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
    .optional()
    .describe(
      'Where events are kept, with their error attributes, that no retry and no dead letter sink could take; needed to park.',
    ),
  onExhausted: z
    .enum(['park', 'drop', 'block'])
    .optional()
    .describe(
      'What becomes of an event that no retry and no dead letter sink could take; block: it is tried again until one takes it; absent: parked where there is a place for that, else block.',
    ),
  strictReplies: z
    .boolean()
    .optional()
    .describe('Whether an answer 2xx with a body that is no CloudEvent is a failed delivery; absent: it is a success.'),
  order: z
    .enum(['unordered', 'ordered', 'key'])
    .describe(
      'ordered: per partition, the next event waits for the one before; key: only events of the same partition key wait for each other.',
    ),
  consumers: z
    .int()
    .positive()
    .optional()
    .describe('At most so many dispatchers share the partitions of the topic; absent: as many as there are.'),
  paused: z.boolean().optional().describe('Whether nothing is delivered now; positions are kept.'),
})
export type Outlet = z.infer<typeof Outlet>

/** How far an Outlet is, of all partitions of its topic. Written in turns by who speaks for it, so it may be some seconds old. */
export const OutletProgress = z.object({
  lag: z.int().nonnegative().describe('Records that are not finished yet.'),
})
export type OutletProgress = z.infer<typeof OutletProgress>

/** What one dispatcher did for an Outlet, on the partitions that were its own. Written in turns by that dispatcher. */
export const OutletShare = z.object({
  rate: z
    .number()
    .positive()
    .optional()
    .describe(`${rateDescription.slice(0, rateDescription.indexOf(' 0:'))} Absent: 0.`),
  lastDelivery: z.string().optional().describe('When it delivered an event last, RFC 3339.'),
  lastError: LastError.optional(),
  undelivered: Undelivered.optional(),
  replied: z.int().nonnegative().optional().describe(repliedDescription),
})
export type OutletShare = z.infer<typeof OutletShare>

/**
 * `status` of an Outlet. Written by the dispatcher that owns the lowest partition of its topic, once a generation and on a change of fault; but `shares`, of which each
 * dispatcher writes its own. To be read with {@link outletStatusOf}.
 */
export const OutletStatus = z.object({
  observedGeneration: z.int().nonnegative().describe('The metadata.generation that this status speaks of.'),
  state: z
    .enum(['starting', 'consuming'])
    .describe('consuming: the starting positions of all partitions are committed and this generation is in force.'),
  fault: z
    .object({
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
  progress: OutletProgress.optional().describe('How far it is.'),
  shares: z
    .record(z.string(), OutletShare.describe('What one of them did.'))
    .optional()
    .describe('What each dispatcher did for it, by the name of its pod.'),
})
export type OutletStatus = z.infer<typeof OutletStatus>

const Essential = OutletStatus.omit({ progress: true, shares: true })

/**
 * `status` of an Outlet as somebody wrote it, who may be of another version: fields that we do not know are left out, and so is what is told of
 * progress in a shape that we do not know. Undefined: nothing that we understand.
 */
export function outletStatusOf(status: unknown): OutletStatus | undefined {
  const essential = Essential.safeParse(status)
  if (!essential.success) return undefined
  const { progress, shares } = status as { readonly progress?: unknown; readonly shares?: unknown }
  const lag = OutletProgress.safeParse(progress)
  const told = Object.entries(typeof shares === 'object' && shares !== null ? shares : {})
  const known = told.flatMap(([worker, share]): [string, OutletShare][] => {
    const read = OutletShare.safeParse(share)
    return read.success ? [[worker, read.data]] : []
  })
  return {
    ...essential.data,
    ...(lag.success ? { progress: lag.data } : {}),
    ...(known.length === 0 ? {} : { shares: Object.fromEntries(known) }),
  }
}
