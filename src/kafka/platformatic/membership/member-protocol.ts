import { createHash } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { z } from 'zod'
import type { Settled } from './assignor.ts'
import type { Bounds, Shares } from './slots.ts'
import { unbounded } from './shares.ts'

/**
 * What members and leader tell each other inside Kafka's classic group protocol. Kafka stores all of it, for all members, in one record
 * of `__consumer_offsets` (at most 1 MiB by default), so it is compressed: topic names repeat a lot.
 *
 *     byte 0: version (1) · rest: JSON, deflated raw
 */

/**
 * The group's type is our own, as Kafka Connect's is `connect`. With `consumer` every Kafka tool would try to decode our assignments as
 * the Java consumer's and fail, and a stray consumer could join the fleet. Nothing is lost: the fleet's group commits no offsets.
 */
export const PROTOCOL_TYPE = 'millrace'
/** Kafka lets a group form only among members with a protocol in common: a change that old members do not understand gets a new name. */
export const PROTOCOL_NAME = 'millrace-cooperative-v1'

const VERSION = 1
/** Bounds what a broken member can make us allocate. */
const MAX_INFLATED_BYTES = 32 * 1024 * 1024

/** What a member says when it joins. */
export interface MemberMetadata {
  readonly share: Shares
  /** By topic: at most so many members get partitions of it. */
  readonly most: Bounds
  readonly owned: Shares
  /** The last generation that the member joined; -1 when it is new. Tells the leader whether `owned` is up to date. */
  readonly generation: number
}

/** What the leader tells a member. */
export interface Assignment extends Settled {
  readonly partitions: Shares
  /** {@link digestOf} the share and the bounds on which this rests: one of a former life of a static member may differ. */
  readonly share: string
  /** A handover is under way: another generation follows soon. */
  readonly moving: boolean
}

const partitionNumber = z.int().nonnegative()
/** A count stands for 0 to count - 1. */
const wireShares = z
  .array(z.tuple([z.string(), z.union([z.int().nonnegative().max(1_000_000), z.array(partitionNumber)])]))
  .transform((entries): Shares => new Map(entries.map(([topic, numbers]) => [topic, expand(numbers)])))

/** Who knows of no bounds names none. */
const wireBounds = z
  .array(z.tuple([z.string(), z.int().positive()]))
  .default([])
  .transform((entries): Bounds => new Map(entries))

const wireMetadata = z.object({ share: wireShares, most: wireBounds, owned: wireShares, generation: z.int() })
const wireAssignment = z.object({
  partitions: wireShares,
  share: z.string(),
  fleet: z.array(z.string()),
  open: z.array(z.string()),
  bounds: wireBounds,
  moving: z.boolean(),
})

export function encodeMetadata({ share, most, owned, generation }: MemberMetadata): Buffer {
  return pack({ share: compact(share), most: [...most], owned: compact(owned), generation })
}

/** null when it is not of our version, or broken. */
export function decodeMetadata(bytes: Buffer): MemberMetadata | null {
  return wireMetadata.safeParse(unpack(bytes)).data ?? null
}

export function encodeAssignment(assignment: Assignment): Buffer {
  return pack({ ...assignment, partitions: compact(assignment.partitions), bounds: [...assignment.bounds] })
}

/** null when it is not of our version, or broken. */
export function decodeAssignment(bytes: Buffer): Assignment | null {
  return wireAssignment.safeParse(unpack(bytes)).data ?? null
}

/** A short name of a set of partitions and its bounds. */
export function digestOf(share: Shares, most: Bounds = unbounded): string {
  const bounds = most.size === 0 ? '' : JSON.stringify([...most])
  return createHash('sha256')
    .update(JSON.stringify(compact(share)))
    .update(bounds)
    .digest('base64url')
    .slice(0, 16)
}

function pack(value: object): Buffer {
  return Buffer.concat([Buffer.of(VERSION), deflateRawSync(JSON.stringify(value))])
}

function unpack(bytes: Buffer): unknown {
  if (bytes[0] !== VERSION) return undefined
  try {
    return JSON.parse(inflateRawSync(bytes.subarray(1), { maxOutputLength: MAX_INFLATED_BYTES }).toString('utf8'))
  } catch {
    return undefined
  }
}

function compact(shares: Shares): [string, number | readonly number[]][] {
  return [...shares].map(([topic, numbers]) => [topic, numbers.every((n, i) => n === i) ? numbers.length : numbers])
}

function expand(numbers: number | readonly number[]): readonly number[] {
  return typeof numbers === 'number' ? Array.from({ length: numbers }, (_, i) => i) : numbers
}
