import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { compressionsAlgorithmsByBitmask } from '../library.ts'
import { CorruptBatch } from './stored-record.ts'

/**
 * A batch that unpacks to more is not read: a few KiB may stand for gigabytes, and whoever may write to a topic may write them (Kafka looks at
 * the packed size alone). Producers fill batches to a few MiB.
 */
const MAX_BYTES = 128 * 1024 * 1024

// Record batch attributes, bits 0 to 2 (https://kafka.apache.org/documentation/#recordbatch).
const GZIP = 1
const SNAPPY = 2
const LZ4 = 3
const ZSTD = 4

/** The records of a compressed batch, in a buffer of their own. @throws CorruptBatch; what the decompressor throws. */
export function decompress(data: Buffer, compression: number): Buffer {
  const decompressed = unpack(data, compression)
  // Decompressors give a piece of a larger buffer, which a single record would keep alive.
  if (decompressed.buffer.byteLength === decompressed.length) return decompressed
  const own = Buffer.allocUnsafeSlow(decompressed.length)
  decompressed.copy(own)
  return own
}

function unpack(data: Buffer, compression: number): Buffer {
  if (compression === GZIP) return bounded(() => gunzipSync(data, { maxOutputLength: MAX_BYTES }))
  if (compression === ZSTD) return bounded(() => zstdDecompressSync(data, { maxOutputLength: MAX_BYTES }))
  const algorithm = compressionsAlgorithmsByBitmask[compression]
  if (algorithm?.available !== true) throw new CorruptBatch(`compression type ${compression} is not supported`)
  // these two know no bound, but tell before how much it will be
  const most = compression === LZ4 ? mostOfLz4(data) : compression === SNAPPY ? sizeOfSnappy(data) : 0
  if (most > MAX_BYTES) throw tooLarge()
  return algorithm.decompressSync(data)
}

function bounded(work: () => Buffer): Buffer {
  try {
    return work()
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? tooLarge() : error
  }
}

function tooLarge(): CorruptBatch {
  return new CorruptBatch(`a record batch unpacks to more than ${MAX_BYTES / 1024 / 1024} MiB`)
}

/** Java's framing of snappy (xerial): magic, two versions, then chunks with their lengths. */
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const XERIAL_HEAD = 16

function sizeOfSnappy(data: Buffer): number {
  if (!data.subarray(0, XERIAL.length).equals(XERIAL)) return snappyLength(data, 0)
  let size = 0
  for (let at = XERIAL_HEAD; at + 4 <= data.length;) {
    size += snappyLength(data, at + 4)
    at += 4 + data.readUInt32BE(at)
  }
  return size
}

/** Snappy begins with what it unpacks to, an unsigned varint. */
function snappyLength(data: Buffer, start: number): number {
  let length = 0
  for (let i = 0; i < 5; i++) {
    const byte = data[start + i] ?? 0
    length += (byte & 0x7f) * 2 ** (7 * i)
    if (byte < 0x80) return length
  }
  throw new CorruptBatch('its snappy is broken')
}

/** The frame format of LZ4 (https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md): no block unpacks to more than its head says. */
const LZ4_MAGIC = 0x184d2204
const LZ4_RATIO = 255

function mostOfLz4(data: Buffer): number {
  let most = 0
  for (let at = 0; at < data.length;) {
    if (at + 7 > data.length || data.readUInt32LE(at) !== LZ4_MAGIC) throw new CorruptBatch('its LZ4 is broken')
    const flags = data[at + 4] ?? 0
    // 4: 64 KiB, 5: 256 KiB, 6: 1 MiB, 7: 4 MiB
    const blockBytes = 2 ** (8 + 2 * (((data[at + 5] ?? 0) >> 4) & 7))
    at += 7 + ((flags & 0x08) === 0 ? 0 : 8) + ((flags & 0x01) === 0 ? 0 : 4)
    for (;;) {
      if (at + 4 > data.length) return most
      const word = data.readUInt32LE(at)
      at += 4
      if (word === 0) break
      const size = word & 0x7fffffff
      most += word >= 0x80000000 ? size : Math.min(blockBytes, size * LZ4_RATIO)
      at += size + ((flags & 0x10) === 0 ? 0 : 4)
    }
    if ((flags & 0x04) !== 0) at += 4
  }
  return most
}
