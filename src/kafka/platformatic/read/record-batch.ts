import { crc32c } from '../library.ts'
import type { LogRecord } from '../../log.ts'
import { decompress } from './decompress.ts'
import { CorruptBatch, RecordTexts, RecordWalk, StoredRecord } from './stored-record.ts'

/** A transaction that was rolled back: its producer's data from `firstOffset` up to the abort marker is void. */
export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: bigint
}

/** What the records section of one partition held. */
export interface DecodedRecords {
  readonly records: readonly LogRecord[]
  /** Offset to read next; the asked one when the section held no whole batch. */
  readonly next: bigint
  /** Leader epoch of the last batch, -1 without one. */
  readonly leaderEpoch: number
  /** Bytes of the buffers that `records` point into, each counted once: the section itself, and what was decompressed. */
  readonly bytes: number
  /** Why decoding stopped at `next`: the batch there is corrupt, or of a kind that we cannot read. */
  readonly corrupt: Error | null
}

// Record batch, version 2 (https://kafka.apache.org/documentation/#recordbatch): where its fields stand.
const LENGTH = 8
const LEADER_EPOCH = 12
const MAGIC = 16
const CRC = 17
const ATTRIBUTES = 21
const LAST_OFFSET_DELTA = 23
const FIRST_TIMESTAMP = 27
const PRODUCER_ID = 43
const COUNT = 57
const RECORDS = 61
/** Base offset and length, which the length field does not count. */
const LOG_OVERHEAD = 12

const COMPRESSION_MASK = 0x07
const LOG_APPEND_TIME = 0x08
const TRANSACTIONAL = 0x10
const CONTROL = 0x20
const ABORT_MARKER = 0

/** After so many unpacked bytes the rest of a section is left for the next fetch: many small batches may each unpack to much. */
const ENOUGH_BYTES = 32 * 1024 * 1024

/**
 * Decodes the records section of a fetch response.
 *
 *     section ─► batch ─► control? ──► an abort marker ends its producer's aborted run ──► skipped
 *                  │      aborted? ──► skipped                                     │
 *                  │      compressed? ──► decompressed into a buffer of its own    │
 *                  └─► record ─► checked; a place in the buffer, nothing is copied └─► next moves past all of them
 *
 * Hot: per record one object; its parts are made when they are asked for.
 */
export class RecordDecoder {
  readonly #texts = new RecordTexts()
  readonly #walk = new RecordWalk()

  /**
   * @param section whole batches in order of offset; a last one that is cut off is left for the next fetch.
   * @param from records below are dropped: a fetch answers with the whole batch that holds the offset.
   * @param aborted as the fetch response names them, in any order.
   */
  decode(section: Buffer, from: bigint, aborted: readonly AbortedTransaction[]): DecodedRecords {
    const records: LogRecord[] = []
    const isAborted = abortedFilter(aborted)
    let next = from
    let leaderEpoch = -1
    let bytes = 0
    let inSection = false
    for (let start = 0; bytes < ENOUGH_BYTES && start + LOG_OVERHEAD <= section.length;) {
      const end = start + LOG_OVERHEAD + section.readInt32BE(start + LENGTH)
      if (end > section.length) break
      try {
        checkBatch(section, start, end)
        const after = section.readBigInt64BE(start) + BigInt(section.readInt32BE(start + LAST_OFFSET_DELTA)) + 1n
        const dropped = isAborted(section, start, after)
        if (after > from && !dropped) {
          const before = records.length
          const own = this.#batch(section, start, end, from, records)
          if (records.length > before) {
            bytes += own
            inSection ||= own === 0
          }
        }
        if (after > next) next = after
        leaderEpoch = section.readInt32BE(start + LEADER_EPOCH)
      } catch (error) {
        return { records, next, leaderEpoch, bytes: bytes + (inSection ? section.length : 0), corrupt: asError(error) }
      }
      start = end
    }
    return { records, next, leaderEpoch, bytes: bytes + (inSection ? section.length : 0), corrupt: null }
  }

  /** @returns bytes of the buffer that the batch needed for itself; 0 when its records lie in the section. */
  #batch(section: Buffer, start: number, end: number, from: bigint, into: LogRecord[]): number {
    const attributes = section.readInt16BE(start + ATTRIBUTES)
    const compression = attributes & COMPRESSION_MASK
    let limit = end
    this.#walk.at(section, start + RECORDS)
    if (compression !== 0) {
      const decompressed = decompress(section.subarray(start + RECORDS, end), compression)
      this.#walk.at(decompressed, 0)
      limit = decompressed.length
    }
    const rollback = into.length
    try {
      this.#records(section, start, limit, from, into)
    } catch (error) {
      into.length = rollback
      throw error
    }
    return compression === 0 ? 0 : limit
  }

  #records(section: Buffer, start: number, limit: number, from: bigint, into: LogRecord[]): void {
    const base = Number(section.readBigInt64BE(start))
    const stamped = (section.readInt16BE(start + ATTRIBUTES) & LOG_APPEND_TIME) !== 0
    const firstTimestamp = Number(
      section.readBigInt64BE(stamped ? FIRST_TIMESTAMP + 8 + start : FIRST_TIMESTAMP + start),
    )
    const count = section.readInt32BE(start + COUNT)
    const first = Number(from)
    const walk = this.#walk
    for (let i = 0; i < count; i++) {
      const length = walk.varint()
      const end = walk.position + length
      if (length < 0 || end > limit) throw new CorruptBatch('a record is longer than its batch')
      walk.position++ // attributes, unused
      const delta = walk.varint()
      const offset = base + walk.varint()
      const { position } = walk
      walk.check(end)
      if (offset >= first)
        into.push(new StoredRecord(offset, firstTimestamp + (stamped ? 0 : delta), walk.buffer, position, this.#texts))
    }
  }
}

function checkBatch(section: Buffer, start: number, end: number): void {
  const magic = section[start + MAGIC]
  if (magic !== 2) throw new CorruptBatch(`record batches of version ${magic} are not supported`)
  if (end < start + RECORDS) throw new CorruptBatch('a record batch is shorter than its head')
  const expected = section.readUInt32BE(start + CRC)
  if (crc32c(section.subarray(start + ATTRIBUTES, end)) !== expected) throw new CorruptBatch('checksum does not match')
}

/**
 * Read committed: tells for each batch, asked in order, whether it is to be dropped (control batches are, too). A producer's data is void from
 * the first offset of its aborted transaction until the abort marker, a control batch whose record key is (version, type 0).
 */
function abortedFilter(
  aborted: readonly AbortedTransaction[],
): (section: Buffer, start: number, after: bigint) => boolean {
  const coming = aborted.toSorted((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1))
  const open = new Set<bigint>()
  return (section, start, after) => {
    const attributes = section.readInt16BE(start + ATTRIBUTES)
    if ((attributes & (TRANSACTIONAL | CONTROL)) === 0) return false
    while (coming[0] !== undefined && coming[0].firstOffset < after) open.add(coming.shift()!.producerId)
    const producerId = section.readBigInt64BE(start + PRODUCER_ID)
    if ((attributes & CONTROL) === 0) return open.has(producerId)
    if (controlType(section, start) === ABORT_MARKER) open.delete(producerId)
    return true
  }
}

/** The type of a control batch: the second int16 of its only record's key. -1 when compaction left none. */
function controlType(section: Buffer, start: number): number {
  if (section.readInt32BE(start + COUNT) === 0) return -1
  // length (1 byte: it is short), attributes, timestamp delta (may be long), offset delta, key length (1 byte), key
  let position = start + RECORDS + 2
  while (section[position]! >= 0x80) position++
  position++
  while (section[position]! >= 0x80) position++
  return section.readInt16BE(position + 2 + 2)
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new CorruptBatch(String(error))
}
