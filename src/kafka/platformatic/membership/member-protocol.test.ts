import { randomBytes } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import type { TopicPartition } from '../../log.ts'
import { decodeAssignment, decodeMetadata, digestOf, encodeAssignment, encodeMetadata } from './member-protocol.ts'
import { intersection, toPartitions, toShares, unbounded, union, without } from './shares.ts'

const partitions = fc.array(fc.record({ topic: fc.string(), partition: fc.nat({ max: 1000 }) }))
const shares = partitions.map(toShares)
const names = fc.array(fc.string())
const bounds = fc.array(fc.tuple(fc.string(), fc.integer({ min: 1, max: 100 }))).map((entries) => new Map(entries))

describe('what members and leader tell each other', () => {
  it('arrives as it was sent', () => {
    fc.assert(
      fc.property(
        shares,
        bounds,
        shares,
        fc.integer({ min: -1, max: 2 ** 31 - 1 }),
        (share, most, owned, generation) => {
          const metadata = { share, most, owned, generation }
          expect(decodeMetadata(encodeMetadata(metadata))).toEqual(metadata)
        },
      ),
    )
    fc.assert(
      fc.property(
        shares,
        fc.string(),
        names,
        names,
        bounds,
        fc.boolean(),
        (partitions, share, fleet, open, most, moving) => {
          const assignment = { partitions, share, fleet, open, bounds: most, moving }
          expect(decodeAssignment(encodeAssignment(assignment))).toEqual(assignment)
        },
      ),
    )
  })

  it('is refused when it is of another version or broken', () => {
    const good = encodeMetadata({
      share: toShares([{ topic: 'a', partition: 0 }]),
      most: unbounded,
      owned: toShares([]),
      generation: 3,
    })
    const other = Buffer.from(good)
    other[0] = 2
    const json = (value: unknown): Buffer => Buffer.concat([Buffer.of(1), deflateRawSync(JSON.stringify(value))])
    const bad = [
      Buffer.alloc(0),
      other,
      good.subarray(0, -2),
      randomBytes(50),
      json(null),
      json({ share: [['a', -1]] }),
    ]
    for (const bytes of bad) {
      expect(decodeMetadata(bytes)).toBeNull()
      expect(decodeAssignment(bytes)).toBeNull()
    }
  })

  it('keeps 20 members with 5,000 partitions under the 1 MiB that Kafka stores of a group', () => {
    const topics = Array.from({ length: 500 }, () => `knative-broker-${randomBytes(6).toString('hex')}-default`)
    const all = topics.flatMap((topic) => Array.from({ length: 10 }, (_, partition) => ({ topic, partition })))
    const most = new Map(topics.map((topic) => [topic, 3]))
    const part = toShares(all.filter((_, i) => i % 20 === 0))
    const metadata = encodeMetadata({ share: toShares(all), most, owned: part, generation: 1 })
    const open = { fleet: [], open: topics, bounds: most, moving: true }
    const assignment = encodeAssignment({ partitions: part, share: digestOf(part), ...open })
    expect(20 * (metadata.length + assignment.length)).toBeLessThan(1_000_000)
  })
})

test('a member of a version that knows of no bounds is understood', () => {
  const old = Buffer.concat([
    Buffer.of(1),
    deflateRawSync(JSON.stringify({ share: [['a', 2]], owned: [], generation: 1 })),
  ])
  expect(decodeMetadata(old)?.most).toEqual(unbounded)
})

test('bounds are part of what a share is called, when there are any', () => {
  const share = toShares([{ topic: 'a', partition: 0 }])
  expect(digestOf(share, unbounded)).toBe(digestOf(share))
  expect(digestOf(share, new Map([['a', 1]]))).not.toBe(digestOf(share))
})

describe('sets of partitions', () => {
  const key = ({ topic, partition }: TopicPartition): string => JSON.stringify([topic, partition])
  const keys = (list: readonly TopicPartition[]): Set<string> => new Set(list.map(key))

  it('are equal, and have the same digest, whatever the order and repetition', () => {
    fc.assert(
      fc.property(partitions, (list) => {
        const turned = toShares([...list.toReversed(), ...list])
        expect(turned).toEqual(toShares(list))
        expect(digestOf(turned)).toBe(digestOf(toShares(list)))
      }),
    )
  })

  it('are united, intersected and subtracted as sets are', () => {
    fc.assert(
      fc.property(partitions, partitions, (a, b) => {
        const of = (result: ReturnType<typeof toShares>): Set<string> => keys(toPartitions(result))
        const [inA, inB] = [keys(a), keys(b)]
        expect(of(union(toShares(a), toShares(b)))).toEqual(new Set([...inA, ...inB]))
        expect(of(intersection(toShares(a), toShares(b)))).toEqual(new Set([...inA].filter((one) => inB.has(one))))
        expect(of(without(toShares(a), toShares(b)))).toEqual(new Set([...inA].filter((one) => !inB.has(one))))
      }),
    )
  })
})
