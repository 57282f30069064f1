import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeProgress, encodeProgress, unknownStart } from './progress.ts'
import { Tracker, type Linked } from './tracker.ts'

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

class Node implements Linked<Node> {
  before: Node | null = null
  after: Node | null = null
  readonly offset: number
  constructor(offset: number) {
    this.offset = offset
  }
}

test('a hundred pending events always fit, however far apart they are', () => {
  const most = 2 ** 53 - 1
  const pending = Array.from({ length: 100 }, (_, i) => 1 + i * Math.floor(most / 100))
  const given = { position: 1, upTo: most, pending }
  const text = encodeProgress(given, { at: 2 ** 35 - 1, partitions: 1_000_000 })
  expect(text.length).toBeLessThanOrEqual(2048)
  expect(decodeProgress(1, text).progress).toEqual(given)
})

test('whatever comes and goes, as long as the tracker is not full its offsets are written down whole', () => {
  const gap = fc.oneof(
    fc.integer({ min: 1, max: 300 }),
    fc.integer({ min: 1, max: 40_000 }),
    fc.integer({ min: 1, max: 2 ** 40 }),
  )
  const picks = fc.array(fc.record({ gap, leaves: fc.boolean(), which: fc.nat() }), {
    minLength: 1000,
    maxLength: 3000,
    size: 'max',
  })
  let wasFull = 0
  fc.assert(
    fc.property(picks, (all) => {
      const tracker = new Tracker<Node>()
      const nodes: Node[] = []
      let offset = 0
      for (const { gap: more, leaves, which } of all) {
        if (leaves && which % 4 === 0) for (const gone of nodes.splice(which % nodes.length, 1)) tracker.remove(gone)
        else if (!tracker.full) {
          const node = new Node((offset += more))
          tracker.add(node)
          nodes.push(node)
        }
      }
      if (tracker.full) wasFull++
      const pending = Array.from(tracker, (node) => node.offset)
      const position = pending[0] ?? offset
      const given = { position, upTo: offset + 1, pending }
      const text = encodeProgress(given, { at: 2 ** 35 - 1, partitions: 1_000_000 })
      expect(decodeProgress(position, text).progress).toEqual(given)
    }),
    { numRuns: 50 },
  )
  expect(wasFull).toBeGreaterThan(0)
})

test('a position that a tool moved, with its metadata copied, is bare: nothing is taken for finished that was not', () => {
  const given = { position: 1000, upTo: 1050, pending: [1000, 1010] }
  const text = encodeProgress(given, start)
  expect(decodeProgress(1000, text)).toEqual({ progress: given, start })
  for (const position of [951, 1049, 2000])
    expect(decodeProgress(position, text)).toEqual({ progress: { position, upTo: position, pending: [] }, start })
})

test('what the version before wrote, without its position, is read', () => {
  const bytes = [1, 2, 50, 2, 0, 10]
  const { progress: read } = decodeProgress(1000, `m1:${Buffer.from(bytes).toString('base64')}`)
  expect(read).toEqual({ position: 1000, upTo: 1050, pending: [1000, 1010] })
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
