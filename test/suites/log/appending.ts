import { Partitioners } from 'kafkajs'
import { expect, it } from 'vitest'
import type { Header, LogRecord, TopicPartition } from '../../../src/kafka/log.ts'
import { eventually } from '../../support/eventually.ts'
import { uniqueTopic } from '../../support/kafka.ts'
import { expectFault, faultOf, makeTopic, record, type LogUnderTest } from './subject.ts'

export function appending(subject: () => LogUnderTest): void {
  it('answers 1,000 appends at once with offsets in the order of the calls, partition by partition', async () => {
    const { log } = subject()
    const topic = await makeTopic(log, 3)
    const appender = log.appender()
    const calls = Array.from({ length: 1_000 }, (_, n) =>
      appender.append(record(topic, { partition: n % 3, value: Buffer.from(String(n)) })),
    )
    const answers = await Promise.all(calls)
    for (const partition of [0, 1, 2]) {
      const mine = answers.filter((answer) => answer.partition === partition)
      expect(mine.map(({ offset }) => offset)).toEqual(mine.map((_, n) => BigInt(n)))
      const stored = await readAll(subject(), { topic, partition })
      expect(stored.map(({ value }) => Number(value))).toEqual(stored.map((_, n) => n * 3 + partition))
    }
    await appender.close(5_000)
  })

  it('puts a record with a key where the Java client would', async () => {
    const { log } = subject()
    const topic = await makeTopic(log, 7)
    const appender = log.appender()
    const choose = Partitioners.DefaultPartitioner()
    const leader = { partitionErrorCode: 0, leader: 1, replicas: [1], isr: [1] }
    const partitionMetadata = Array.from({ length: 7 }, (_, partitionId) => ({ ...leader, partitionId }))
    const keys = ['', 'a', 'order-4711', 'ключ', 'x'.repeat(1_000), ...Array.from({ length: 50 }, (_, n) => `key-${n}`)]
    const answers = await Promise.all(keys.map((key) => appender.append(record(topic, { key: Buffer.from(key) }))))
    const theirs = keys.map((key) =>
      choose({ topic, partitionMetadata, message: { key: Buffer.from(key), value: '' } }),
    )
    expect(answers.map(({ partition }) => partition)).toEqual(theirs)
    await appender.close(5_000)
  })

  it('puts a record exactly where it is told, whatever its key', async () => {
    const { log } = subject()
    const topic = await makeTopic(log, 4)
    const appender = log.appender()
    const answers = await Promise.all(
      [3, 0, 2, 1].map((partition) => appender.append(record(topic, { partition, key: Buffer.from('same') }))),
    )
    expect(answers.map(({ partition }) => partition)).toEqual([3, 0, 2, 1])
    await appender.close(5_000)
  })

  it('spreads records without a key over the partitions in the course of time', async () => {
    const { log } = subject()
    const topic = await makeTopic(log, 3)
    const appender = log.appender()
    const used = new Set<number>()
    for (let n = 0; n < 300 && used.size < 3; n += 1) used.add((await appender.append(record(topic))).partition)
    expect(used).toEqual(new Set([0, 1, 2]))
    await appender.close(5_000)
  })

  const repeated: Header[] = [
    ['a', Buffer.from('1')],
    ['a', Buffer.from('2')],
    ['b', Buffer.alloc(0)],
    ['a', null],
    ['ce_größe', Buffer.from([0, 255, 10, 13])],
    ['', Buffer.from('no name')],
  ]
  it.each<[string, Partial<LogRecord>]>([
    ['headers that repeat, are empty or null', { headers: repeated }],
    ['a null key', { key: null }],
    ['an empty key', { key: Buffer.alloc(0) }],
    ['a null value', { value: null }],
    ['an empty value', { value: Buffer.alloc(0) }],
    ['a value of 900 KB', { value: Buffer.alloc(900_000, 'abc') }],
    ['a header of 100 KB', { headers: [['big', Buffer.alloc(100_000, 7)]] }],
    ['a key of any bytes', { key: Buffer.from(Array.from({ length: 256 }, (_, n) => n)) }],
  ])('keeps %s as it is', async (_, more) => {
    const { log } = subject()
    const topic = await makeTopic(log)
    const appender = log.appender()
    const before = Date.now()
    const sent = record(topic, more)
    await appender.append(sent)
    const [stored] = await readAll(subject(), { topic, partition: 0 })
    expect(stored?.key?.toString('hex')).toBe(sent.key?.toString('hex'))
    expect(stored?.value?.equals(sent.value ?? Buffer.from('null'))).toBe(sent.value === null ? undefined : true)
    expect(stored?.headers.map(([name, value]) => [name, value?.toString('hex')])).toEqual(
      sent.headers.map(([name, value]) => [name, value?.toString('hex')]),
    )
    expect(stored?.timestamp).toBeGreaterThanOrEqual(before - 5)
    expect(stored?.timestamp).toBeLessThanOrEqual(Date.now() + 5)
    await appender.close(5_000)
  })

  it('refuses a record that is too large, with the limit, and stores its neighbours of the same turn', async () => {
    const { log } = subject()
    const topic = await makeTopic(log)
    const appender = log.appender()
    const before = appender.append(record(topic, { value: Buffer.from('before') }))
    const large = faultOf(appender.append(record(topic, { value: Buffer.alloc(1_100_000) })))
    const after = appender.append(record(topic, { value: Buffer.from('after') }))
    expect([(await before).offset, (await after).offset]).toEqual([0n, 1n])
    expect((await large).code).toBe('RecordTooLarge')
    expect((await large).details['limit']).toBeGreaterThan(900_000)
    expect((await large).details['limit']).toBeLessThan(1_100_000)
    expect(await readAll(subject(), { topic, partition: 0 })).toHaveLength(2)
    await appender.close(5_000)
  })

  it('keeps to the max.message.bytes of the topic', async () => {
    const { log } = subject()
    const topic = await makeTopic(log, 1, { 'max.message.bytes': '10000' })
    const appender = log.appender()
    const fault = faultOf(appender.append(record(topic, { value: Buffer.alloc(20_000) })))
    const small = await Promise.all(
      Array.from({ length: 10 }, () => appender.append(record(topic, { value: Buffer.alloc(5_000) }))),
    )
    expect((await fault).code).toBe('RecordTooLarge')
    expect((await fault).details['limit']).toBeLessThanOrEqual(10_000)
    expect(small.map(({ offset }) => offset)).toEqual(small.map((_, n) => BigInt(n)))
    await appender.close(5_000)
  })

  it('says within seconds that a topic does not exist, while others are served at once', async () => {
    const { log } = subject()
    const topic = await makeTopic(log)
    const appender = log.appender()
    const started = performance.now()
    const missing = expectFault(appender.append(record(uniqueTopic())), 'TopicNotFound')
    await appender.append(record(topic))
    await missing
    expect(performance.now() - started).toBeLessThan(20_000)
    await appender.close(5_000)
  })

  it('says that a topic has no such partition', async () => {
    const { log } = subject()
    const topic = await makeTopic(log, 2)
    const appender = log.appender()
    await expectFault(appender.append(record(topic, { partition: 2 })), 'TopicNotFound')
    await appender.close(5_000)
  })

  it('serves a topic that was missing as soon as it is there', async () => {
    const { log } = subject()
    const name = uniqueTopic()
    const appender = log.appender()
    await expectFault(appender.append(record(name)), 'TopicNotFound')
    await log.admin().ensureTopic({ name, partitions: 1, replicationFactor: 1, config: {} })
    const stored = await eventually('the append is accepted', () => appender.append(record(name)).catch(() => false))
    expect(stored).toEqual({ topic: name, partition: 0, offset: 0n })
    await appender.close(5_000)
  })

  it('refuses at once what exceeds the bound on pending bytes, and serves again when they are stored', async () => {
    const { log } = subject()
    const topic = await makeTopic(log)
    const appender = log.appender({ maxPendingBytes: 10_000 })
    const value = Buffer.alloc(6_000)
    const first = appender.append(record(topic, { value }))
    expect(appender.pendingBytes).toBeGreaterThanOrEqual(6_000)
    await expectFault(appender.append(record(topic, { value })), 'LogOverloaded')
    expect((await first).offset).toBe(0n)
    expect(appender.pendingBytes).toBe(0)
    expect((await appender.append(record(topic, { value }))).offset).toBe(1n)
    await appender.close(5_000)
  })

  it('answers what is pending before it closes, and takes no more', async () => {
    const { log } = subject()
    const topic = await makeTopic(log, 2)
    const appender = log.appender()
    const calls = Array.from({ length: 100 }, (_, n) => appender.append(record(topic, { partition: n % 2 })))
    const closed = appender.close(10_000)
    await expectFault(appender.append(record(topic)), 'Closed')
    expect((await Promise.all(calls)).map(({ offset }) => offset)).toEqual(calls.map((_, n) => BigInt(n >> 1)))
    await closed
  })
}

/** All records of a partition, by reading from the log start to the end. */
export async function readAll({ log }: LogUnderTest, at: TopicPartition): Promise<LogRecord[]> {
  const reader = log.reader()
  const records: LogRecord[] = []
  let from = (await reader.range([at]))[0]!.start
  for (;;) {
    const batch = await reader.read(at, from, 1_000_000)
    if ('kind' in batch) throw new Error(`read moved: ${batch.kind}`)
    records.push(...batch.records)
    from = batch.next
    if (from === batch.end) break
  }
  await reader.close()
  return records
}
