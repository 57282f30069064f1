import { Reader, readRecordsBatch } from '@platformatic/kafka'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Header, NewRecord } from '../../log.ts'
import { batchSize, contentSize, HeaderNameEncoder, maxRecordSize, writeBatch } from './append-batch.ts'

const names = new HeaderNameEncoder()
const identity = { id: 4_711n, epoch: 3 }

function encode(records: readonly NewRecord[], timestamps: readonly number[], sequence: number): Buffer {
  const entries = records.map((record, i) => ({
    record,
    size: contentSize(record, names),
    timestamp: timestamps[i] ?? 0,
  }))
  const size = batchSize(entries)
  const target = Buffer.alloc(size + 20, 0xff)
  expect(writeBatch(target, 10, size, entries, { identity, sequence }, names)).toBe(size + 10)
  return target.subarray(10, size + 10)
}

const blob = fc.option(fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)))
const header = fc.tuple(fc.string({ unit: 'grapheme', maxLength: 80 }), blob) satisfies fc.Arbitrary<Header>
const record = fc.record({
  topic: fc.constant('t'),
  key: blob,
  value: blob,
  headers: fc.array(header, { maxLength: 70 }),
})
const now = fc.integer({ min: 1_700_000_000_000, max: 1_700_000_600_000 })

describe('a record batch', () => {
  it('says to an independent decoder what was put in, whatever keys, values and headers are', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(record, now), { minLength: 1, maxLength: 80 }), fc.nat(), (input, sequence) => {
        const records = input.map(([one]) => one)
        const timestamps = input.map(([, at]) => at)
        const bytes = encode(records, timestamps, sequence)
        const batch = readRecordsBatch(Reader.from(bytes))
        expect(batch).toMatchObject({ magic: 2, producerId: 4_711n, producerEpoch: 3, firstSequence: sequence })
        expect(batch).toMatchObject({ length: bytes.length - 12, lastOffsetDelta: records.length - 1, attributes: 0 })
        expect(batch.maxTimestamp).toBe(BigInt(Math.max(...timestamps)))
        expect(batch.records.map((one) => Number(batch.firstTimestamp + one.timestampDelta))).toEqual(timestamps)
        expect(batch.records.map((one) => one.offsetDelta)).toEqual(records.map((_, i) => i))
        expect(batch.records.map(({ key, value }) => [key, value])).toEqual(
          records.map(({ key, value }) => [key, value]),
        )
        expect(batch.records.map((one) => one.headers)).toEqual(
          records.map((one) => one.headers.map(([name, value]) => [Buffer.from(name), value])),
        )
      }),
      { numRuns: 60 },
    )
  })

  it('keeps headers of the same name and their order', () => {
    const headers: Header[] = [
      ['a', Buffer.from('1')],
      ['b', null],
      ['a', Buffer.from('2')],
    ]
    const batch = readRecordsBatch(Reader.from(encode([{ topic: 't', key: null, value: null, headers }], [5], 0)))
    expect(batch.records[0]?.headers.map(([name, value]) => [String(name), value && String(value)])).toEqual([
      ['a', '1'],
      ['b', null],
      ['a', '2'],
    ])
  })

  it('is never larger than the sum of what its records may take', () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 200 }), (records) => {
        const bound = records.reduce((sum, one) => sum + maxRecordSize(contentSize(one, names)), 61)
        expect(encode(records, [], 0).length).toBeLessThanOrEqual(bound)
      }),
      { numRuns: 30 },
    )
  })
})
