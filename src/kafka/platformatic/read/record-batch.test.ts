import { crc32c, createRecordsBatch } from '@platformatic/kafka'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compressionsAlgorithmsByBitmask } from '../library.ts'
import type { LogRecord } from '../../log.ts'
import { RecordDecoder } from './record-batch.ts'

interface Made {
  readonly base?: bigint
  readonly values?: readonly string[]
  readonly attributes?: number
  readonly producerId?: bigint
  /** Offset after the batch, when compaction removed its last records. */
  readonly next?: bigint
  readonly compression?: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'
  readonly key?: Buffer
  /** Compaction may leave a batch without records. */
  readonly empty?: boolean
}

const TRANSACTIONAL = 0x10
const CONTROL = 0x20

/** A batch as a broker would store it: the client writes base offset 0 and no control batches, so those are patched in. */
function batch(made: Made): Buffer {
  const messages = (made.values ?? ['x']).map((value) => ({
    topic: 't',
    key: made.key,
    value: Buffer.from(value),
    timestamp: 1_700_000_000_000n,
  }))
  const written = createRecordsBatch(messages as never, {
    compression: made.compression ?? 'none',
    partitionLeaderEpoch: 7,
    producerId: made.producerId ?? -1n,
  })
  let buffer = Buffer.from(written.buffer)
  buffer.writeBigInt64BE(made.base ?? 0n, 0)
  buffer.writeInt16BE(buffer.readInt16BE(21) | (made.attributes ?? 0), 21)
  if (made.next !== undefined) buffer.writeInt32BE(Number(made.next - (made.base ?? 0n) - 1n), 23)
  if (made.empty === true) {
    buffer = buffer.subarray(0, 61)
    buffer.writeInt32BE(0, 57)
    buffer.writeInt32BE(61 - 12, 8)
  }
  return sealed(buffer)
}

/** Zigzag, 7 bits a byte, as protocol buffers have it. */
function varint(value: bigint): Buffer {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  return Buffer.of(...bytes, Number(rest))
}

function sealed(buffer: Buffer): Buffer {
  buffer.writeUInt32BE(crc32c(buffer.subarray(21)), 17)
  return buffer
}

function marker(base: bigint, producerId: bigint, type: 'abort' | 'commit'): Buffer {
  const key = Buffer.from([0, 0, 0, type === 'abort' ? 0 : 1])
  return batch({ base, producerId, attributes: TRANSACTIONAL | CONTROL, key })
}

const data = (base: bigint, producerId: bigint, ...values: string[]): Buffer =>
  batch({ base, producerId, values, attributes: TRANSACTIONAL })

const decode = (section: Buffer, from = 0n, aborted: { producerId: bigint; firstOffset: bigint }[] = []) =>
  new RecordDecoder().decode(section, from, aborted)

/** All parts of a record: it makes them when they are asked for. */
const plain = ({ offset, timestamp, key, value, headers }: LogRecord): LogRecord => {
  return { offset, timestamp, key, value, headers }
}
const values = (records: readonly LogRecord[]) => records.map((record) => record.value?.toString())

const anyBytes = fc.option(
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  { nil: null },
)
const anyName = fc.string({ unit: 'grapheme', maxLength: 80 })
const anyMessage = fc.record({
  key: anyBytes,
  value: anyBytes,
  headers: fc.uniqueArray(fc.tuple(anyName, anyBytes), { maxLength: 12, selector: ([name]) => name }),
  // The client library encodes time differences of 2^31 ms and more wrongly, so these stay within a day.
  timestamp: fc.bigInt({ min: 1_700_000_000_000n, max: 1_700_086_400_000n }),
})

describe('decoding records', () => {
  it('gives what the client library encoded, compressed or not', () => {
    const compression = fc.constantFrom('none', 'gzip', 'snappy', 'lz4', 'zstd')
    const decoder = new RecordDecoder()
    const property = (messages: (typeof anyMessage extends fc.Arbitrary<infer M> ? M : never)[], kind: string) => {
      const written = createRecordsBatch(
        messages.map((message) => ({
          ...message,
          topic: 't',
          headers: new Map(message.headers.map(([name, value]) => [Buffer.from(name), value])),
        })) as never,
        { compression: kind } as never,
      )
      const decoded = decoder.decode(Buffer.from(written.buffer), 0n, [])
      expect(decoded.corrupt).toBeNull()
      expect(decoded.next).toBe(BigInt(messages.length))
      expect(decoded.records.map(plain)).toEqual(
        messages.map((message, i) => ({ ...message, offset: BigInt(i), timestamp: Number(message.timestamp) })),
      )
      for (const [i, record] of decoded.records.entries()) {
        const texts: [string, string | null][] = []
        record.eachHeader?.((name, value) => texts.push([name, value]))
        expect(texts).toEqual(messages[i]?.headers.map(([name, value]) => [name, value?.toString() ?? null]))
      }
    }
    fc.assert(fc.property(fc.array(anyMessage, { minLength: 1, maxLength: 20 }), compression, property))
  })

  it('reads negative and very large numbers exactly', () => {
    for (const delta of [
      -4_000_000_000_000_000n,
      -(2n ** 31n),
      -64n,
      -1n,
      63n,
      64n,
      2n ** 31n,
      4_000_000_000_000_000n,
    ]) {
      // attributes, timestamp delta, offset delta 0, null key, null value, no headers
      const record = Buffer.concat([Buffer.of(0), varint(delta), Buffer.of(0, 1, 1, 0)])
      const head = batch({ values: ['x'] }).subarray(0, 61)
      const made = Buffer.concat([head, varint(BigInt(record.length)), record])
      made.writeInt32BE(made.length - 12, 8)
      made.writeBigInt64BE(0n, 27)
      const decoded = decode(sealed(made))
      expect(decoded.records.map(plain)).toEqual([
        { offset: 0n, timestamp: Number(delta), key: null, value: null, headers: [] },
      ])
    }
  })

  it('starts at the asked offset inside a batch', () => {
    const decoded = decode(batch({ base: 10n, values: ['a', 'b', 'c'] }), 11n)
    expect(decoded.records.map((record) => record.offset)).toEqual([11n, 12n])
    expect(decoded).toMatchObject({ next: 13n, leaderEpoch: 7 })
  })

  it('moves past gaps, batches shortened by compaction and batches that compaction emptied', () => {
    const section = Buffer.concat([
      batch({ base: 5n, values: ['a'], next: 9n }),
      batch({ base: 20n, values: ['b'] }),
      batch({ base: 21n, empty: true, next: 40n }),
    ])
    const decoded = decode(section)
    expect(values(decoded.records)).toEqual(['a', 'b'])
    expect(decoded.next).toBe(40n)
  })

  it('leaves a batch that is cut off for the next fetch', () => {
    const whole = batch({ base: 0n, values: ['a'] })
    const cut = batch({ base: 1n, values: ['b'] })
    for (let size = 0; size < cut.length; size++) {
      const decoded = decode(Buffer.concat([whole, cut.subarray(0, size)]))
      expect(decoded).toMatchObject({ next: 1n, corrupt: null })
      expect(values(decoded.records)).toEqual(['a'])
    }
  })

  it('uses the broker time where the topic says so', () => {
    const stamped = batch({ attributes: 0x08 })
    stamped.writeBigInt64BE(42n, 35)
    expect(decode(sealed(stamped)).records[0]?.timestamp).toBe(42)
  })
})

describe('read committed', () => {
  it('drops what was aborted and keeps what the same producer committed before and after', () => {
    const section = Buffer.concat([
      data(0n, 1n, 'kept'),
      marker(1n, 1n, 'commit'),
      data(2n, 1n, 'void', 'void'),
      batch({ base: 4n, values: ['plain'] }),
      data(5n, 2n, 'other'),
      marker(6n, 1n, 'abort'),
      data(7n, 1n, 'kept too'),
      marker(8n, 2n, 'commit'),
      marker(9n, 1n, 'commit'),
      data(10n, 1n, 'void again'),
      marker(11n, 1n, 'abort'),
    ])
    const aborted = [
      { producerId: 1n, firstOffset: 10n },
      { producerId: 1n, firstOffset: 2n },
    ]
    const decoded = decode(section, 0n, aborted)
    expect(values(decoded.records)).toEqual(['kept', 'plain', 'other', 'kept too'])
    expect(decoded.next).toBe(12n)
  })

  it('knows of an aborted run that began before the asked offset', () => {
    const section = Buffer.concat([data(4n, 1n, 'void'), marker(5n, 1n, 'abort'), data(6n, 1n, 'kept')])
    expect(values(decode(section, 4n, [{ producerId: 1n, firstOffset: 1n }]).records)).toEqual(['kept'])
  })

  it('pins no memory when nothing is left', () => {
    const section = Buffer.concat([data(0n, 1n, 'void'), marker(1n, 1n, 'abort')])
    expect(decode(section, 0n, [{ producerId: 1n, firstOffset: 0n }])).toMatchObject({
      records: [],
      next: 2n,
      bytes: 0,
    })
  })
})

describe('bytes', () => {
  it('counts the section once, and each decompressed buffer; nothing else is kept alive', () => {
    const plain = batch({ base: 0n, values: ['a', 'b'] })
    const packed = batch({ base: 2n, values: ['c'.repeat(10_000)], compression: 'gzip' })
    expect(decode(plain).bytes).toBe(plain.length)
    const alone = decode(packed)
    expect(alone.bytes).toBe(alone.records[0]!.value!.buffer.byteLength)
    expect(decode(Buffer.concat([plain, packed])).bytes).toBe(plain.length + packed.length + alone.bytes)
  })
})

describe('bad bytes', () => {
  it('are noticed wherever they are, and what stands before them is kept', () => {
    const good = batch({ base: 0n, values: ['a'] })
    const bad = batch({ base: 1n, values: ['b', 'c'] })
    fc.assert(
      fc.property(fc.integer({ min: 21, max: bad.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const section = Buffer.concat([good, bad])
        section[good.length + at]! ^= flip
        const decoded = decode(section)
        expect(values(decoded.records)).toEqual(['a'])
        expect(decoded.next).toBe(1n)
        expect(decoded.corrupt).toBeInstanceOf(Error)
      }),
    )
  })

  it('with a right checksum end in an error too, never in a wrong record or a loop', () => {
    const bad = batch({ base: 0n, values: ['b', 'c'], key: Buffer.from('key') })
    const anyDamage = fc.array(fc.tuple(fc.integer({ min: 57, max: bad.length - 1 }), fc.integer({ min: 0, max: 255 })))
    fc.assert(
      fc.property(anyDamage, (damage) => {
        const section = Buffer.from(bad)
        for (const [at, byte] of damage) section[at] = byte
        const decoded = decode(sealed(section))
        if (decoded.corrupt !== null) expect(decoded).toMatchObject({ records: [], next: 0n })
        else expect(decoded.next).toBe(2n)
      }),
      { numRuns: 500 },
    )
  })

  it('of an old version or an unknown compression are named', () => {
    const old = batch({})
    old[16] = 1
    expect(decode(old).corrupt?.message).toContain('version 1')
    expect(decode(batch({ attributes: 5 })).corrupt?.message).toContain('compression type 5')
    const broken = batch({ values: ['a'.repeat(100)], compression: 'gzip' })
    broken[61] = 0
    expect(decode(sealed(broken)).corrupt).toBeInstanceOf(Error)
  })

  const mib = 1024 * 1024
  const [gzip, snappy, lz4, zstd] = [1, 2, 3, 4] as const
  const pack = (bytes: Buffer, compression: number): Buffer =>
    Buffer.from(compressionsAlgorithmsByBitmask[compression]!.compressSync(bytes))
  /** As Java writes it: magic, two versions, chunks with their lengths. */
  const xerial = (chunk: Buffer, times: number): Buffer => {
    const size = Buffer.alloc(4)
    size.writeUInt32BE(chunk.length)
    const chunks = Array.from({ length: times }, () => [size, chunk]).flat()
    return Buffer.concat([Buffer.from('82534e41505059000000000100000001', 'hex'), ...chunks])
  }
  /** Whatever it holds, its head says that it is so compressed. */
  const packed = (attributes: number, records: Buffer, base = 0n): Buffer => {
    const made = Buffer.concat([batch({ base, attributes }).subarray(0, 61), records])
    made.writeInt32BE(made.length - 12, 8)
    return sealed(made)
  }

  const times = (count: number, bytes: Buffer): Buffer => Buffer.concat(Array.from({ length: count }, () => bytes))
  it.each<[string, () => Buffer]>([
    ['gzip', () => packed(gzip, times(129, pack(Buffer.alloc(mib), gzip)))],
    ['zstd', () => packed(zstd, times(129, pack(Buffer.alloc(mib), zstd)))],
    ['LZ4', () => packed(lz4, times(129, pack(Buffer.alloc(mib), lz4)))],
    ['snappy', () => packed(snappy, Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0]))],
    ['snappy of Java', () => packed(snappy, xerial(pack(Buffer.alloc(mib), snappy), 129))],
  ])('of %s that would unpack to more than memory bears are not unpacked, and said', (_, made) => {
    expect(decode(made()).corrupt?.message).toContain('unpacks to more than 128 MiB')
  })

  it.each([
    ['LZ4', lz4],
    ['snappy', snappy],
  ])('of %s that is cut or broken are told, whatever is wrong with them', (_, kind) => {
    const bytes = fc.uint8Array({ maxLength: 60 }).map((some) => Buffer.from(some))
    const whole = pack(Buffer.from('a'.repeat(200)), kind)
    const cut = fc.nat(whole.length).map((length) => whole.subarray(0, length))
    fc.assert(
      fc.property(fc.oneof(bytes, cut), (records) => {
        const decoded = decode(packed(kind, records))
        expect(decoded.records).toEqual([])
      }),
    )
  })

  it('of one section that unpack to much together are read in several goes, each once', () => {
    const value = 'a'.repeat(12 * mib)
    const section = Buffer.concat(
      [0n, 1n, 2n, 3n, 4n].map((base) => batch({ base, values: [value], compression: 'zstd' })),
    )
    const first = decode(section)
    expect([first.records.length, first.next, first.corrupt]).toEqual([3, 3n, null])
    const rest = decode(section, first.next)
    expect([rest.records.length, rest.next]).toEqual([2, 5n])
  })
})
