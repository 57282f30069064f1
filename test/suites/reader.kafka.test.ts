import { setTimeout as sleep } from 'node:timers/promises'
import { Producer, type Connection } from '@platformatic/kafka'
import { CompressionTypes } from 'kafkajs'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { Fault } from '../../src/core/fault.ts'
import type { Batch, LogReader, LogRecord, OffsetMoved, TailHandler, TopicPartition } from '../../src/kafka/log.ts'
import { Cluster } from '../../src/kafka/platformatic/cluster.ts'
import { createReader, type ReaderOptions } from '../../src/kafka/platformatic/reader.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { foreignClient, type Foreign } from '../support/foreign.ts'
import { CuttableCluster } from '../support/kafka-proxy.ts'
import { kafkaBootstrap, uniqueTopic } from '../support/kafka.ts'

const common = { clientId: 'reader-suite', clock: systemClock, logger: createLogger('silent') }
const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** What a tail told, by partition. */
class Listener implements TailHandler {
  readonly batches: Batch[] = []
  readonly moves: (TopicPartition & { moved: OffsetMoved })[] = []
  readonly states: (TopicPartition & { fault: Error | null })[] = []
  /** What the next batches are answered with. */
  ready: (batch: Batch) => boolean = () => true

  batch(batch: Batch): boolean {
    this.batches.push(batch)
    return this.ready(batch)
  }
  moved(at: TopicPartition, moved: OffsetMoved): void {
    this.moves.push({ ...at, moved })
  }
  state(at: TopicPartition, fault: Error | null): void {
    this.states.push({ ...at, fault })
  }
  values(partition = 0): (string | undefined)[] {
    return texts(this.batches.filter((batch) => batch.partition === partition).flatMap((batch) => batch.records))
  }
  codes(partition = 0): (string | null)[] {
    return this.states.filter((state) => state.partition === partition).map(({ fault }) => codeOf(fault))
  }
  next(partition = 0): bigint | undefined {
    return this.batches.findLast((batch) => batch.partition === partition)?.next
  }
}

/** Counts what goes over the wire. */
class MeteredCluster extends Cluster {
  readonly #connections: Connection[] = []
  override async connect(nodeId: number, options?: { requestTimeoutMs?: number }): Promise<Connection> {
    const connection = await super.connect(nodeId, options)
    this.#connections.push(connection)
    return connection
  }
  bytes(): number {
    return this.#connections.reduce((sum, { socket }) => sum + socket.bytesRead + socket.bytesWritten, 0)
  }
}

const codeOf = (fault: Error | null): string | null => (fault instanceof Fault ? fault.code : null)
const texts = (records: readonly LogRecord[]) => records.map(({ value }) => value?.toString())

async function foreigner(): Promise<Foreign> {
  const foreign = await foreignClient(kafkaBootstrap())
  closing.push(async () => foreign[Symbol.asyncDispose]())
  return foreign
}

function openReader(cluster?: Cluster, options: Partial<ReaderOptions> = {}): LogReader {
  const used = cluster ?? new Cluster({ ...common, bootstrapServers: kafkaBootstrap() })
  const reader = createReader(used, { ...common, ...options })
  closing.push(
    () => used.close(),
    () => reader.close(),
  )
  return reader
}

async function newTopic({ admin }: Foreign, partitions = 1, config: Record<string, string> = {}): Promise<string> {
  const topic = uniqueTopic()
  const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }))
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: partitions, configEntries }] })
  return topic
}

/** Everything from `from` to the end, by single reads. */
async function drain(
  reader: LogReader,
  at: TopicPartition,
  from = 0n,
): Promise<{ records: LogRecord[]; next: bigint }> {
  const records: LogRecord[] = []
  for (let next = from; ;) {
    const batch = await reader.read(at, next, 100_000)
    if (!('records' in batch)) throw new Error(`moved: ${batch.kind}`)
    records.push(...batch.records)
    if (batch.next === next) return { records, next }
    next = batch.next
  }
}

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
      const made = await foreign.admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 1 }] })
      expect(made).toBe(true)
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

describe('trouble', () => {
  it('of one partition does not touch the others, and ends when it is mended', async () => {
    const foreign = await foreigner()
    const topic = await newTopic(foreign)
    const producer = await foreign.producer()
    const listener = new Listener()
    const tail = openReader().tail(listener)
    tail.add({ topic, partition: 1 }, 0n)
    tail.add({ topic, partition: 0 }, 0n)
    await eventually('told of the missing one', () => listener.codes(1).includes('TopicNotFound'))
    await producer.send({ topic, messages: [{ value: 'here' }] })
    await eventually('the other reads', () => listener.values(0).includes('here'))
    await foreign.admin.createPartitions({ topicPartitions: [{ topic, count: 2 }] })
    await eventually('told that it reads', () => listener.codes(1).at(-1) === null)
    await foreign.admin.fetchTopicMetadata({ topics: [topic] })
    await eventuallyPasses('it can be written', async () => {
      await (await foreign.producer()).send({ topic, messages: [{ value: 'there', partition: 1 }] })
    })
    await eventually('it reads', () => listener.values(1).includes('there'))
    expect(listener.codes(0)).toEqual([])
  })

  it('with the connection is mended unseen: nothing is lost, nothing comes twice', async () => {
    const foreign = await foreigner()
    const topic = await newTopic(foreign, 2)
    const producer = await foreign.producer()
    const cluster = new CuttableCluster({ ...common, bootstrapServers: kafkaBootstrap() })
    const listener = new Listener()
    const tail = openReader(cluster).tail(listener)
    for (const partition of [0, 1]) tail.add({ topic, partition }, 0n)
    let answers = 0
    cluster.fate = () => (answers++ % 5 === 4 ? 'lose' : 'pass')
    const sent = Array.from({ length: 60 }, (_, i) => `v${i}`)
    for (const value of sent) {
      await producer.send({ topic, messages: [0, 1].map((partition) => ({ value, partition })) })
    }
    await eventually('all came', () => listener.values(0).length >= 60 && listener.values(1).length >= 60)
    expect(answers).toBeGreaterThan(5)
    for (const partition of [0, 1]) expect(listener.values(partition)).toEqual(sent)
  })

  it('a broker that hangs is noticed, told of, and read again when it wakes', async () => {
    const foreign = await foreigner()
    const topic = await newTopic(foreign)
    const producer = await foreign.producer()
    const cluster = new CuttableCluster({ ...common, bootstrapServers: kafkaBootstrap() })
    const listener = new Listener()
    const reader = openReader(cluster, { requestTimeoutMs: 900 })
    reader.tail(listener).add({ topic, partition: 0 }, 0n)
    await producer.send({ topic, messages: [{ value: 'one' }] })
    await eventually('it reads', () => listener.values().length === 1)
    cluster.fate = () => 'hold'
    await producer.send({ topic, messages: [{ value: 'two' }] })
    await eventually('told', () => listener.codes().includes('LogUnavailable'))
    cluster.fate = () => 'pass'
    await eventually('it reads again', () => listener.values().length === 2)
    await eventually('told that it reads', () => listener.codes().at(-1) === null)
    expect(listener.values()).toEqual(['one', 'two'])
  })

  it('in the handler brings the same batch again', async () => {
    const foreign = await foreigner()
    const topic = await newTopic(foreign)
    await (await foreign.producer()).send({ topic, messages: [{ value: 'once more' }] })
    const listener = new Listener()
    listener.ready = () => {
      if (listener.batches.length === 1) throw new Error('a mistake of the caller')
      return true
    }
    openReader().tail(listener).add({ topic, partition: 0 }, 0n)
    await eventually('it came twice', () => listener.batches.length === 2)
    expect(listener.batches[1]?.from).toBe(0n)
  })
})

describe('cost and pace', () => {
  it('idle partitions cost next to nothing', async () => {
    const foreign = await foreigner()
    const topic = await newTopic(foreign, 500)
    const listener = new Listener()
    const cluster = new MeteredCluster({ ...common, bootstrapServers: kafkaBootstrap() })
    const tail = openReader(cluster).tail(listener)
    for (let partition = 0; partition < 500; partition++) tail.add({ topic, partition }, 0n)
    const producer = await foreign.producer()
    await producer.send({
      topic,
      messages: [0, 250, 499].map((partition) => ({ value: `to ${partition}`, partition })),
    })
    await eventually('it reads', () => [0, 250, 499].every((partition) => listener.values(partition).length > 0))
    await sleep(2_500) // the restless time after the last add
    const before = cluster.bytes()
    await sleep(2_000)
    // About five polls of some 60 bytes and as many answers. Asking for all 500 each time would be 25 KB a poll.
    expect(cluster.bytes() - before).toBeLessThan(5_000)
    expect(cluster.bytes()).toBeGreaterThan(before)
  }, 60_000)

  it('a paused partition costs the others no time, and its resumption does not wait for a long poll', async () => {
    const foreign = await foreigner()
    const topic = await newTopic(foreign, 2)
    const producer = await foreign.producer()
    await producer.send({ topic, messages: [{ value: 'first', partition: 0 }] })
    const listener = new Listener()
    const tail = openReader(undefined, { maxWaitMs: 4_000 }).tail(listener)
    listener.ready = (batch) => batch.partition === 1
    for (const partition of [0, 1]) tail.add({ topic, partition }, 0n)
    await eventually('it is paused', () => listener.values(0).length === 1)
    await producer.send({
      topic,
      messages: [
        { value: 'second', partition: 0 },
        { value: 'quick', partition: 1 },
      ],
    })
    await eventually('the other goes on', () => listener.values(1).length === 1)
    expect(listener.values(0)).toEqual(['first'])
    const start = performance.now()
    tail.resume({ topic, partition: 0 })
    await eventually('it goes on', () => listener.values(0).length === 2)
    expect(performance.now() - start).toBeLessThan(1_000)
  })

  it('closes at once, in the middle of a long poll', async () => {
    const foreign = await foreigner()
    const topic = await newTopic(foreign)
    const reader = openReader(undefined, { maxWaitMs: 4_000 })
    const tail = reader.tail(new Listener())
    tail.add({ topic, partition: 0 }, 0n)
    await reader.range([{ topic, partition: 0 }])
    const start = performance.now()
    await reader.close()
    expect(performance.now() - start).toBeLessThan(500)
    expect(() => tail.add({ topic, partition: 0 }, 0n)).toThrow(expect.objectContaining({ code: 'Closed' }))
    await expect(reader.read({ topic, partition: 0 }, 0n, 1)).rejects.toMatchObject({ code: 'Closed' })
  })
})
