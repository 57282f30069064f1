import { z } from 'zod'
import type { Inlet } from './inlet.ts'
import { Outlet } from './outlet.ts'
import { Source } from './source.ts'

/**
 * Lineage: what became of an event, for who asks `why did it not arrive?`. Workers remember it in their data folder, bounded, and answer over HTTP.
 *
 *     ingress    ── accepted, refused ──► journal ◄── asked: id ───────────────────────┐
 *     dispatcher ── settled ────────────► journal ◄── asked: topic, partition, offset ─┴── millrace trace ID
 */

/** Where a record stands in Kafka. */
export const LogPlace = z.strictObject({
  topic: z.string().min(1),
  partition: z.int().nonnegative(),
  offset: z.int().nonnegative(),
})
export type LogPlace = z.infer<typeof LogPlace>

/** Milliseconds since 1970. */
const at = z.number().nonnegative()

/** The ingress stored an event. */
export const Accepted = z.strictObject({ at, inlet: Source, place: LogPlace })
export type Accepted = z.infer<typeof Accepted>

/**
 * The ingress took a request and did not store its event. `id` and `source` as far as they could be read, cut to 256 characters; of one that was
 * refused with others of its batch the source is known only to who asks for it.
 */
export const Refused = z.strictObject({
  at,
  /** Path of the request, cut to 256 characters. */
  path: z.string(),
  id: z.string(),
  source: z.string(),
  /** The answer: HTTP status, code and detail of the problem. */
  status: z.int(),
  code: z.string(),
  detail: z.string(),
})
export type Refused = z.infer<typeof Refused>

/** An event that a subscriber answered with. */
export const StoredReply = z.strictObject({ place: LogPlace, id: z.string(), source: z.string(), type: z.string() })
export type StoredReply = z.infer<typeof StoredReply>

/** How the delivery of an event to one Outlet ended. */
export const Settled = z.strictObject({
  at,
  outcome: z.enum(['delivered', 'deadLettered', 'parked', 'dropped']),
  /** Requests that were made, to the subscriber and the dead letter sink. */
  attempts: z.int().nonnegative(),
  /** HTTP status of the last answer; null: there was none. */
  status: z.int().nullable(),
  /** From the first request to the end, milliseconds. */
  tookMs: z.number().nonnegative(),
  /** Of the last request that failed: where, and why in words. */
  failure: z.strictObject({ destination: z.string(), reason: z.string() }).optional(),
  /** Dead letter sink (URL) or parking topic (`kafka:<topic>`) that took it. */
  takenBy: z.string().optional(),
  replies: z.array(StoredReply).optional(),
})
export type Settled = z.infer<typeof Settled>

/** Where an event stands at one Outlet. */
export const Standing = z.discriminatedUnion('kind', [
  /** Remembered. */
  z.strictObject({ kind: z.literal('settled'), settled: Settled }),
  /** Under way, or waits: for its next try, for the Outlet to go on, for one of the same key before it. */
  z.strictObject({
    kind: z.literal('pending'),
    state: z.enum(['asking', 'waiting', 'paused', 'held']),
    phase: z.enum(['subscriber', 'deadLetter', 'exhausted']),
    attempts: z.int().nonnegative(),
    failure: z.strictObject({ destination: z.string(), reason: z.string() }).optional(),
    /** Of `waiting`. */
    nextAt: at.optional(),
  }),
  /** Not read yet: `behind` records lie before it. */
  z.strictObject({ kind: z.literal('ahead'), position: z.int().nonnegative(), behind: z.int().nonnegative() }),
  /** The position is past it and nothing is remembered: the filter did not pass it, or it was finished before `remembersFrom`. */
  z.strictObject({ kind: z.literal('passed'), position: z.int().nonnegative() }),
  /** The Outlet has no position there yet. */
  z.strictObject({ kind: z.literal('starting') }),
])
export type Standing = z.infer<typeof Standing>

/** What a dispatcher says of one Outlet that reads the topic of an event. Those alone whose partition it owns. */
export const OutletStanding = z.strictObject({
  outlet: Outlet,
  /** When the Outlet began first: events before that are not its own; absent: not known. */
  startedAt: at.optional(),
  standing: Standing,
})
export type OutletStanding = z.infer<typeof OutletStanding>

/** `GET /lineage?id=<id>[&source=<source>]`: what a worker remembers of events with this id; of a dispatcher, where it settled such events. */
export const RememberedAnswer = z.strictObject({
  worker: z.string(),
  role: z.enum(['ingress', 'dispatcher', 'dev']),
  /** It remembers everything from here on. */
  remembersFrom: at,
  /** Why it remembers less than it should, now. */
  trouble: z.string().optional(),
  accepted: z.array(Accepted),
  refused: z.array(Refused),
  /** Where a dispatcher has settled events whose id has the same hash: to be compared with the record. */
  places: z.array(LogPlace),
})
export type RememberedAnswer = z.infer<typeof RememberedAnswer>

/** `GET /lineage/standing?topic=…&partition=…&offset=…[&cluster=<clusterId>]`: of a dispatcher. */
export const StandingAnswer = z.strictObject({
  worker: z.string(),
  remembersFrom: at,
  trouble: z.string().optional(),
  outlets: z.array(OutletStanding),
})
export type StandingAnswer = z.infer<typeof StandingAnswer>

/** A record as far as it tells whose event it is: never its data. */
export const FoundRecord = z.strictObject({
  place: LogPlace,
  timestamp: at,
  /** Attributes of the event; null: the record is none. */
  attributes: z.record(z.string(), z.string()).nullable(),
  /** Why it is no event. */
  problem: z.string().optional(),
  dataBytes: z.int().nonnegative(),
  traceparent: z.string().optional(),
})
export type FoundRecord = z.infer<typeof FoundRecord>

/**
 * `GET /lineage/find?topic=…&partition=…&offset=…[&cluster=…]`: that record; `GET /lineage/find?topic=…&id=…[&source=…]&since=<ms>[&until=<ms>][&cluster=…]`: all
 * records of the topic with this id in that time. Newline-delimited JSON, one of these a line; the last is `done`.
 */
export const FindLine = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('progress'), read: z.int(), of: z.int() }),
  z.strictObject({ kind: z.literal('found'), record: FoundRecord }),
  /** `bounded`: it stopped early, at a bound of its own. */
  z.strictObject({ kind: z.literal('done'), read: z.int(), bounded: z.boolean() }),
  z.strictObject({ kind: z.literal('failed'), code: z.string(), message: z.string() }),
])
export type FindLine = z.infer<typeof FindLine>

/** The event, as lineage names it. */
export interface Named {
  readonly id: string
  readonly source: string
}

/** Port: takes what the ingress did. Hot: costs some writes into memory, never throws, never waits. */
export interface IngressLineage {
  accepted(inlet: Inlet, event: Named, partition: number, offset: bigint): void
  /** @param path of the request. @param events one, or those of a batch. */
  refused(path: string, events: readonly Named[], problem: Pick<Refused, 'status' | 'code' | 'detail'>): void
}

/** Port: takes how deliveries ended. Hot, as {@link IngressLineage}. */
export interface DeliveryLineage {
  /** By far the most: the subscriber took it at the first try, and did not reply. @param id null: the record is no event. */
  delivered(outlet: Outlet, place: LogPlace, id: string | null, status: number, tookMs: number): void
  /** Everything else. `at` is added by who takes it. */
  settled(outlet: Outlet, place: LogPlace, id: string | null, settled: Omit<Settled, 'at'>): void
}
