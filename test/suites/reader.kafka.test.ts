import { Producer } from '@platformatic/kafka'
import { CompressionTypes } from 'kafkajs'
import { describe, expect, it } from 'vitest'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { drain, foreigner, Listener, newTopic, openReader, texts } from '../support/kafka-reader.ts'
import { kafkaBootstrap } from '../support/kafka.ts'

describe('transactions', () => {
  it('gives what was committed, in order, and moves past what was rolled back', async () => {
    const foreign = await foreigner()
    const topic = await newTopic(foreign)
    const [a, b, plain] = [
      await foreign.producer(`a-${topic}`),
      await foreign.producer(`b-${topic}`),
      await foreign.producer(),
    ]
    const send = (to: Pick<typeof plain, 'send'>, ...values: string[]) =>
      to.send({ topic, acks: -1, messages: values.map((value) => ({ value, partition: 0 })) })
    for (let round = 0; round < 3; round++) {
      const [kept, dropped] = [await a.transaction(), await b.transaction()]
      await send(kept, `kept-${round}-0`)
      await send(dropped, `void-${round}-0`)
      await send(plain, `plain-${round}`)
      await send(kept, `kept-${round}-1`)
      await send(dropped, `void-${round}-1`)
      await kept.commit()
      await dropped.abort()
    }
    const last = await b.transaction()
    await send(last, 'void-last')
    await last.abort()

    const expected = [0, 1, 2].flatMap((round) => [`kept-${round}-0`, `plain-${round}`, `kept-${round}-1`])
    const reader = openReader()
    const at = { topic, partition: 0 }
    const read = await eventually('the last marker is readable', async () => {
      const all = await drain(reader, at)
      const [range] = await reader.range([at])
      return all.next === range?.end && all.records.length === expected.length ? all : null
    })
    expect(texts(read.records)).toEqual(expected)
    const listener = new Listener()
    reader.tail(listener).add(at, 0n)
    await eventually('the tail is at the end', () => listener.next() === read.next)
    expect(listener.values()).toEqual(expected)
    expect(listener.batches.at(-1)?.end).toBe(read.next)
    // In the middle of a rolled back run, too: the asked offset is void, what follows is not.
    for (let from = 0n; from <= read.next; from++) {
      const rest = texts((await drain(reader, at, from)).records)
      expect(rest).toEqual(expected.slice(expected.length - rest.length))
      expect(rest.length).toBe(read.records.filter(({ offset }) => offset >= from).length)
    }
  })

  it('ends before an open transaction, and goes on when it is committed', async () => {
    const foreign = await foreigner()
    const topic = await newTopic(foreign)
    const at = { topic, partition: 0 }
    const [transactional, plain] = [await foreign.producer(`t-${topic}`), await foreign.producer()]
    await plain.send({ topic, messages: [{ value: 'before' }] })
    const open = await transactional.transaction()
    await open.send({ topic, messages: [{ value: 'inside' }] })
    await plain.send({ topic, messages: [{ value: 'after' }] })
    const reader = openReader()
    const listener = new Listener()
    reader.tail(listener).add(at, 0n)
    await eventually('the first record came', () => listener.values().length > 0)
    expect(await reader.range([at])).toEqual([{ ...at, start: 0n, end: 1n }])
    const beyond = await reader.read(at, 2n, 1_000)
    expect(beyond).toMatchObject({ records: [], next: 2n, end: 1n })
    expect(listener.values()).toEqual(['before'])
    await open.commit()
    await eventually('the rest came', () => listener.values().length === 3)
    expect(listener.values()).toEqual(['before', 'inside', 'after'])
  })
})

describe('what foreign producers write', () => {
  it('is read whatever it is compressed with', async () => {
    const foreign = await foreigner()
    const topic = await newTopic(foreign)
    const producer = await foreign.producer()
    const body = 'x'.repeat(5_000)
    await producer.send({
      topic,
      compression: CompressionTypes.GZIP,
      messages: [{ key: 'k', value: `gzip ${body}`, headers: { a: ['1', '2'], b: 'ü' } }],
    })
    for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
      const other = new Producer({ clientId: 'other', bootstrapBrokers: [kafkaBootstrap()], compression })
      await other.send({ acks: -1, messages: [{ topic, value: Buffer.from(`${compression} ${body}`) }] })
      await other.close()
    }
    const { records } = await drain(openReader(), { topic, partition: 0 })
    expect(texts(records)).toEqual(['gzip', 'none', 'gzip', 'snappy', 'lz4', 'zstd'].map((name) => `${name} ${body}`))
    expect(records[0]?.headers).toEqual([
      ['a', Buffer.from('1')],
      ['a', Buffer.from('2')],
      ['b', Buffer.from('ü')],
    ])
  })

  it('comes whole when a batch is larger than a poll, beside partitions with small ones', async () => {
    const foreign = await foreigner()
    const topic = await newTopic(foreign, 3)
    const producer = await foreign.producer()
    const large = 'y'.repeat(700_000)
    for (const partition of [0, 1, 2, 0, 1, 2]) await producer.send({ topic, messages: [{ value: large, partition }] })
    const listener = new Listener()
    const tail = openReader(undefined, { maxBytes: 10_000, partitionMaxBytes: 1_000 }).tail(listener)
    for (const partition of [0, 1, 2]) tail.add({ topic, partition }, 0n)
    await eventually('all came', () => listener.batches.flatMap(({ records }) => records).length === 6)
    for (const partition of [0, 1, 2]) expect(listener.values(partition)).toEqual([large, large])
  })
})

describe('offsets that are not in the log', () => {
  it('expired: the lost ones are counted, also by a tail that was paused meanwhile', async () => {
    const foreign = await foreigner()
    const topic = await newTopic(foreign)
    const at = { topic, partition: 0 }
    const producer = await foreign.producer()
    const send = (value: string) => producer.send({ topic, messages: [{ value }] })
    for (let i = 0; i < 10; i++) await send(`v${i}`)
    const reader = openReader(undefined, { partitionMaxBytes: 1 })
    const listener = new Listener()
    listener.ready = () => false
    const tail = reader.tail(listener)
    tail.add(at, 0n)
    await eventually('it is paused at 1', () => listener.next() === 1n)
    await foreign.admin.fetchTopicMetadata({ topics: [topic] })
    await foreign.admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '6' }] })
    listener.ready = () => true
    tail.resume(at)
    await eventually('it goes on', () => listener.next() === 10n)
    expect(listener.moves).toEqual([{ ...at, moved: { kind: 'expired', next: 6n, lost: 5n } }])
    expect(listener.values()).toEqual(['v0', 'v6', 'v7', 'v8', 'v9'])
    expect(listener.batches.at(-1)?.logStart).toBe(6n)
    expect(listener.states).toEqual([])
    expect(await reader.read(at, 2n, 1_000)).toEqual({ kind: 'expired', next: 6n, lost: 4n })
    expect(await reader.range([at, at])).toEqual([1, 2].map(() => ({ ...at, start: 6n, end: 10n })))
  })
})

describe('a topic that is deleted and made again', () => {
  it('is told, and read from its new start; a topic beside it goes on all the time', async () => {
    const foreign = await foreigner()
    const [topic, other] = [await newTopic(foreign), await newTopic(foreign)]
    const [producer, besideProducer] = [await foreign.producer(), await foreign.producer()]
    await producer.send({ topic, messages: ['old-0', 'old-1', 'old-2'].map((value) => ({ value })) })
    const reader = openReader()
    const [listener, beside] = [new Listener(), new Listener()]
    reader.tail(listener).add({ topic, partition: 0 }, 0n)
    reader.tail(beside).add({ topic: other, partition: 0 }, 0n)
    await eventually('the old ones came', () => listener.values().length === 3)
    expect(texts((await drain(reader, { topic, partition: 0 })).records)).toHaveLength(3)

    await foreign.admin.deleteTopics({ topics: [topic] })
    await eventually('told that it is gone', () => listener.codes().includes('TopicNotFound'))
    await besideProducer.send({ topic: other, messages: [{ value: 'meanwhile' }] })
    await eventually('the other goes on', () => beside.values().includes('meanwhile'))
    await expect(reader.read({ topic, partition: 0 }, 0n, 1_000)).rejects.toMatchObject({ code: 'TopicNotFound' })

    await eventuallyPasses('the name is free again', async () => {
      await foreign.admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 1 }] })
    })
    await (await foreign.producer()).send({ topic, messages: [{ value: 'new-0' }] })
    await eventually('the new one came', () => listener.values().includes('new-0'))
    expect(listener.moves).toEqual([{ topic, partition: 0, moved: { kind: 'recreated', next: 0n } }])
    expect(listener.values()).toEqual(['old-0', 'old-1', 'old-2', 'new-0'])
    expect(listener.codes()).toEqual(['TopicNotFound', null])
    expect(beside.states).toEqual([])
    expect(await reader.read({ topic, partition: 0 }, 3n, 1_000)).toEqual({ kind: 'recreated', next: 0n })
    expect(texts((await drain(reader, { topic, partition: 0 })).records)).toEqual(['new-0'])
  })
})
