import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { beforeAll, expect, test } from 'vitest'
import type { Outlet } from '../../src/contract/outlet.ts'
import { systemClock as clock } from '../../src/core/clock.ts'
import { Fault } from '../../src/core/fault.ts'
import { openKafkaLog } from '../../src/kafka/kafka-log.ts'
import type { LogAdmin } from '../../src/kafka/log.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { foreignClient, joinGroup, type Foreign } from '../support/foreign.ts'
import { kafkaBootstrap, uniqueGroup, uniqueName, uniqueTopic } from '../support/kafka.ts'
import { outletOn, RoutesFile, startDispatcher } from '../support/millrace.ts'
import { createTopic, lags } from '../support/topics.ts'
import { answer, Rig, startSubscriber, withTopic, type Runner } from './dispatcher-rig.ts'

/** What a KafkaSource does, on a real Kafka whose records another client wrote. */

/**
 * On a machine with nothing else to do all of it takes a minute. In order, each delivery waits for the one before: with 10 under way every one is a
 * switch from process to process and back, so where others want the processors too it takes a multiple of that.
 */
const patience = { withinMs: 400_000 }
const long = { timeout: 500_000 }
const partitions = 10

/** The value of a record: any bytes, others for each place. */
function valueOf(partition: number, offset: number): Buffer {
  const bytes = Buffer.allocUnsafe(64)
  for (let at = 0; at < bytes.length; at++) bytes[at] = (partition * 31 + offset * 17 + at * (offset % 251)) & 0xff
  bytes.writeUInt32BE(offset, 0)
  return bytes
}

/** Writes `count` records evenly into the partitions, so that each has its number as its offset. */
async function fill(foreign: Foreign, topic: string, count: number): Promise<void> {
  const producer = await foreign.producer()
  const each = count / partitions
  for (let from = 0; from < each; from += 1000) {
    const messages = Array.from({ length: Math.min(1000, each - from) * partitions }, (_, i) => {
      const [partition, offset] = [i % partitions, from + Math.floor(i / partitions)]
      return {
        partition,
        key: `k${offset % 7}`,
        value: valueOf(partition, offset),
        headers: { 'X-No': String(offset) },
      }
    })
    await producer.send({ topic, messages })
  }
}

/** A sink that checks what comes against what was written. */
class Sink implements AsyncDisposable {
  /** By partition: offsets in order of their first delivery. */
  readonly first: number[][] = Array.from({ length: partitions }, () => [])
  readonly #seen = Array.from({ length: partitions }, () => new Set<number>())
  readonly #times: number[] = []
  duplicates = 0
  count = 0
  startedAt = 0
  endedAt = 0
  readonly wrong: string[] = []
  readonly #server: Server
  private constructor(server: Server) {
    this.#server = server
  }

  /** @param tookMs how long it thinks about each. */
  static async start(tookMs = 0): Promise<Sink> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const [, partition, offset] = /^partition:(\d+)\/offset:(\d+)$/.exec(String(request.headers['ce-id'])) ?? []
        sink.#take(
          Number(partition),
          Number(offset),
          Buffer.concat(chunks),
          String(request.headers['ce-kafkaheaderxno']),
        )
        if (tookMs === 0) response.writeHead(204).end()
        else setTimeout(() => response.writeHead(204).end(), tookMs)
      })
    })
    server.keepAliveTimeout = 60_000
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const sink = new Sink(server)
    return sink
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Deliveries of the last seconds. */
  recent(seconds: number): number {
    const since = performance.now() - seconds * 1000
    return this.#times.filter((at) => at >= since).length
  }

  get perSecond(): number {
    return (this.count + this.duplicates) / ((this.endedAt - this.startedAt) / 1000)
  }

  #take(partition: number, offset: number, body: Buffer, header: string): void {
    this.startedAt ||= performance.now()
    this.endedAt = performance.now()
    this.#times.push(this.endedAt)
    if (!valueOf(partition, offset).equals(body) || header !== String(offset)) this.wrong.push(`${partition}/${offset}`)
    if (this.#seen[partition]?.has(offset) === true) this.duplicates++
    else {
      this.#seen[partition]?.add(offset)
      this.first[partition]?.push(offset)
      this.count++
    }
  }

  /** Each record once or more, its first delivery in the order of its partition, its bytes as they were written. */
  expectAll(count: number): void {
    expect(this.wrong).toEqual([])
    expect(this.count).toBe(count)
    for (const offsets of this.first) expect(offsets.every((offset, at) => offset === at)).toBe(true)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

function source(topic: string, url: string, more: Partial<Outlet> = {}): Outlet {
  const conversion = {
    type: 'dev.knative.kafka.event',
    source: `/here#${topic}`,
    keyType: 'string',
    tombstones: 'deliver',
  } as const
  const { parking: _, ...outlet } = outletOn(topic, url, { order: 'ordered', conversion, ...more })
  return outlet
}

const done = (outlet: Outlet): Promise<void> =>
  eventuallyPasses(
    'all of it is done',
    async () =>
      expect(await lags(kafkaBootstrap(), outlet.group, outlet.topic)).toEqual(
        Array.from({ length: partitions }, () => 0),
      ),
    { ...patience, everyMs: 300 },
  )

let compacted: ReturnType<typeof toBeCompacted>
beforeAll(() => {
  compacted = toBeCompacted()
})

/** How many the first test writes; fewer, where there is no time: MILLRACE_TEST_EVENTS=10000. */
const records = Number(process.env['MILLRACE_TEST_EVENTS'] ?? 100_000)

test(
  `${records.toLocaleString('en')} records of another client in 10 partitions arrive in the order of each partition, each once, with their bytes`,
  long,
  async () => {
    const count = records
    const kafka = kafkaBootstrap()
    const topic = await createTopic(kafka, { name: uniqueTopic(), partitions })
    await using foreign = await foreignClient(kafka)
    await using sink = await Sink.start()
    const outlet = source(topic, sink.url)
    await fill(foreign, topic, count)
    await using _dispatcher = startDispatcher(new RoutesFile({ outlets: [outlet] }), kafka, 'only', uniqueGroup())
    await eventuallyPasses('all came', () => expect(sink.count).toBe(count), { ...patience, everyMs: 200 })
    await done(outlet)
    sink.expectAll(count)
    expect(sink.duplicates).toBe(0)
    console.log(`drained at ${Math.round(sink.perSecond)} records/s`)
  },
)

test(
  '1 to 3 to 1 dispatchers, and one that is killed, in the middle: nothing lost, first deliveries in order, few come again',
  long,
  async () => {
    const count = 10_000
    const kafka = kafkaBootstrap()
    const topic = await createTopic(kafka, { name: uniqueTopic(), partitions })
    await using foreign = await foreignClient(kafka)
    // so that they come for a dozen seconds: long enough for dispatchers to come and go meanwhile
    await using sink = await Sink.start(10)
    const outlet = source(topic, sink.url)
    const [routes, fleet] = [new RoutesFile({ outlets: [outlet] }), uniqueGroup()]
    const start = (name: string) => startDispatcher(routes, kafka, name, fleet)
    const filled = fill(foreign, topic, count)
    const reached = (share: number) => eventually(`${share} came`, () => sink.count >= count * share, patience)

    const killed = start('one')
    await reached(0.4)
    killed.signal('SIGKILL')
    // one of each partition was under way; a commit is due a quarter of a second after a delivery, and takes a moment, on a busy machine longer
    const bound = partitions + sink.recent(2)
    expect(bound).toBeLessThan(sink.count)
    await killed.exited
    await using one = start('one')
    await reached(0.55)
    const afterKill = sink.duplicates
    expect(afterKill).toBeLessThanOrEqual(bound)
    const [two, three] = [start('two'), start('three')]
    await reached(0.75)
    await Promise.all([two.stop(), three.stop()])
    await filled
    await eventuallyPasses('all came', () => expect(sink.count).toBe(count), { ...patience, everyMs: 200 })
    await done(outlet)
    sink.expectAll(count)
    console.log(
      `${afterKill} came again after kill -9 (at most ${bound}), ${sink.duplicates - afterKill} in the handovers`,
    )
    // a dispatcher that leaves in order hands over what is finished
    expect(sink.duplicates - afterKill).toBeLessThanOrEqual(partitions)
    await one.stop()
  },
)

async function kafkaRig(count = 1): Promise<Rig> {
  const log = openKafkaLog({
    bootstrapServers: kafkaBootstrap(),
    clientId: 'test',
    clock,
    logger: createLogger('silent'),
  })
  return withTopic(new Rig(log, uniqueName('f'), count, async () => {}))
}

const state = (runner: Runner, uid: string) =>
  runner.dispatcher.snapshot().outlets.find((one) => one.uid === uid) ?? expect.fail('no such Outlet')
const lag = (runner: Runner, uid: string): number =>
  state(runner, uid).partitions.reduce((sum, { end, position }) => sum + end - position, 0)
const lastFault = (runner: Runner, uid: string) =>
  runner.reports.findLast((report) => report.uid === uid)?.fault ?? null

// what follows waits more than it works

test.concurrent(
  'a sink that is down: the lag grows and shows, nothing is lost, and it drains by itself',
  long,
  async () => {
    await using subscriber = await startSubscriber(answer(503))
    await using rig = await kafkaRig()
    await using foreign = await foreignClient(kafkaBootstrap())
    const delivery: Outlet['delivery'] = { retry: 1, backoffPolicy: 'linear', backoffDelayMs: 20, timeoutMs: 30_000 }
    const outlet = source(rig.topic, subscriber.url, { delivery })
    const runner = rig.run([outlet], { parkRetryMaxMs: 500 })
    const producer = await foreign.producer()
    // more than the dispatcher keeps in memory of a partition, so that its reader stops
    const values = Array.from({ length: 5_000 }, (_, i) => ({ partition: 0, value: Buffer.alloc(1024, i) }))
    const sent = values.length + 501
    await producer.send({ topic: rig.topic, messages: values.slice(0, 1) })
    await eventually('it is said', () => lastFault(runner, outlet.uid)?.reason === 'DeliveryFailed', patience)
    expect(state(runner, outlet.uid).lastError?.message).toContain('503')
    for (let at = 0; at < values.length; at += 1000) {
      await producer.send({ topic: rig.topic, messages: values.slice(at, at + 1000) })
    }
    await eventually('the lag shows', () => lag(runner, outlet.uid) === sent - 500, patience)
    await producer.send({ topic: rig.topic, messages: values.slice(0, 500) })
    await eventually('the lag grows', () => lag(runner, outlet.uid) === sent, patience)
    const tried = subscriber.got.length
    subscriber.behave = answer(200)
    await eventually('it drains', () => lag(runner, outlet.uid) === 0, patience)
    await eventually('that is well again', () => lastFault(runner, outlet.uid) === null)
    const delivered = subscriber.got.slice(tried).map(({ offset }) => offset)
    // what was on its way when the sink came back may have been answered before
    expect(delivered.slice(-sent)).toEqual(Array.from({ length: sent }, (_, offset) => offset))
  },
)

test.concurrent(
  'of transactions only what is committed is delivered, and a topic that ends in one that was aborted has no lag',
  long,
  async () => {
    await using subscriber = await startSubscriber()
    await using rig = await kafkaRig()
    await using foreign = await foreignClient(kafkaBootstrap())
    const producer = await foreign.producer(uniqueName('transactional'))
    for (let round = 0; round < 20; round++) {
      const transaction = await producer.transaction()
      const kept = round % 2 === 0
      const messages = Array.from({ length: 100 }, (_, i) => ({
        partition: 0,
        value: `${kept ? 'kept' : 'gone'} ${round} ${i}`,
      }))
      await transaction.send({ topic: rig.topic, messages })
      await (kept ? transaction.commit() : transaction.abort())
    }
    const outlet = source(rig.topic, subscriber.url)
    const runner = rig.run([outlet], { idleCommitMs: 300 })
    const [offsets] = await foreign.admin.fetchTopicOffsets(rig.topic)
    const end = Number(offsets?.high)
    expect(end).toBe(2 * 1000 + 20)
    await eventuallyPasses('the end is committed', async () => expect(await rig.committed(outlet)).toBe(end), patience)
    expect(lag(runner, outlet.uid)).toBe(0)
    const expected = Array.from({ length: 10 }, (_, n) =>
      Array.from({ length: 100 }, (__, i) => `kept ${2 * n} ${i}`),
    ).flat()
    expect(subscriber.got.map(({ body }) => body.toString())).toEqual(expected)
  },
)

test.concurrent(
  'records that retention took before they were delivered are counted and said, and the rest is delivered',
  long,
  async () => {
    await using subscriber = await startSubscriber()
    await using rig = await kafkaRig()
    await using foreign = await foreignClient(kafkaBootstrap())
    const outlet = source(rig.topic, subscriber.url)
    const paused = rig.run([{ ...outlet, paused: true }], {}, 'same')
    await rig.consuming(paused, outlet.uid)
    const producer = await foreign.producer()
    const messages = Array.from({ length: 80 }, (_, i) => ({ partition: 0, value: String(i) }))
    await producer.send({ topic: rig.topic, messages })
    await eventually('the lag shows', () => lag(paused, outlet.uid) === 80, { withinMs: 60_000 })
    await paused.close()
    // kafkajs deletes only where it has looked before
    await foreign.admin.fetchTopicOffsets(rig.topic)
    await foreign.admin.deleteTopicRecords({ topic: rig.topic, partitions: [{ partition: 0, offset: '50' }] })
    const runner = rig.run([outlet], {}, 'same')
    await eventuallyPasses('the rest is done', async () => expect(await rig.committed(outlet)).toBe(80), {
      withinMs: 60_000,
    })
    expect(subscriber.got.map(({ offset }) => offset)).toEqual(Array.from({ length: 30 }, (_, i) => 50 + i))
    expect(lastFault(runner, outlet.uid)).toMatchObject({
      reason: 'EventsExpired',
      message: expect.stringContaining('50 events') as string,
    })
    expect(state(runner, outlet.uid).lost).toBe(50)
  },
)

test.concurrent('a topic that was compacted: what is left arrives, and no lag stays', long, async () => {
  const [topic, keys] = await compacted
  await using subscriber = await startSubscriber()
  await using rig = await kafkaRig()
  const outlet = source(topic, subscriber.url, {
    conversion: { type: 't', source: '/s', keyType: 'string', tombstones: 'skip' },
  })
  const left = await eventually(
    'it is compacted',
    async () => {
      const records = await rig.records(topic)
      // of each key the last one: there is nothing more that a further pass could take
      const kept = records.filter(({ value }) => value !== null)
      return kept.length === keys && kept
    },
    patience,
  )
  const runner = rig.run([outlet], { idleCommitMs: 300 })
  const end = keys * 50 + 1
  await eventuallyPasses('the end is committed', async () => expect(await rig.committed(outlet)).toBe(end), patience)
  expect(lag(runner, outlet.uid)).toBe(0)
  expect(subscriber.got.map(({ offset }) => offset)).toEqual(left.map(({ offset }) => Number(offset)))
})

/** Written first and read last: Kafka compacts when it finds the time, some 15 s later. @returns the topic, and of how many keys it is. */
async function toBeCompacted(): Promise<readonly [string, number]> {
  const keys = 10
  const config = {
    'cleanup.policy': 'compact',
    'segment.ms': '100',
    'min.cleanable.dirty.ratio': '0.01',
    'min.compaction.lag.ms': '0',
  }
  const topic = await createTopic(kafkaBootstrap(), { name: uniqueTopic(), partitions: 1, config })
  await using foreign = await foreignClient(kafkaBootstrap())
  const producer = await foreign.producer()
  for (let round = 0; round < 50; round++) {
    const messages = Array.from({ length: keys }, (_, key) => ({
      partition: 0,
      key: String(key),
      value: `${round} ${key}`,
    }))
    await producer.send({ topic, messages })
  }
  // begins a new segment: the one that is written is not compacted; and a tombstone
  await new Promise((resolve) => setTimeout(resolve, 200))
  await producer.send({ topic, messages: [{ partition: 0, key: 'gone', value: null }] })
  return [topic, keys]
}

/** A group that a consumer of another program left behind, with positions on three topics: we read two of them. */
async function leftBehind(rig: Rig, foreign: Foreign): Promise<{ group: string; topics: readonly string[] }> {
  const group = uniqueGroup()
  const topics = ['a', 'b', 'c'].map((name) => `${rig.topic}-${name}`)
  for (const name of topics) await rig.admin.ensureTopic({ name, partitions: 2, replicationFactor: 1, config: {} })
  const consumer = await joinGroup(foreign.kafka, group, topics[0] ?? '')
  await consumer.disconnect()
  const at = topics.flatMap((topic) => [
    { topic, partition: 0, offset: 2n, leaderEpoch: -1, metadata: '' },
    { topic, partition: 1, offset: 3n, leaderEpoch: -1, metadata: '' },
  ])
  await eventuallyPasses('positions are set', () => rig.positions.commit(group, at), patience)
  for (const topic of topics) for (const partition of [0, 1]) await rig.send(5, { topic, partition })
  return { group, topics }
}

function readers(rig: Rig, group: string, topics: readonly string[], url: string): readonly [Outlet, Outlet] {
  const of = (uid: string, topic: string): Outlet => rig.outlet(url, { uid, topic, group, start: 'latest' })
  return [of('a', topics[0] ?? ''), of('b', topics[1] ?? '')]
}

async function offsetsOf(rig: Rig, group: string): Promise<Record<string, number>> {
  const all = await rig.positions.all(group)
  return Object.fromEntries(
    all.map(({ topic, partition, offset }) => [`${topic.slice(-1)}${partition}`, Number(offset)]),
  )
}

test.concurrent(
  'a group of another program is continued by two Outlets in two dispatchers, and keeps its positions on all topics',
  long,
  async () => {
    await using subscriber = await startSubscriber()
    await using rig = await kafkaRig()
    await using foreign = await foreignClient(kafkaBootstrap())
    const { group, topics } = await leftBehind(rig, foreign)
    const outlets = readers(rig, group, topics, subscriber.url)
    const runners = [rig.run(outlets), rig.run(outlets)]
    await eventuallyPasses(
      'all is done',
      async () => expect(await offsetsOf(rig, group)).toEqual({ a0: 5, a1: 5, b0: 5, b1: 5, c0: 2, c1: 3 }),
      patience,
    )
    expect(subscriber.got.map(({ path, partition, offset }) => `${path}${partition} ${offset}`).toSorted()).toEqual(
      ['/a', '/b'].flatMap((path) => [`${path}0 2`, `${path}0 3`, `${path}0 4`, `${path}1 3`, `${path}1 4`]),
    )
    expect((await rig.admin.describeGroup(group)).kind).toBe('simple')
    expect(rig.vault.saved.size).toBe(0)
    for (const runner of runners) for (const { uid } of outlets) expect(lastFault(runner, uid)).toBeNull()
  },
)

test.concurrent(
  'a group that may not be deleted is continued as it is, by all dispatchers, and it is said what that means',
  long,
  async () => {
    await using subscriber = await startSubscriber()
    await using rig = await kafkaRig()
    await using foreign = await foreignClient(kafkaBootstrap())
    const { group, topics } = await leftBehind(rig, foreign)
    const outlets = readers(rig, group, topics, subscriber.url)
    const admin: LogAdmin = new Proxy(rig.admin, {
      get: (inner, name) => {
        if (name === 'deleteGroup') return async () => Promise.reject(new Fault('NotAuthorized', 'you may not'))
        const member: unknown = Reflect.get(inner, name, inner)
        return typeof member === 'function' ? (member.bind(inner) as unknown) : member
      },
    })
    const runners = ['one', 'two'].map((name) => rig.run(outlets, {}, name, { admin }))
    await eventuallyPasses(
      'all is done',
      async () => expect(await offsetsOf(rig, group)).toEqual({ a0: 5, a1: 5, b0: 5, b1: 5, c0: 2, c1: 3 }),
      patience,
    )
    expect(subscriber.got.length).toBe(10)
    expect((await rig.admin.describeGroup(group)).kind).toBe('consumer')
    expect(rig.vault.saved.size).toBe(0)
    const faults = runners.flatMap((runner) => outlets.flatMap(({ uid }) => lastFault(runner, uid)?.reason ?? []))
    expect(new Set(faults)).toEqual(new Set(['PositionsExpire']))
  },
)
