import { expect, it } from 'vitest'
import type { Batch, OffsetMoved } from '../../../src/kafka/log.ts'
import { uniqueTopic } from '../../support/kafka.ts'
import { appendAll, expectFault, expiring, makeTopic, numbers, type LogUnderTest } from './subject.ts'

export function reading(subject: () => LogUnderTest): void {
  it('reads from an offset, and says what is where', async () => {
    const { log } = subject()
    const topic = await makeTopic(log)
    await appendAll(log, topic, numbers(10))
    const reader = log.reader()
    const batch = records(await reader.read({ topic, partition: 0 }, 4n, 100_000))
    expect(batch.records.map(({ offset, value }) => [offset, String(value)])).toEqual(
      numbers(6, 4).map((value) => [BigInt(value), value]),
    )
    expect(batch).toMatchObject({ topic, partition: 0, from: 4n, next: 10n, end: 10n, logStart: 0n })
    expect(batch.bytes).toBeGreaterThan(0)
    await reader.close()
  })

  it('reads nothing at the end, at once', async () => {
    const { log } = subject()
    const topic = await makeTopic(log)
    await appendAll(log, topic, numbers(3))
    const reader = log.reader()
    const batch = records(await reader.read({ topic, partition: 0 }, 3n, 100_000))
    expect(batch).toMatchObject({ records: [], from: 3n, next: 3n, end: 3n, logStart: 0n })
    await reader.close()
  })

  it('reads at least one record however few bytes are asked for, and about as many as asked for', async () => {
    const { log } = subject()
    const topic = await makeTopic(log)
    await appendAll(
      log,
      topic,
      Array.from({ length: 40 }, () => Buffer.alloc(100_000)),
    )
    const reader = log.reader()
    const one = records(await reader.read({ topic, partition: 0 }, 5n, 1))
    expect(one.records.length).toBeGreaterThanOrEqual(1)
    expect(one.records[0]?.offset).toBe(5n)
    // A batch of Kafka comes whole, and has up to 1 MiB.
    const some = records(await reader.read({ topic, partition: 0 }, 0n, 400_000))
    expect(some.records.length).toBeGreaterThanOrEqual(3)
    expect(some.records.length).toBeLessThanOrEqual(15)
    expect(some.next).toBe(BigInt(some.records.length))
    await reader.close()
  })

  it('tells the range of many partitions', async () => {
    const { log } = subject()
    const topic = await makeTopic(log, 3)
    const other = await makeTopic(log)
    await appendAll(log, topic, numbers(7))
    const reader = log.reader()
    const asked = [...[0, 1, 2].map((partition) => ({ topic, partition })), { topic: other, partition: 0 }]
    expect(await reader.range(asked)).toEqual(asked.map((at, n) => ({ ...at, start: 0n, end: n === 0 ? 7n : 0n })))
    await reader.close()
  })

  it('tells where a time begins: at the first record of that time or later, at the end when there is none', async () => {
    const { log } = subject()
    const topic = await makeTopic(log, 2)
    const reader = log.reader()
    const at = { topic, partition: 0 }
    const empty = { topic, partition: 1 }
    await appendAll(log, topic, numbers(5))
    // so that the next ones are of a later millisecond
    await new Promise((resolve) => setTimeout(resolve, 20))
    await appendAll(log, topic, numbers(5, 5))
    const { records: all } = records(await reader.read(at, 0n, 100_000))
    for (const { timestamp } of all) {
      const first = all.find((record) => record.timestamp >= timestamp)
      expect(await reader.offsetsAt([at, empty], timestamp)).toEqual([
        { ...at, offset: first?.offset },
        { ...empty, offset: 0n },
      ])
    }
    const between = all[4]!.timestamp + 1
    expect(await reader.offsetsAt([at], between)).toEqual([{ ...at, offset: 5n }])
    expect(await reader.offsetsAt([at], all[9]!.timestamp + 1)).toEqual([{ ...at, offset: 10n }])
    expect(await reader.offsetsAt([at], 0)).toEqual([{ ...at, offset: 0n }])
    expect(await reader.offsetsAt([at], -5)).toEqual([{ ...at, offset: 0n }])
    await expectFault(reader.offsetsAt([{ topic: uniqueTopic(), partition: 0 }], 0), 'TopicNotFound')
    await reader.close()
  })

  it('answers a hundred reads at once, each its own', async () => {
    const { log } = subject()
    const topic = await makeTopic(log)
    await appendAll(log, topic, numbers(100))
    const reader = log.reader()
    const all = await Promise.all(
      numbers(100).map(async (n) => records(await reader.read({ topic, partition: 0 }, BigInt(n), 10_000))),
    )
    expect(all.map((batch) => String(batch.records[0]?.value))).toEqual(numbers(100))
    await reader.close()
  })

  it('says that a topic or partition does not exist', async () => {
    const { log } = subject()
    const topic = await makeTopic(log)
    const reader = log.reader()
    const missing = { topic: uniqueTopic(), partition: 0 }
    await expectFault(reader.read(missing, 0n, 1_000), 'TopicNotFound')
    await expectFault(reader.range([missing]), 'TopicNotFound')
    await expectFault(reader.read({ topic, partition: 1 }, 0n, 1_000), 'TopicNotFound')
    await reader.close()
  })

  it('counts the records that expired below an offset, and says where to go on', async () => {
    const { log } = subject()
    const topic = await makeTopic(log, 1, expiring)
    const at = { topic, partition: 0 }
    await appendAll(log, topic, numbers(10))
    await subject().expire(at)
    const reader = log.reader()
    const [range] = await reader.range([at])
    expect(range!.start).toBeGreaterThan(2n)
    expect(await reader.read(at, 2n, 1_000)).toEqual({ kind: 'expired', next: range!.start, lost: range!.start - 2n })
    const batch = records(await reader.read(at, range!.start, 1_000))
    expect(batch).toMatchObject({ from: range!.start, logStart: range!.start })
    await reader.close()
  })

  it('goes back to the end from an offset above it', async () => {
    const { log } = subject()
    const topic = await makeTopic(log)
    await appendAll(log, topic, numbers(5))
    const reader = log.reader()
    expect(await reader.read({ topic, partition: 0 }, 17n, 1_000)).toEqual({ kind: 'truncated', next: 5n })
    await reader.close()
  })
}

function records(result: Batch | OffsetMoved): Batch {
  if ('kind' in result) throw new Error(`moved: ${result.kind}`)
  return result
}
