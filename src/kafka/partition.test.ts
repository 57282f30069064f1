import { Partitioners } from 'kafkajs'
import { describe, expect, it } from 'vitest'
import { partitionForKey, StickyPartitions } from './partition.ts'

describe('the partition of a key', () => {
  // Values of org.apache.kafka.common.utils.UtilsTest.testMurmur2, made positive.
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('is the one of the Java client for %s', (key, hash) => {
    for (const partitions of [1, 2, 3, 7, 10, 100, 2 ** 31 - 1]) {
      expect(partitionForKey(Buffer.from(key), partitions)).toBe((hash & 0x7fffffff) % partitions)
    }
  })

  it('is the one that another Java-compatible client chooses, for keys of every length and of any bytes', () => {
    const choose = Partitioners.DefaultPartitioner()
    for (let length = 0; length < 70; length += 1) {
      const key = Buffer.from(Array.from({ length }, (_, at) => (at * 151 + length * 97 + 200) & 0xff))
      const partitionMetadata = Array.from({ length: 13 }, (_, partitionId) => ({
        partitionId,
        partitionErrorCode: 0,
        leader: 1,
        replicas: [1],
        isr: [1],
      }))
      const theirs = choose({ topic: 't', partitionMetadata, message: { key, value: null } })
      expect(partitionForKey(key, 13)).toBe(theirs)
    }
  })
})

describe('records without a key', () => {
  it('stay together in one partition within a micro-batch and wander with the next one', () => {
    let turn = 0
    const sticky = new StickyPartitions(() => [0.1, 0.9, 0.5][turn++ % 3]!)
    expect([sticky.of('t', 10), sticky.of('t', 10), sticky.of('u', 10)]).toEqual([1, 1, 9])
    sticky.next('t')
    expect([sticky.of('t', 10), sticky.of('u', 10)]).toEqual([5, 9])
  })

  it('never name a partition that a topic made again with fewer partitions lacks', () => {
    const sticky = new StickyPartitions(() => 0.99)
    expect(sticky.of('t', 10)).toBe(9)
    expect(sticky.of('t', 3)).toBe(2)
  })
})
