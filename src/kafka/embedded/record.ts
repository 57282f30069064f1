import type { Header, LogRecord, NewRecord } from '../log.ts'

/**
 * A record as one blob, so that a row costs one buffer when it is read:
 *
 *     flags · [key length · key] · header count · (name length · name · value length + 1, 0 for null · value)* · record value
 *
 * Lengths are unsigned LEB128. The record value is the rest, so it needs no length.
 */

const HAS_KEY = 1
const HAS_VALUE = 2

/** What Kafka adds around one record in a batch of its own: batch header and the record's own lengths, at most. */
const BATCH_OVERHEAD = 61 + 26

/** Bytes that a record takes in a Kafka batch of its own, so that both logs refuse the same records; a little generous. */
export function recordBytes(record: NewRecord): number {
  let bytes = BATCH_OVERHEAD + (record.key?.length ?? 0) + (record.value?.length ?? 0)
  for (const [name, value] of record.headers) {
    bytes += varintBytes(name.length) + Buffer.byteLength(name) + (value === null ? 1 : value.length + 2)
  }
  return bytes
}

/** Turns records into blobs. One per writer: the blob is a view of its own memory, good until the next call. */
export class RecordEncoder {
  #memory = Buffer.allocUnsafe(64 * 1024)
  #at = 0

  encode(record: NewRecord): Buffer {
    // Each varint has at most 5 bytes; names at most 3 bytes a UTF-16 unit.
    let bound = 11 + (record.key?.length ?? 0) + (record.value?.length ?? 0)
    for (const [name, value] of record.headers) bound += 10 + name.length * 3 + (value?.length ?? 0)
    if (this.#memory.length < bound) this.#memory = Buffer.allocUnsafe(bound * 2)
    this.#at = 0
    this.#varint((record.key === null ? 0 : HAS_KEY) | (record.value === null ? 0 : HAS_VALUE))
    if (record.key !== null) this.#bytes(record.key, record.key.length)
    this.#varint(record.headers.length)
    for (const [name, value] of record.headers) this.#header(name, value)
    if (record.value !== null) this.#at += record.value.copy(this.#memory, this.#at)
    return this.#memory.subarray(0, this.#at)
  }

  #header(name: string, value: Buffer | null): void {
    const length = Buffer.byteLength(name)
    this.#varint(length)
    this.#at += this.#memory.write(name, this.#at, length)
    if (value === null) this.#varint(0)
    else this.#bytes(value, value.length + 1)
  }

  #bytes(bytes: Buffer, length: number): void {
    this.#varint(length)
    this.#at += bytes.copy(this.#memory, this.#at)
  }

  #varint(value: number): void {
    let rest = value
    while (rest > 0x7f) {
      this.#memory[this.#at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.#memory[this.#at++] = rest
  }
}

/** Reads a blob back. Key, value and header values are views of `blob`. */
export function decodeRecord(offset: number, timestamp: number, blob: Uint8Array): LogRecord {
  const bytes = Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength)
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes.readUInt8(at++)
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
  const take = (length: number): Buffer => bytes.subarray(at, (at += length))

  const flags = varint()
  const key = (flags & HAS_KEY) === 0 ? null : take(varint())
  const headers: Header[] = []
  for (let left = varint(); left > 0; left -= 1) {
    const length = varint()
    const name = bytes.toString('utf8', at, (at += length))
    const valueLength = varint()
    headers.push([name, valueLength === 0 ? null : take(valueLength - 1)])
  }
  const value = (flags & HAS_VALUE) === 0 ? null : bytes.subarray(at)
  return { offset: BigInt(offset), timestamp, key, value, headers }
}

function varintBytes(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : 4
}
