import { createTopicsV7, incrementalAlterConfigsV1, type initProducerIdV5 } from '@platformatic/kafka'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { Fault } from '../../src/core/fault.ts'
import type { Appended, Appender, AppenderOptions, Header } from '../../src/kafka/log.ts'
import { batchSize, contentSize, HeaderNameEncoder } from '../../src/kafka/platformatic/append/append-batch.ts'
import { produce, ProduceEncoder } from '../../src/kafka/platformatic/append/append-produce.ts'
import { createAppender, type KafkaAppender } from '../../src/kafka/platformatic/append/append.ts'
import type { BrokerConnection } from '../../src/kafka/platformatic/broker-connection.ts'
import { Cluster } from '../../src/kafka/platformatic/cluster.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { eventually } from '../support/eventually.ts'
import { startKafka, type RunningKafka } from '../support/kafka-process.ts'
import { CuttableCluster } from '../support/kafka-proxy.ts'
import { witness } from '../support/kafka-witness.ts'
import { kafkaBootstrap, uniqueTopic } from '../support/kafka.ts'
import { untilServed } from '../support/topics.ts'

const common = { clientId: 'append-suite', clock: systemClock, logger: createLogger('silent') }
const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

function open(options: AppenderOptions & { cluster?: Cluster } = {}): { cluster: Cluster; appender: KafkaAppender } {
  const cluster = options.cluster ?? new Cluster({ ...common, bootstrapServers: kafkaBootstrap() })
  const appender = createAppender(cluster, { ...common, ...options })
  closing.push(
    () => cluster.close(),
    () => appender.close(1_000),
  )
  return { cluster, appender }
}

async function makeTopic(
  cluster: Cluster,
  partitions = 1,
  config: Record<string, string> = {},
  name = uniqueTopic(),
  bootstrap = kafkaBootstrap(),
): Promise<string> {
  const configs = Object.entries(config).map(([key, value]) => ({ name: key, value }))
  await cluster.request('creating a topic', (connection) =>
    createTopicsV7.api.async(
      connection,
      [{ name, numPartitions: partitions, replicationFactor: 1, assignments: [], configs }],
      5_000,
      false,
    ),
  )
  await untilServed(bootstrap, [name])
  return name
}

const text = (topic: string, value: string, partition = 0) => ({
  topic,
  partition,
  key: null,
  value: Buffer.from(value),
  headers: [],
})

/** `perPartition` records for each of `partitions`, all handed over at once, a few hundred a turn. */
async function load(appender: Appender, topic: string, partitions: number, count: number): Promise<Appended[]> {
  const answers: Promise<Appended>[] = []
  for (let i = 0; i < count; i++) {
    for (let partition = 0; partition < partitions; partition++) {
      answers.push(appender.append(text(topic, String(i), partition)))
    }
    if (i % 40 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  return Promise.all(answers)
}

/** Exactly 0, 1, 2 … in each partition: nothing lost, nothing twice, nothing out of order. */
async function expectInOrder(bootstrap: string, topic: string, partitions: number, count: number): Promise<void> {
  const seen = await witness(bootstrap, topic)
  const wanted = Array.from({ length: count }, (_, i) => String(i))
  for (let partition = 0; partition < partitions; partition++) {
    expect(seen.get(partition)?.map(({ value }) => value)).toEqual(wanted)
  }
}

describe('appending to Kafka', () => {
  it('stores keys, values and headers as a foreign client reads them, and tells where', async () => {
    const { cluster, appender } = open()
    const topic = await makeTopic(cluster)
    const headers: Header[] = [
      ['ce_id', Buffer.from('1')],
      ['twice', Buffer.from('a')],
      ['twice', Buffer.from('b')],
      ['größe', Buffer.from('ü')],
      ['empty', Buffer.alloc(0)],
    ]
    const answers = await Promise.all([
      appender.append({ topic, key: Buffer.from('k'), value: Buffer.from('v'), headers }),
      appender.append({ topic, key: null, value: null, headers: [] }),
      appender.append({ topic, key: Buffer.alloc(0), value: Buffer.alloc(0), headers: [] }),
    ])
    expect(answers.map(({ offset }) => offset)).toEqual([0n, 1n, 2n])
    const [first, second, third] = (await witness(kafkaBootstrap(), topic)).get(0) ?? []
    expect(first).toMatchObject({ key: 'k', value: 'v' })
    expect(
      JSON.parse(JSON.stringify(first?.headers, (_, one) => (one?.data ? String(Buffer.from(one)) : one))),
    ).toEqual({
      ce_id: '1',
      twice: ['a', 'b'],
      größe: 'ü',
      empty: '',
    })
    expect(second).toMatchObject({ key: null, value: null })
    expect(third).toMatchObject({ key: '', value: '' })
  })

  it('keeps the order of each partition and gives each caller its own offset', async () => {
    const { cluster, appender } = open()
    const topic = await makeTopic(cluster, 3)
    const answers = await load(appender, topic, 3, 2_000)
    for (const [i, answer] of answers.entries()) {
      expect(answer).toEqual({ topic, partition: i % 3, offset: BigInt(Math.floor(i / 3)) })
    }
    await expectInOrder(kafkaBootstrap(), topic, 3, 2_000)
    expect(appender.pendingBytes).toBe(0)
  })

  it('stores nothing twice when answers get lost on their way', async () => {
    const cluster = new CuttableCluster({ ...common, bootstrapServers: kafkaBootstrap() })
    const { appender } = open({ cluster })
    const topic = await makeTopic(cluster, 2)
    let answers = 0
    cluster.fate = () => (++answers % 3 === 0 ? 'lose' : 'pass')
    for (let round = 0; round < 20; round++) {
      const sent = Array.from({ length: 50 }, (_, i) =>
        [0, 1].map((partition) => appender.append(text(topic, String(round * 50 + i), partition))),
      )
      await Promise.all(sent.flat())
    }
    expect(appender.counters.retries).toBeGreaterThan(5)
    await expectInOrder(kafkaBootstrap(), topic, 2, 1_000)
  })

  it('goes on in order under a new producer id when the leader has fenced the old one', async () => {
    const identities: { producerId: bigint; producerEpoch: number }[] = []
    class Listening extends Cluster {
      override async request<T>(context: string, ask: (connection: BrokerConnection) => Promise<T>): Promise<T> {
        const answer = await super.request(context, ask)
        if (context.includes('producer id')) {
          identities.push(answer as Awaited<ReturnType<typeof initProducerIdV5.api.async>>)
        }
        return answer
      }
    }
    const cluster = new Listening({ ...common, bootstrapServers: kafkaBootstrap() })
    const { appender } = open({ cluster })
    const topic = await makeTopic(cluster)
    await load(appender, topic, 1, 100)
    await fence(cluster, topic, identities[0]?.producerId ?? -1n)
    await load(appender, topic, 1, 100)
    const values = (await witness(kafkaBootstrap(), topic)).get(0)?.map(({ value }) => value)
    const hundred = Array.from({ length: 100 }, (_, i) => String(i))
    expect(values).toEqual([...hundred, 'fence', ...hundred])
    expect(appender.counters.identityResets).toBeGreaterThan(0)
    expect(identities).toHaveLength(2)
  })

  it.each([
    ['knows the limit of the topic', true],
    ['may not ask for it', false],
  ])('refuses only the record that is too large, wherever it stands in a batch, when it %s', async (_, mayAsk) => {
    class Discreet extends Cluster {
      override async request<T>(context: string, ask: (connection: BrokerConnection) => Promise<T>): Promise<T> {
        if (!mayAsk && context.includes('limits')) throw new Fault('NotAuthorized', context)
        return super.request(context, ask)
      }
    }
    const { cluster, appender } = open({
      cluster: new Discreet({ ...common, bootstrapServers: kafkaBootstrap() }),
    })
    const topic = await makeTopic(cluster, 1, { 'max.message.bytes': '5000' })
    const sizes = [100, 6_000, 200, 4_500, 4_500, 7_000, 300]
    const answers = await Promise.allSettled(
      sizes.map((size) => appender.append({ ...text(topic, 'x'.repeat(size)), headers: [] })),
    )
    expect(answers.map(({ status }) => status === 'fulfilled')).toEqual(sizes.map((size) => size < 5_000))
    for (const answer of answers) {
      if (answer.status === 'rejected') expect(answer.reason).toMatchObject({ code: 'RecordTooLarge' })
      if (answer.status === 'rejected' && mayAsk) expect(answer.reason.details).toEqual({ limit: 5_000 })
    }
    const values = (await witness(kafkaBootstrap(), topic)).get(0)?.map(({ value }) => value?.length)
    expect(values).toEqual([100, 200, 4_500, 4_500, 300])
    expect(appender.counters.splits > 0).toBe(!mayAsk)
  })

  it('notices at the first refusal that the limit of the topic was lowered', async () => {
    const { cluster, appender } = open()
    const topic = await makeTopic(cluster, 1, { 'max.message.bytes': '9000' })
    await appender.append(text(topic, 'x'.repeat(8_000)))
    await cluster.request('lowering the limit', (connection) =>
      incrementalAlterConfigsV1.api.async(
        connection,
        [
          {
            resourceType: 2,
            resourceName: topic,
            configs: [{ name: 'max.message.bytes', configOperation: 0, value: '5000' }],
          },
        ],
        false,
      ),
    )
    const refused = eventually('the broker refuses', async () => {
      const outcome = await appender.append(text(topic, 'x'.repeat(8_000))).catch((error: unknown) => error)
      return outcome instanceof Fault && outcome.details['limit'] === 5_000
    })
    await expect(refused).resolves.toBe(true)
  })

  it('takes a record up to the last byte of the limit', async () => {
    const { cluster, appender } = open()
    const topic = await makeTopic(cluster, 1, { 'max.message.bytes': '5000' })
    await appender.append(text(topic, 'the limit is known from now on'))
    // 61 bytes of batch and 9 of record besides the value: length 2, attributes, two deltas, no key, value length 2, no headers.
    await expect(appender.append(text(topic, 'x'.repeat(5_000 - 61 - 9)))).resolves.toMatchObject({ offset: 1n })
    await expect(appender.append(text(topic, 'x'.repeat(5_000 - 61 - 8)))).rejects.toMatchObject({
      code: 'RecordTooLarge',
    })
  })

  it('takes a single record above a mebibyte when the topic takes it', async () => {
    const { cluster, appender } = open()
    const topic = await makeTopic(cluster, 1, { 'max.message.bytes': '6000000' })
    const large = (bytes: number) =>
      appender.append({ topic, partition: 0, key: null, value: Buffer.alloc(bytes, 'x'), headers: [] })
    const answers = await Promise.all([large(5_000_000), large(100), large(2_000_000)])
    expect(answers.map(({ offset }) => offset)).toEqual([0n, 1n, 2n])
  })

  it('answers TopicNotFound soon, and finds the topic once it is made', async () => {
    const { cluster, appender } = open()
    const topic = await makeTopic(cluster)
    const start = performance.now()
    const records = [text('no-such-topic', 'x'), text('not a valid name', 'x'), text(topic, 'x', 9)]
    for (const answer of await Promise.allSettled(records.map((record) => appender.append(record)))) {
      expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'TopicNotFound' } })
    }
    expect(performance.now() - start).toBeLessThan(20_000)
    // the record waits for a second; a slow broker may take longer to make a topic
    await eventually('a topic is made while a record waits for it', async () => {
      const later = uniqueTopic()
      const early = appender.append(text(later, 'x')).catch(() => null)
      await makeTopic(cluster, 1, {}, later)
      return (await early)?.offset === 0n
    })
    await expect(appender.append(text(topic, 'x'))).resolves.toMatchObject({ offset: 0n })
  })

  it('bounds what is pending, and answers at the deadline when Kafka does not', async () => {
    const cluster = new CuttableCluster({ ...common, bootstrapServers: kafkaBootstrap() })
    const { appender } = open({ cluster, deadlineMs: 2_000, maxPendingBytes: 10_000 })
    const topic = await makeTopic(cluster)
    await eventually('it is connected', () => appender.append(text(topic, 'before')))
    cluster.fate = () => 'hold'
    const kilobyte = { ...text(topic, 'x'), value: Buffer.alloc(1_000) }
    const held = Array.from({ length: 12 }, () => appender.append(kilobyte))
    const codes = (await Promise.allSettled(held)).map((one) =>
      one.status === 'rejected' ? one.reason.code : 'stored',
    )
    expect(codes.slice(0, 9)).toEqual(Array.from({ length: 9 }, () => 'LogTimeout'))
    expect(codes.slice(9)).toEqual(Array.from({ length: 3 }, () => 'LogOverloaded'))
    expect(appender.pendingBytes).toBe(0)
  })

  it('answers LogTimeout when there is no Kafka, and Closed after it was closed', async () => {
    const nowhere = new Cluster({ ...common, bootstrapServers: '127.0.0.1:1' })
    const { appender } = open({ cluster: nowhere, deadlineMs: 300 })
    await expect(appender.append(text('any', 'x'))).rejects.toMatchObject({ code: 'LogTimeout' })
    const late = appender.append(text('any', 'x'))
    const closed = appender.close(50)
    await expect(late).rejects.toMatchObject({ code: 'Closed' })
    await closed
    await expect(appender.append(text('any', 'x'))).rejects.toMatchObject({ code: 'Closed' })
  })

  it('stores what comes to a topic that was out of use for long', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    let later = 0
    const clock = { now: Date.now, monotonic: () => performance.now() + later }
    const cluster = new Cluster({ ...common, clock, bootstrapServers: kafkaBootstrap() })
    const appender = createAppender(cluster, { ...common, clock })
    const topic = await makeTopic(cluster)
    for (const value of ['one', 'two', 'three']) await appender.append(text(topic, value))
    later = 660_000
    vi.advanceTimersByTime(30_000)
    vi.useRealTimers()
    const offsets = []
    for (const value of ['four', 'five', 'six']) offsets.push((await appender.append(text(topic, value))).offset)
    await appender.close(1_000)
    await cluster.close()
    expect(offsets).toEqual([3n, 4n, 5n])
    const values = (await witness(kafkaBootstrap(), topic)).get(0)?.map(({ value }) => value)
    expect(values).toEqual(['one', 'two', 'three', 'four', 'five', 'six'])
  })

  it('closes only after what was pending is stored', async () => {
    const { cluster, appender } = open()
    const topic = await makeTopic(cluster)
    const answers = Array.from({ length: 500 }, (_, i) => appender.append(text(topic, String(i))))
    await appender.close(10_000)
    await expect(Promise.all(answers)).resolves.toHaveLength(500)
  })

  it('spreads records without key over the partitions, batch by batch, and keeps those of one key together', async () => {
    const { cluster, appender } = open()
    const topic = await makeTopic(cluster, 4)
    const used = new Set<number>()
    const ofKey = new Set<number>()
    for (let turn = 0; turn < 40; turn++) {
      const record = { topic, key: null, value: null, headers: [] }
      const batch = await Promise.all([1, 2, 3].map(() => appender.append(record)))
      expect(new Set(batch.map(({ partition }) => partition)).size).toBe(1)
      used.add(batch[0]?.partition ?? -1)
      ofKey.add((await appender.append({ ...record, key: Buffer.from('21') })).partition)
    }
    expect(used.size).toBe(4)
    expect([...ofKey]).toEqual([(-973932308 & 0x7fffffff) % 4]) // UtilsTest.testMurmur2 of the Java client
  })

  describe('whose broker is killed, and comes back', () => {
    let kafka: RunningKafka
    beforeAll(async () => {
      kafka = await startKafka()
    })
    afterAll(() => kafka.close())

    it('keeps order and stores nothing twice over a power cut of the broker', { timeout: 120_000 }, async () => {
      const cluster = new Cluster({ ...common, bootstrapServers: kafka.bootstrap })
      const { appender } = open({ cluster, deadlineMs: 90_000 })
      const topic = await makeTopic(cluster, 4, {}, uniqueTopic(), kafka.bootstrap)
      const answers: Promise<Appended | Fault>[] = []
      let count = 0
      const more = () => {
        for (let i = 0; i < 5; i++, count++) {
          for (let partition = 0; partition < 4; partition++) {
            answers.push(appender.append(text(topic, String(count), partition)).catch((fault: Fault) => fault))
          }
        }
      }
      more()
      await Promise.all(answers)
      const pace = setInterval(more, 5)
      await eventually('events flow', () => count >= 200, { withinMs: 60_000 })
      await kafka.stopBroker(1, 'kill')
      await kafka.startBrokers()
      more()
      clearInterval(pace)
      const outcomes = await Promise.all(answers)
      expect(appender.counters.retries).toBeGreaterThan(0)
      expect(outcomes.at(-1)).toMatchObject({ topic })
      // What nobody could be given for seconds is refused, and then is surely not in the log.
      const refused = outcomes.filter((one) => one instanceof Fault)
      expect(refused.map(({ details }) => details)).toEqual(refused.map(() => ({ sent: 0 })))
      const stored = outcomes.flatMap((one, i) => (one instanceof Fault ? [] : [i]))
      const seen = await witness(kafka.bootstrap, topic)
      for (let partition = 0; partition < 4; partition++) {
        const wanted = stored.filter((i) => i % 4 === partition).map((i) => String(Math.floor(i / 4)))
        expect(seen.get(partition)?.map(({ value }) => value)).toEqual(wanted)
      }
      await appender.close(1_000)
      await cluster.close()
    })

    it(
      'refuses within seconds what it cannot send while no broker answers, and goes on when one does',
      { timeout: 120_000 },
      async () => {
        const cluster = new Cluster({ ...common, bootstrapServers: kafka.bootstrap })
        const { appender } = open({ cluster, deadlineMs: 60_000 })
        const topic = await makeTopic(cluster, 1, {}, uniqueTopic(), kafka.bootstrap)
        await appender.append(text(topic, 'before'))
        await kafka.stopBroker(1, 'kill')
        const outcome = async (name: string) => {
          const start = performance.now()
          const fault = await appender.append(text(name, 'refused')).catch((error: unknown) => error)
          return { fault, ms: performance.now() - start }
        }
        const nobody = { code: 'LogUnavailable', details: { sent: 0 } }
        // Maybe written to a connection whose end was not noticed yet: then nobody knows whether it is stored, and it waits on.
        const first = appender.append(text(topic, 'first')).then(
          () => true,
          () => false,
        )
        await eventually('it is noticed', () => cluster.silence !== null)
        for (const { fault, ms } of await Promise.all([outcome(topic), outcome('of-this-one-nothing-is-known')])) {
          expect(fault).toMatchObject(nobody)
          expect(ms).toBeLessThan(30_000)
        }
        const again = await outcome(topic)
        expect(again.fault).toMatchObject(nobody)
        expect(again.ms).toBeLessThan(20_000)
        await kafka.startBrokers()
        await expect(appender.append(text(topic, 'after'))).resolves.toMatchObject({ topic })
        const values = (await witness(kafka.bootstrap, topic)).get(0)?.map(({ value }) => value)
        expect(values).toEqual(['before', ...((await first) ? ['first'] : []), 'after'])
        await appender.close(1_000)
        await cluster.close()
      },
    )
  })
})

/** Writes one record under the same producer id with a higher epoch: from now on the leader refuses the older one. */
async function fence(cluster: Cluster, topic: string, id: bigint): Promise<void> {
  const names = new HeaderNameEncoder()
  const record = text(topic, 'fence')
  const entries = [{ record, size: contentSize(record, names), timestamp: Date.now() }]
  expect(batchSize(entries)).toBeGreaterThan(0)
  const leader = (await cluster.topic(topic))?.partitions[0]?.nodeId ?? -1
  const connection = await cluster.connect(leader)
  const batch = { topic: { name: topic, encodedName: Buffer.from(topic) }, index: 0, entries, sequence: 0 }
  const request = new ProduceEncoder(names).encode([{ ...batch, identity: { id, epoch: 1 } }], 1_000)
  const result = await new Promise((resolve, reject) =>
    produce(connection, request, (error, results) => (error === null ? resolve(results) : reject(error))),
  )
  expect(result).toMatchObject([{ errorCode: 0 }])
  await connection.close()
}
