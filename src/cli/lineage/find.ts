import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises'
import type { FindLine, FoundRecord, LogPlace } from '../../contract/lineage.ts'
import type { RecordConversion } from '../../contract/outlet.ts'
import type { Clock } from '../../core/clock.ts'
import type { Batch, LogAdmin, LogReader, TopicPartition } from '../../kafka/log.ts'
import type { AskedSearch } from './asked.ts'
import { foundRecord, mayHaveId } from './found-record.ts'

/** What a search may cost. */
export interface FindBounds {
  /** So much is read at most, bytes. */
  readonly bytes: number
  /** A second, bytes. */
  readonly rate: number
  /** So many records are told at most. */
  readonly found: number
  /** Attributes of all that are told at most, characters: who asks may not fetch them, and one record may hold a megabyte of them. */
  readonly told: number
  readonly ms: number
}

export const usualBounds: FindBounds = {
  bytes: 2 * 1024 ** 3,
  rate: 48 * 1024 ** 2,
  found: 1_000,
  told: 2 * 1024 ** 2,
  ms: 900_000,
}

interface FindParts {
  readonly reader: LogReader
  readonly admin: Pick<LogAdmin, 'describeTopics'>
  readonly conversion: RecordConversion | null
  readonly clock: Clock
  readonly bounds: FindBounds
  readonly signal: AbortSignal
  readonly say: (line: FindLine) => void
}

/** Of one read, bytes. */
const readBytes = 1024 * 1024
/** A record is looked at by itself: one read gives at least one, however large. */
const oneBytes = 16 * 1024
/** How long records are looked through without letting others run, milliseconds. */
const sliceMs = 4
/** How often a search says how far it is, milliseconds. */
const progressMs = 1_000

/** Looks at one record. @throws Fault of the log; the signal's reason. */
export async function findPlace({ topic, partition, offset }: LogPlace, parts: FindParts): Promise<void> {
  const { reader, conversion, signal, say } = parts
  const partitions = await partitionsOf(topic, parts)
  let read = 0
  if (partition < partitions.length) {
    const at = { topic, partition }
    const batch = await reader.read(at, BigInt(offset), oneBytes)
    const records = 'kind' in batch ? [] : batch.records
    const record = records.find((one) => Number(one.offset) === offset)
    read = Math.min(1, records.length)
    if (record !== undefined) say({ kind: 'found', record: foundRecord(record, at, conversion) })
  }
  signal.throwIfAborted()
  say({ kind: 'done', read, bounded: false })
}

interface Stretch {
  readonly at: TopicPartition
  readonly from: number
  readonly end: number
}

/**
 * Reads all records of a topic in a time, and tells those with the id.
 *
 *     time ─► offsetsAt ─► a stretch of each partition ─► read, read, … ─► header ce_id is it? ─► decoded ─► found
 *                                                          └ not more than so much a second, and in all
 *
 * @throws Fault of the log; the signal's reason.
 */
export async function findById(asked: AskedSearch, parts: FindParts): Promise<void> {
  const { clock, bounds, signal, say } = parts
  const stretches = await stretchesOf(asked, parts)
  const of = stretches.reduce((sum, { from, end }) => sum + end - from, 0)
  const started = clock.monotonic()
  const spent = { bytes: 0, read: 0, found: 0, told: 0 }
  let saidAt = -Infinity
  for (const { at, from, end } of stretches) {
    for (let next = from; next < end;) {
      const ms = clock.monotonic() - started
      if (ms - saidAt >= progressMs) {
        saidAt = ms
        say({ kind: 'progress', read: spent.read, of })
      }
      if (isSpent(spent, bounds) || ms >= bounds.ms) {
        return say({ kind: 'done', read: spent.read, bounded: true })
      }
      const ahead = (spent.bytes / bounds.rate) * 1_000 - ms
      if (ahead > 1) await pause(ahead, undefined, { signal })
      signal.throwIfAborted()
      const batch = await parts.reader.read(at, BigInt(next), readBytes)
      if ('kind' in batch) {
        // went meanwhile: on at what is left, never back
        if (Number(batch.next) <= next) break
        next = Number(batch.next)
        continue
      }
      if (await tellFound(batch, { end, asked, spent }, parts)) {
        return say({ kind: 'done', read: spent.read, bounded: true })
      }
      spent.bytes += batch.bytes
      const after = Number(batch.next)
      spent.read += Math.min(after, end) - next
      // nothing was there
      if (after <= next) break
      next = after
    }
  }
  say({ kind: 'done', read: spent.read, bounded: false })
}

interface Spent {
  bytes: number
  read: number
  found: number
  told: number
}

function isSpent({ bytes, found, told }: Spent, bounds: FindBounds): boolean {
  return bytes >= bounds.bytes || found >= bounds.found || told >= bounds.told
}

/** @returns whether it stopped at a bound, with records left. */
async function tellFound(
  { topic, partition, records }: Batch,
  { end, asked: { id, source }, spent }: { readonly end: number; readonly asked: AskedSearch; readonly spent: Spent },
  parts: FindParts,
): Promise<boolean> {
  const { conversion, clock, bounds, signal, say } = parts
  const at = { topic, partition }
  let since = clock.monotonic()
  for (const record of records) {
    if (Number(record.offset) >= end) break
    if (isSpent(spent, bounds)) return true
    if (clock.monotonic() - since > sliceMs) {
      await turn()
      signal.throwIfAborted()
      since = clock.monotonic()
    }
    if (!mayHaveId(record, at, id)) continue
    const one = foundRecord(record, at, conversion)
    if (!isMeant(one, id, source)) continue
    say({ kind: 'found', record: one })
    spent.found++
    for (const [name, value] of Object.entries(one.attributes ?? {})) spent.told += name.length + value.length
  }
  return false
}

/** A record that is no event has the id that a dispatcher gives it: its place. */
function isMeant({ attributes }: FoundRecord, id: string, source: string | undefined): boolean {
  if (attributes === null) return source === undefined
  return attributes['id'] === id && (source === undefined || attributes['source'] === source)
}

async function stretchesOf({ topic, since, until }: AskedSearch, parts: FindParts): Promise<readonly Stretch[]> {
  const { reader } = parts
  const all = await partitionsOf(topic, parts)
  if (all.length === 0) return []
  const [starts, ranges, ends] = await Promise.all([
    reader.offsetsAt(all, since),
    reader.range(all),
    until === undefined ? [] : reader.offsetsAt(all, until + 1),
  ])
  const of = <T extends TopicPartition>(list: readonly T[], partition: number): T | undefined =>
    list.find((one) => one.partition === partition)
  return all.map((at) => {
    const range = of(ranges, at.partition)
    const from = Math.max(Number(of(starts, at.partition)?.offset ?? 0), Number(range?.start ?? 0))
    const end = Math.min(Number(range?.end ?? 0), Number(of(ends, at.partition)?.offset ?? Infinity))
    return { at, from, end: Math.max(from, end) }
  })
}

/** None: there is no such topic. */
async function partitionsOf(topic: string, { admin, signal }: FindParts): Promise<readonly TopicPartition[]> {
  const [found] = await admin.describeTopics([topic], signal)
  return Array.from({ length: found?.partitions ?? 0 }, (_, partition) => ({ topic, partition }))
}
