import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeRecord, RecordEncoder } from './record.ts'

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array))
const maybe = fc.option(bytes)
const header = fc.tuple(fc.string({ unit: 'binary', maxLength: 200 }), maybe)

describe('a record as a blob', () => {
  it('comes back as it was, whatever is in it, also from an encoder that was used before', () => {
    const encoder = new RecordEncoder()
    fc.assert(
      fc.property(maybe, maybe, fc.array(header), (key, value, headers) => {
        const blob = Uint8Array.from(encoder.encode({ topic: 't', key, value, headers }))
        expect(decodeRecord(7, 1_700_000_000_000, blob)).toEqual({
          offset: 7n,
          timestamp: 1_700_000_000_000,
          key,
          value,
          headers,
        })
      }),
    )
  })

  it('may be larger than any before', () => {
    const encoder = new RecordEncoder()
    for (const size of [10, 100_000, 5_000_000, 10]) {
      const value = Buffer.alloc(size, 'abc')
      const blob = encoder.encode({ topic: 't', key: null, value, headers: [] })
      expect(decodeRecord(0, 0, blob).value?.equals(value)).toBe(true)
    }
  })
})
