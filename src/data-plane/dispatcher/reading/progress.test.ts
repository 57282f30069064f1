import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeProgress, encodeProgress, unknownStart } from './progress.ts'

const start = { at: 1_760_000_000, partitions: 12 }
const progress = fc
  .record({ position: fc.nat(2 ** 40), gaps: fc.array(fc.integer({ min: 1, max: 5000 }), { maxLength: 100 }) })
  .map(({ position, gaps }) => {
    let last = position
    const pending = [position, ...gaps.map((gap) => (last += gap))]
    return { position, upTo: last + 1, pending }
  })

test('what is written is read back, and fits into what the server takes', () => {
  fc.assert(
    fc.property(progress, (given) => {
      const text = encodeProgress(given, start)
      expect(text.length).toBeLessThanOrEqual(2048)
      expect(decodeProgress(given.position, text)).toEqual({ progress: given, start })
    }),
  )
})

test('what would be too long is left out; the position and the first start stay', () => {
  const pending = Array.from({ length: 2000 }, (_, i) => i * 3)
  const text = encodeProgress({ position: 0, upTo: 6000, pending }, start)
  expect(text.length).toBeLessThan(30)
  expect(decodeProgress(0, text)).toEqual({ progress: { position: 0, upTo: 0, pending: [] }, start })
})

test.each(['', 'of another program', 'm1:', 'm2:AAAA', 'm1:%%%', 'm1:gICAgICAgICAgICA', '{"v":1}'])(
  'metadata %j of another program, another version or damaged gives the bare position',
  (text) => {
    expect(decodeProgress(7, text)).toEqual({ progress: { position: 7, upTo: 7, pending: [] }, start: unknownStart })
  },
)

test('damaged metadata never throws and never claims that something before the position is pending', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      const { progress: read } = decodeProgress(100, `m1:${Buffer.from(bytes).toString('base64')}`)
      expect(read.position).toBe(100)
      expect(read.upTo).toBeGreaterThanOrEqual(100)
      for (const offset of read.pending) expect(offset >= 100 && offset < read.upTo).toBe(true)
    }),
  )
})
