import type { ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import { systemClock as clock } from '../../src/core/clock.ts'
import { toRecord } from '../../src/data-plane/wire/record.ts'
import { openKafkaLog } from '../../src/kafka/kafka-log.ts'
import type { Outlet } from '../../src/contract/outlet.ts'
import type {
  Batch,
  LogReader,
  LogRecord,
  OffsetMoved,
  Positions,
  Tail,
  TailHandler,
  TopicPartition,
} from '../../src/kafka/log.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { foreignClient } from '../support/foreign.ts'
import { kafkaBootstrap, uniqueName } from '../support/kafka.ts'
import { answer, embeddedRig, Hand, Rig, startSubscriber, withTopic, type Got, type Runner } from './dispatcher-rig.ts'

const patience = { withinMs: 40_000 }
const take = answer(200)

async function kafkaRig(partitions = 1): Promise<Rig> {
  const logger = createLogger('silent')
  const log = openKafkaLog({ bootstrapServers: kafkaBootstrap(), clientId: 'test', clock, logger })
  return withTopic(new Rig(log, uniqueName('moved'), partitions, async () => {}))
}

/** A dispatcher whose partitions are in the hands of the test. */
function runByHand(rig: Rig, ...[outlets, options, more]: RunArguments): { runner: Runner; hand: Hand } {
  let hand: Hand | undefined
  const membership = (handler: ConstructorParameters<typeof Hand>[0]): Hand => (hand = new Hand(handler, rig))
  const runner = rig.run(outlets, { retryMs: 50, topicsIntervalMs: 600_000, ...options }, 'hand', {
    membership,
    ...more,
  })
  if (hand === undefined) throw new Error('no membership was asked for')
  return { runner, hand }
}
type RunArguments = [Parameters<Rig['run']>[0], Parameters<Rig['run']>[1]?, Parameters<Rig['run']>[3]?]

async function makeAnew(rig: Rig): Promise<void> {
  await rig.admin.deleteTopic(rig.topic)
  await withTopic(rig)
}

const sorted = (got: readonly Got[], path: string, from = 0): number[] =>
  got
    .filter((one) => one.path === path && Number(one.id) >= from)
    .map(({ id }) => Number(id))
    .toSorted((a, b) => a - b)

describe.each([
  ['the embedded log', embeddedRig],
  ['a real Kafka', kafkaRig],
])('a topic that is deleted and made again on %s', (_, makeRig) => {
  test.each(['while it is read', 'while nobody reads it'])(
    '%s: all of the new one is delivered, also at offsets that were finished in the old one',
    async (when) => {
      const held: ServerResponse[] = []
      await using subscriber = await startSubscriber((got, response) => {
        if (got.id === '0') held.push(response)
        else take(got, response)
      })
      await using rig = await makeRig(1)
      // one that seemed new would start at the end, and lose what is there
      const outlet = rig.outlet(subscriber.url, { start: 'latest' })
      const { runner, hand } = runByHand(rig, [outlet])
      await rig.consuming(runner)
      await rig.send(10)
      await eventually('all but the first are done', () => subscriber.got.length === 10, patience)
      if (when === 'while nobody reads it') await hand.take(0)
      await makeAnew(rig)
      await rig.send(5, { from: 100 })
      if (when === 'while nobody reads it') hand.give(0)
      await eventuallyPasses('the new one is done', async () => expect(await rig.committed(outlet)).toBe(5), patience)
      expect(sorted(subscriber.got, '/a', 100)).toEqual([100, 101, 102, 103, 104])
    },
  )

  test.each([
    ['shorter', 5],
    ['longer', 60],
  ])('%s than the old one, and all Outlets are behind: each gets all of the new one', async (__, fresh) => {
    let slow = true
    await using subscriber = await startSubscriber((got, response) => {
      if (!slow) take(got, response)
    })
    await using rig = await makeRig(2)
    const delivery = { retry: 0, backoffPolicy: 'linear', backoffDelayMs: 5, timeoutMs: 6000 } as const
    const outlets = ['a', 'b', 'c'].map((uid) => rig.outlet(subscriber.url, { uid, delivery }))
    const { runner } = runByHand(rig, outlets, { window: 2, ringBytes: 1, catchUpBytes: 1 })
    for (const { uid } of outlets) await rig.consuming(runner, uid)
    // in many batches, so that the tail waits for them
    for (let from = 0; from < 50; from += 5) {
      for (const partition of [0, 1]) await rig.send(5, { from: partition * 50 + from, partition })
    }
    await eventually('all are behind', () => subscriber.open === 12, patience)
    await makeAnew(rig)
    // they go on when their subscriber has hung for too long: the tail is told late, their own reads first
    slow = false
    for (const partition of [0, 1]) await rig.send(fresh, { from: 1000 + partition * fresh, partition })
    for (const outlet of outlets) {
      for (const partition of [0, 1]) {
        const all = async () => expect(await rig.committed(outlet, partition)).toBe(fresh)
        await eventuallyPasses('the new one is done', all, patience)
      }
      expect([...new Set(sorted(subscriber.got, `/${outlet.uid}`, 1000))]).toEqual(
        Array.from({ length: 2 * fresh }, (___, i) => 1000 + i),
      )
    }
  })

  test('the tail waits for an Outlet that hangs, and the others read by themselves: they get all of the new one all the same', async () => {
    let slow = true
    const held: [Got, ServerResponse][] = []
    await using subscriber = await startSubscriber((got, response) => {
      if (got.path === '/a' ? got.offset < 20 : !slow) take(got, response)
      else held.push([got, response])
    })
    await using rig = await makeRig(1)
    const delivery = { retry: 0, backoffPolicy: 'linear', backoffDelayMs: 5, timeoutMs: 600_000 } as const
    const outlets = ['a', 'b', 'c'].map((uid) => rig.outlet(subscriber.url, { uid, delivery }))
    const { runner } = runByHand(rig, outlets, { window: 2, ringBytes: 1, catchUpBytes: 1 })
    for (const { uid } of outlets) await rig.consuming(runner, uid)
    for (let from = 0; from < 50; from += 5) await rig.send(5, { from })
    await eventually('all hang', () => held.length === 6, patience)
    await makeAnew(rig)
    slow = false
    await rig.send(5, { from: 1000 })
    for (const [got, response] of held) if (got.path !== '/a') take(got, response)
    for (const outlet of outlets.slice(1)) {
      const all = () => expect(new Set(sorted(subscriber.got, `/${outlet.uid}`, 1000)).size).toBe(5)
      await eventuallyPasses('all of the new one came', all)
      await eventuallyPasses('it is done', async () => expect(await rig.committed(outlet)).toBe(5))
    }
  })
})

test('real Kafka: events that retention removed below a cursor are counted and said; the rest is delivered', async () => {
  let held: ServerResponse | undefined
  await using subscriber = await startSubscriber((got, response) => {
    if (got.offset === 0 && held === undefined) held = response
    else take(got, response)
  })
  await using rig = await kafkaRig()
  await using foreign = await foreignClient(kafkaBootstrap())
  const outlet = rig.outlet(subscriber.url)
  const { runner } = runByHand(rig, [outlet], { window: 1, ringBytes: 1, catchUpBytes: 1 })
  await rig.consuming(runner)
  // one record a batch: a read for the cursor holds few
  for (let from = 0; from < 30; from++) await rig.send(1, { from })
  await eventually('the first is under way', () => held !== undefined, patience)
  await foreign.admin.fetchTopicOffsets(rig.topic)
  await foreign.admin.deleteTopicRecords({ topic: rig.topic, partitions: [{ partition: 0, offset: '25' }] })
  if (held !== undefined) take(subscriber.got[0]!, held)
  await eventuallyPasses('the end is committed', async () => expect(await rig.committed(outlet)).toBe(30), patience)
  const [seen] = runner.dispatcher.snapshot().outlets
  expect(seen?.lost).toBeGreaterThan(10)
  expect(subscriber.got.length + (seen?.lost ?? 0)).toBe(30)
  expect(sorted(subscriber.got, '/a').slice(-5)).toEqual([25, 26, 27, 28, 29])
  expect(runner.reports.at(-1)?.fault?.reason).toBe('EventsExpired')
  expect(runner.reports.at(-1)?.fault?.message).toContain(`${seen?.lost} events`)
})

describe('a log that is cut below the position (an unclean failover)', () => {
  test('at the head: what was cut is forgotten, what comes in its place is delivered, what is below stays as it is', async () => {
    const held = new Map<number, ServerResponse>()
    await using subscriber = await startSubscriber((got, response) => {
      if (['3', '7', '8'].includes(got.id)) held.set(got.offset, response)
      else take(got, response)
    })
    await using rig = await embeddedRig()
    const reader = new HandReader(rig)
    const outlet = rig.outlet(subscriber.url)
    const { runner } = runByHand(rig, [outlet], {}, { reader })
    await rig.consuming(runner)
    reader.append(10)
    await eventuallyPasses('seven are done', async () =>
      expect([subscriber.got.length, await rig.committed(outlet)]).toEqual([10, 3]),
    )
    reader.cut(5)
    await eventually('what was cut is let go', () => subscriber.open === 1)
    reader.append(3, 105)
    await eventually('what came in its place came', () => subscriber.got.length === 13)
    expect(subscriber.got.slice(10).map(({ id, offset }) => [id, offset])).toEqual([
      ['105', 5],
      ['106', 6],
      ['107', 7],
    ])
    take(subscriber.got[3]!, held.get(3)!)
    await eventuallyPasses('all is done', async () => expect(await rig.committed(outlet)).toBe(8))
    expect(subscriber.got.length).toBe(13)
  })

  test('behind the head, told by its own read: the same', async () => {
    let slow = true
    const held: ServerResponse[] = []
    await using subscriber = await startSubscriber((got, response) => {
      if (slow) held.push(response)
      else take(got, response)
    })
    await using rig = await embeddedRig()
    const reader = new HandReader(rig)
    const outlet = rig.outlet(subscriber.url)
    const { runner } = runByHand(rig, [outlet], { window: 3, ringBytes: 1, catchUpBytes: 1 })
    await runner.close()
    const again = runByHand(rig, [outlet], { window: 3, ringBytes: 1, catchUpBytes: 1 }, { reader })
    await rig.consuming(again.runner)
    reader.append(10)
    await eventually('its window is full', () => held.length === 3)
    reader.cut(2)
    reader.append(2, 102)
    slow = false
    for (const [i, response] of held.entries()) take(subscriber.got[i]!, response)
    await eventuallyPasses('all is done', async () =>
      expect(await rig.committed(again.runner.routes.outlets.current.get('a')!)).toBe(4),
    )
    const ids = subscriber.got.map(({ id }) => id)
    expect(ids.slice(3)).toEqual(expect.arrayContaining(['102', '103']))
  })

  test('a read that was under way meanwhile brings nothing of what was cut', async () => {
    let held: ServerResponse | undefined
    await using subscriber = await startSubscriber((got, response) => {
      if (got.path === '/slow' && got.offset === 0) held = response
      else take(got, response)
    })
    await using rig = await embeddedRig()
    const reader = new HandReader(rig)
    const slow = rig.outlet(subscriber.url, { uid: 'slow', order: 'ordered' })
    const outlets = [slow, rig.outlet(subscriber.url, { uid: 'quick' })]
    const { runner } = runByHand(rig, outlets, { ringBytes: 1, catchUpBytes: 1 }, { reader })
    for (const { uid } of outlets) await rig.consuming(runner, uid)
    reader.append(5)
    await eventually('the slow one has fallen behind', () => held && sorted(subscriber.got, '/quick').length === 5)
    const before = reader.reads
    const late = Promise.withResolvers<void>()
    reader.late = late.promise
    take(subscriber.got[0]!, held!)
    await eventually('it reads', () => reader.reads > before)
    reader.cut(1)
    reader.append(4, 101)
    await eventually('the quick one has what is new', () => sorted(subscriber.got, '/quick', 104).length === 1)
    late.resolve()
    await eventuallyPasses('all is done', async () => expect(await rig.committed(slow)).toBe(5))
    expect(sorted(subscriber.got, '/slow')).toEqual([0, 101, 102, 103, 104])
  })

  test('while an Outlet was away, and another one reads on already: it begins where the log ends, not where it ended', async () => {
    await using subscriber = await startSubscriber()
    await using rig = await embeddedRig()
    const reader = new HandReader(rig)
    const [first, late] = [rig.outlet(subscriber.url, { uid: 'first' }), rig.outlet(subscriber.url, { uid: 'late' })]
    await rig.positions.commit(late.group, [
      { topic: rig.topic, partition: 0, offset: 80n, leaderEpoch: -1, metadata: '' },
    ])
    const { runner } = runByHand(rig, [first], {}, { reader })
    await rig.consuming(runner, 'first')
    reader.append(60)
    await eventually('the first is through', () => sorted(subscriber.got, '/first').length === 60)
    runner.routes.outlets.set(late)
    await rig.consuming(runner, 'late')
    await eventuallyPasses('it knows', async () => expect(await rig.committed(late)).toBe(60))
    reader.append(10, 1060)
    await eventuallyPasses('all is done', async () => expect(await rig.committed(late)).toBe(70))
    expect(sorted(subscriber.got, '/late')).toEqual(Array.from({ length: 10 }, (_, i) => 1060 + i))
  })

  test.each(['cut', 'made anew'])('that is %s while an Outlet is about to begin is told to it too', async (how) => {
    await using subscriber = await startSubscriber()
    await using rig = await embeddedRig()
    const reader = new HandReader(rig)
    const [first, late, stuck] = ['first', 'late', 'stuck'].map((uid) => rig.outlet(subscriber.url, { uid })) as [
      Outlet,
      Outlet,
      Outlet,
    ]
    for (const { group } of [late, stuck]) {
      const position = { topic: rig.topic, partition: 0, offset: 8n, leaderEpoch: -1, metadata: '' }
      await rig.positions.commit(group, [position])
    }
    // as long as another one is starting, who is ready waits a moment for it
    const inner = rig.log.positions()
    const positions: Positions = {
      fetch: (asked) => inner.fetch(asked),
      all: (group) => inner.all(group),
      close: () => inner.close(),
      commit: async (group, list, signal) => {
        if (group !== stuck.group) return inner.commit(group, list, signal)
        await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('given up'))))
      },
    }
    const { runner } = runByHand(rig, [first], {}, { reader, positions })
    await rig.consuming(runner, 'first')
    reader.append(10)
    await eventually('the first is through', () => sorted(subscriber.got, '/first').length === 10)
    runner.routes.outlets.set(stuck)
    runner.routes.outlets.set(late)
    await eventually(
      'it is about to begin',
      () => runner.reports.some(({ uid, state }) => uid === 'late' && state === 'consuming'),
      {
        everyMs: 1,
      },
    )
    if (how === 'cut') reader.cut(5)
    else reader.makeAnew()
    reader.append(12, 100)
    const from = how === 'cut' ? 5 : 0
    await eventuallyPasses('all is done', async () => expect(await rig.committed(late)).toBe(from + 12))
    expect(sorted(subscriber.got, '/late')).toEqual(Array.from({ length: 12 }, (_, i) => 100 + i))
  })
})

/** A reader of partition 0 that the test drives: it may cut its log. */
class HandReader implements LogReader {
  /** What the tail has not told yet: one that is paused notices nothing. */
  #cut: number | undefined
  #anew = false
  reads = 0
  /** Answers of reads are as the log was, but come only then. */
  late: Promise<void> | undefined
  #log: LogRecord[] = []
  #handler: TailHandler | undefined
  #tail: { at: TopicPartition; next: number; paused: boolean } | undefined
  readonly #rig: Rig

  constructor(rig: Rig) {
    this.#rig = rig
  }

  append(count: number, from = 0): void {
    for (let i = 0; i < count; i++) {
      const attributes = new Map([
        ['specversion', '1.0'],
        ['id', String(from + i)],
        ['source', '/test'],
        ['type', 'made'],
      ])
      const { key, value, headers } = toRecord({ attributes, data: Buffer.from('x') }, this.#rig.topic)
      this.#log.push({ offset: BigInt(this.#log.length), timestamp: 0, key, value, headers })
    }
    this.#push()
  }

  makeAnew(): void {
    this.#anew = true
    this.cut(0)
  }

  cut(next: number): void {
    this.#log = this.#log.slice(0, next)
    this.#cut = next
    this.#push()
  }

  tail(handler: TailHandler): Tail {
    this.#handler = handler
    return {
      add: (at, from) => {
        this.#tail = { at, next: Number(from), paused: false }
        this.#push()
      },
      remove: () => (this.#tail = undefined),
      resume: () => {
        if (this.#tail !== undefined) this.#tail.paused = false
        this.#push()
      },
      close: async () => {},
    }
  }

  async read(at: TopicPartition, from: bigint): Promise<Batch | OffsetMoved> {
    const end = BigInt(this.#log.length)
    const answer: Batch | OffsetMoved = from > end ? { kind: 'truncated', next: end } : this.#batch(at, Number(from), 1)
    this.reads++
    await this.late
    return answer
  }

  async offsetsAt(all: readonly TopicPartition[]): Promise<readonly (TopicPartition & { offset: bigint })[]> {
    return all.map((at) => ({ ...at, offset: 0n }))
  }

  async epochEnds(): Promise<readonly []> {
    return []
  }

  async range(all: readonly TopicPartition[]): Promise<readonly (TopicPartition & { start: bigint; end: bigint })[]> {
    return all.map((at) => ({ ...at, start: 0n, end: BigInt(this.#log.length) }))
  }

  async close(): Promise<void> {}

  #push(): void {
    setImmediate(() => {
      const tail = this.#tail
      if (tail === undefined || tail.paused) return
      if (this.#cut !== undefined) {
        tail.next = this.#cut
        this.#cut = undefined
        this.#handler?.moved(tail.at, { kind: this.#anew ? 'recreated' : 'truncated', next: BigInt(tail.next) })
        this.#anew = false
      }
      if (tail.next >= this.#log.length) return
      const batch = this.#batch(tail.at, tail.next, 1000)
      tail.next = Number(batch.next)
      tail.paused = this.#handler?.batch(batch) !== true
    })
  }

  #batch(at: TopicPartition, from: number, count: number): Batch {
    const records = this.#log.slice(from, from + count)
    const next = BigInt(from + records.length)
    const end = BigInt(this.#log.length)
    return { ...at, records, from: BigInt(from), next, end, logStart: 0n, leaderEpoch: 1, bytes: records.length * 100 }
  }
}
