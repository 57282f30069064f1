import { crc32c, Writer } from '../library.ts'
import type { Header, NewRecord } from '../../log.ts'

/**
 * Kafka's record batch, version 2 (KIP-98; `DefaultRecordBatch`, `DefaultRecord` of the Java client), written by hand into one buffer:
 *
 *     baseOffset 8 · length 4 · leaderEpoch 4 · magic 1 · crc 4 · attributes 2 · lastOffsetDelta 4 · firstTimestamp 8 · maxTimestamp 8
 *     · producerId 8 · producerEpoch 2 · baseSequence 4 · count 4                                            = 61 bytes, then records:
 *     length · attributes 1 · timestampDelta · offsetDelta · key · value · headers [name · value]            (lengths are zigzag varints)
 *
 * The client library's own encoder takes headers as a Map, so repeated names get lost, and chains thousands of small buffers.
 */
export const BATCH_OVERHEAD = 61
/** The most that length, attributes and the two deltas of a record may take. */
const RECORD_OVERHEAD = 5 + 1 + 5 + 5

/** Who writes: a producer id and its epoch, as InitProducerId gave them. */
export interface Identity {
  readonly id: bigint
  readonly epoch: number
}

/** What the encoder needs of a pending record. */
export interface Encodable {
  readonly record: NewRecord
  /** {@link contentSize} of the record. */
  readonly size: number
  /** Milliseconds since 1970. */
  readonly timestamp: number
}

/** Bytes of key, value and headers of a record once encoded. */
export function contentSize(record: NewRecord, names: HeaderNameEncoder): number {
  const { key, value, headers } = record
  let size = blobSize(key) + blobSize(value) + varintSize(headers.length)
  for (let i = 0; i < headers.length; i++) {
    const header = headers[i] as Header
    size += names.encode(header[0]).length + blobSize(header[1])
  }
  return size
}

/** The most bytes that a record of this content takes in a batch. */
export function maxRecordSize(size: number): number {
  return size + RECORD_OVERHEAD
}

/** Exact bytes of the batch of these records. */
export function batchSize(entries: readonly Encodable[]): number {
  const first = entries[0] as Encodable
  let size = BATCH_OVERHEAD
  for (let i = 0; i < entries.length; i++) {
    const body = bodySize(entries[i] as Encodable, first.timestamp, i)
    size += varintSize(body) + body
  }
  return size
}

/**
 * Writes the batch at `start` and returns where it ends. The same entries give the same bytes, so that a retry is a repetition.
 * @param size {@link batchSize} of the entries.
 */
export function writeBatch(
  target: Buffer,
  start: number,
  size: number,
  entries: readonly Encodable[],
  writer: { readonly identity: Identity; readonly sequence: number },
  names: HeaderNameEncoder,
): number {
  const firstTimestamp = (entries[0] as Encodable).timestamp
  let maxTimestamp = firstTimestamp
  let at = start + BATCH_OVERHEAD
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i] as Encodable
    if (entry.timestamp > maxTimestamp) maxTimestamp = entry.timestamp
    at = writeRecord(target, at, entry, firstTimestamp, i, names)
  }
  target.fill(0, start, start + 8)
  target.writeInt32BE(size - 12, start + 8)
  target.writeInt32BE(-1, start + 12)
  target[start + 16] = 2
  target.writeInt16BE(0, start + 21)
  target.writeInt32BE(entries.length - 1, start + 23)
  writeInt64(target, firstTimestamp, start + 27)
  writeInt64(target, maxTimestamp, start + 35)
  target.writeBigInt64BE(writer.identity.id, start + 43)
  target.writeInt16BE(writer.identity.epoch, start + 51)
  target.writeInt32BE(writer.sequence, start + 53)
  target.writeInt32BE(entries.length, start + 57)
  target.writeUInt32BE(crc(target.subarray(start + 21, at)), start + 17)
  return at
}

function writeRecord(
  target: Buffer,
  start: number,
  entry: Encodable,
  firstTimestamp: number,
  delta: number,
  names: HeaderNameEncoder,
): number {
  const { key, value, headers } = entry.record
  let at = writeVarint(target, start, bodySize(entry, firstTimestamp, delta))
  target[at++] = 0
  at = writeVarint(target, at, timestampDelta(entry, firstTimestamp))
  at = writeVarint(target, at, delta)
  at = writeBlob(target, at, key)
  at = writeBlob(target, at, value)
  at = writeVarint(target, at, headers.length)
  for (let i = 0; i < headers.length; i++) {
    const header = headers[i] as Header
    at = copy(target, at, names.encode(header[0]))
    at = writeBlob(target, at, header[1])
  }
  return at
}

function bodySize(entry: Encodable, firstTimestamp: number, delta: number): number {
  return 1 + varintSize(timestampDelta(entry, firstTimestamp)) + varintSize(delta) + entry.size
}

/** A wall clock that was set by more than twelve days between two records of a batch is not worth 64-bit arithmetic. */
function timestampDelta(entry: Encodable, firstTimestamp: number): number {
  const delta = entry.timestamp - firstTimestamp
  return delta > -0x40000000 && delta < 0x40000000 ? delta : 0
}

function blobSize(blob: Buffer | null): number {
  return blob === null ? 1 : varintSize(blob.length) + blob.length
}

function writeBlob(target: Buffer, at: number, blob: Buffer | null): number {
  if (blob === null) {
    target[at] = 1 // zigzag of -1
    return at + 1
  }
  return copy(target, writeVarint(target, at, blob.length), blob)
}

/** Below some dozen bytes a loop is faster than the call into the runtime. */
function copy(target: Buffer, at: number, source: Buffer): number {
  const length = source.length
  if (length > 24) target.set(source, at)
  else for (let i = 0; i < length; i++) target[at + i] = source[i] as number
  return at + length
}

function writeInt64(target: Buffer, value: number, at: number): void {
  const high = Math.floor(value / 0x1_0000_0000)
  target.writeInt32BE(high, at)
  target.writeUInt32BE(value - high * 0x1_0000_0000, at + 4)
}

/** Bytes of a zigzag varint of a 32-bit integer. */
function varintSize(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0
  if (zigzag < 0x80) return 1
  if (zigzag < 0x4000) return 2
  if (zigzag < 0x20_0000) return 3
  return zigzag < 0x1000_0000 ? 4 : 5
}

function writeVarint(target: Buffer, start: number, value: number): number {
  let zigzag = ((value << 1) ^ (value >> 31)) >>> 0
  let at = start
  while (zigzag >= 0x80) {
    target[at++] = (zigzag & 0x7f) | 0x80
    zigzag >>>= 7
  }
  target[at++] = zigzag
  return at
}

/** The library's CRC copies a plain buffer; wrapped it does not. */
function crc(bytes: Buffer): number {
  return crc32c(Writer.create().append(bytes).dynamicBuffer)
}

/** Header names with their length in front. Names repeat with every event, so they are encoded once; the cache cannot grow for ever. */
export class HeaderNameEncoder {
  readonly #encoded = new Map<string, Buffer>()

  encode(name: string): Buffer {
    const known = this.#encoded.get(name)
    if (known !== undefined) return known
    const length = Buffer.byteLength(name)
    const encoded = Buffer.allocUnsafeSlow(varintSize(length) + length)
    encoded.write(name, writeVarint(encoded, 0, length))
    if (this.#encoded.size >= 1024) this.#encoded.clear()
    this.#encoded.set(name, encoded)
    return encoded
  }
}
