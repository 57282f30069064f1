import type { ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import { Budget } from '../../src/data-plane/dispatcher/reading/budget.ts'
import type { LogReader } from '../../src/kafka/log.ts'
import { eventually } from '../support/eventually.ts'
import { answer, embeddedRig, startSubscriber, type Behaviour, type Rig, type Runner } from './dispatcher-rig.ts'

const PARTITIONS = 5
/** 4 to 1: what 5 partitions do here, more than 32 do with the default proportions. */
const options = { budgetBytes: 8 * 2 ** 20, ringBytes: 2 * 2 ** 20, window: 10 }
/** Thousands of events, one after the other: a busy machine takes its time. */
const patience = { withinMs: 80_000 }
const delivery = { retry: 0, backoffPolicy: 'linear' as const, backoffDelayMs: 5, timeoutMs: 600_000 }

/** Never answers, until it is let go. */
function hanging(): { behave: Behaviour; release(): void } {
  const held: ServerResponse[] = []
  let free = false
  return {
    behave: (got, response) => (free ? answer(200)(got, response) : void held.push(response)),
    release: () => {
      free = true
      for (const response of held) answer(200)(null as never, response)
    },
  }
}

/** On each partition `count` events of 4 KiB: with 200 it is more than rings may hold. */
async function flood(rig: Rig, count: number): Promise<void> {
  const data = Buffer.alloc(4096)
  for (let from = 0; from < count; from += 100)
    for (let partition = 0; partition < PARTITIONS; partition++) await rig.send(100, { from, partition, data })
}

const stands = (runner: Runner, uid: string, position: number): boolean => {
  const outlet = runner.dispatcher.snapshot().outlets.find((one) => one.uid === uid)
  return outlet?.partitions.length === PARTITIONS && outlet.partitions.every((one) => one.position === position)
}

test('an Outlet that hangs on many partitions takes no memory that an Outlet of another topic needs', async () => {
  const stuck = hanging()
  await using bad = await startSubscriber(stuck.behave)
  await using good = await startSubscriber()
  await using rig = await embeddedRig(PARTITIONS)
  await rig.admin.ensureTopic({ name: 'other', partitions: 1, replicationFactor: 1, config: {} })
  const a = rig.outlet(bad.url, { delivery })
  const runner = rig.run([a, rig.outlet(good.url, { uid: 'b', topic: 'other' })], options)
  await rig.consuming(runner)
  await rig.consuming(runner, 'b')
  await flood(rig, 300)
  for (let sent = 1; sent <= 5; sent++) {
    await rig.send(10, { topic: 'other' })
    await eventually('the other one has it', () => good.got.length === 10 * sent)
  }
  await eventually('all that it may have is under way', () => bad.got.length === 10 * PARTITIONS)
  // what was read ahead is given up for whoever needs room; what is in flight is not
  const { inFlight } = runner.dispatcher.load().budget
  expect(inFlight.held).toBeLessThan(inFlight.limit / 4)
  await eventually('there is room', () => runner.dispatcher.snapshot().memory < options.budgetBytes)
  stuck.release()
  await eventually('it goes on where it hung', () => stands(runner, 'a', 300), patience)
  expect(bad.got.length).toBe(300 * PARTITIONS)
})

test('beside a healthy Outlet of its topic one that hung catches up', async () => {
  const stuck = hanging()
  await using bad = await startSubscriber(stuck.behave)
  await using good = await startSubscriber()
  await using rig = await embeddedRig(PARTITIONS)
  const runner = rig.run([rig.outlet(bad.url, { delivery }), rig.outlet(good.url, { uid: 'b' })], options)
  await rig.consuming(runner)
  await rig.consuming(runner, 'b')
  await flood(rig, 300)
  await eventually('the healthy one has all', () => good.got.length === 300 * PARTITIONS, patience)
  stuck.release()
  await eventually('the other one too', () => stands(runner, 'a', 300), patience)
  expect(bad.got.length).toBe(300 * PARTITIONS)
})

test('one of very many dispatchers reads what is behind once, though less is its share than a read takes', async () => {
  const stuck = hanging()
  await using bad = await startSubscriber(stuck.behave)
  await using good = await startSubscriber()
  await using rig = await embeddedRig()
  const budget = new Budget(64 * 2 ** 20)
  for (let i = 0; i < 1000; i++) budget.join({ holdings: [], dropReads: () => undefined })
  const reader = rig.log.reader()
  let reads = 0
  const counting: LogReader = {
    tail: (handler) => reader.tail(handler),
    range: (list) => reader.range(list),
    offsetsAt: (list, timestampMs) => reader.offsetsAt(list, timestampMs),
    epochEnds: (asked) => reader.epochEnds(asked),
    read: (...asked) => (reads++, reader.read(...asked)),
    close: () => reader.close(),
  }
  const outlets = [rig.outlet(bad.url, { delivery }), rig.outlet(good.url, { uid: 'b' })]
  const runner = rig.run(outlets, { window: 5 }, 'd', { budget, reader: counting })
  await rig.consuming(runner)
  await rig.consuming(runner, 'b')
  for (let from = 0; from < 600; from += 100) await rig.send(100, { from, data: Buffer.alloc(5000) })
  await eventually('the healthy one has all', () => good.got.length === 600, patience)
  stuck.release()
  await eventually('the other one too', () => bad.got.length === 600, patience)
  // 3 MB, of which each brings 256 KiB; for each window there would be 120
  expect(reads).toBeLessThan(40)
})

test('an Outlet that hangs gives back all memory when it is deleted', async () => {
  await using bad = await startSubscriber(() => {})
  await using good = await startSubscriber()
  await using rig = await embeddedRig(PARTITIONS)
  const runner = rig.run([rig.outlet(bad.url, { delivery }), rig.outlet(good.url, { uid: 'b' })], options)
  await rig.consuming(runner)
  await rig.consuming(runner, 'b')
  await flood(rig, 300)
  await eventually('the healthy one has all', () => stands(runner, 'b', 300), patience)
  expect(runner.dispatcher.snapshot().memory).toBeGreaterThan(0)
  runner.routes.outlets.delete('a')
  await eventually('nothing is held', () => runner.dispatcher.snapshot().memory === 0)
})

test('two dispatchers of a process hold no more together than one may, neither takes what the other needs, and one that ends gives all back', async () => {
  // less than the rings of both would hold, each with a bound of its own
  const budget = new Budget(4 * 2 ** 20)
  await using bad = await startSubscriber(() => {})
  await using good = await startSubscriber()
  await using rigs = new AsyncDisposableStack()
  const units = await Promise.all(
    [1, 2].map(async () => {
      const rig = rigs.use(await embeddedRig(PARTITIONS))
      await rig.admin.ensureTopic({ name: 'other', partitions: 1, replicationFactor: 1, config: {} })
      const outlets = [rig.outlet(bad.url, { delivery }), rig.outlet(good.url, { uid: 'b', topic: 'other' })]
      const runner = rig.run(outlets, options, undefined, { budget })
      await rig.consuming(runner)
      await rig.consuming(runner, 'b')
      return { rig, runner }
    }),
  )
  // four times what the rings of one may hold
  const data = Buffer.alloc(4096)
  await Promise.all(
    units.flatMap(({ rig }) =>
      Array.from({ length: PARTITIONS }, (_, partition) => rig.send(400, { partition, data })),
    ),
  )
  for (let sent = 1; sent <= 3; sent++) {
    await Promise.all(units.map(({ rig }) => rig.send(10, { topic: 'other' })))
    await eventually('both others have it', () => good.got.length === 2 * 10 * sent, patience)
  }
  await eventually('both hang', () => bad.open >= 2 * PARTITIONS, patience)
  const dispatchers = units.map(({ runner }) => runner.dispatcher)
  const held = (): number =>
    [...new Set(dispatchers.map((dispatcher) => dispatcher.load().budget))].reduce((sum, { used }) => sum + used, 0)
  await eventually('they hold what one may', () => held() > 0 && held() < budget.limit)
  // what hangs is not waited for
  await units[0]?.runner.close(500)
  expect(held()).toBeLessThan(budget.limit)
  await units[1]?.runner.close(500)
  expect(held()).toBe(0)
})

test('a Broker all of whose subscribers hang under a burst that fills the budget delays no event of others, nor of its own Outlets that answer', async () => {
  const budget = new Budget(8 * 2 ** 20)
  const stuck = hanging()
  await using bad = await startSubscriber(stuck.behave)
  await using good = await startSubscriber()
  await using rig = await embeddedRig(PARTITIONS)
  await using foreign = await embeddedRig()
  await rig.admin.ensureTopic({ name: 'other', partitions: 1, replicationFactor: 1, config: {} })
  const hung = Array.from({ length: 20 }, (_, n) =>
    rig.outlet(bad.url, { uid: `hung-${n}`, delivery, filter: { attributes: { type: `t${n}` } } }),
  )
  const sibling = rig.outlet(good.url, { uid: 'sibling', filter: { attributes: { type: 'mine' } } })
  const other = rig.outlet(good.url, { uid: 'other', topic: 'other' })
  const runner = rig.run([...hung, sibling, other], options, 'd', { budget })
  // of another Kafka: as a KafkaSource has it
  const away = foreign.run([foreign.outlet(good.url, { uid: 'away' })], options, 'd', { budget })
  for (const { uid } of [...hung, sibling, other]) await rig.consuming(runner, uid)
  await foreign.consuming(away, 'away')

  const sentAt = new Map<string, number>()
  let id = 1_000_000
  const send = async (to: Rig, topic: string, type: string): Promise<void> => {
    sentAt.set(String(++id), performance.now())
    await to.send(1, { from: id, topic, type, partition: id % (topic === rig.topic ? PARTITIONS : 1) })
  }
  const trickle = async (): Promise<void> => {
    await Promise.all([send(rig, rig.topic, 'mine'), send(rig, 'other', 'any'), send(foreign, foreign.topic, 'any')])
  }
  // 20 MB: more than twice the budget, one event of each on each partition alone
  const data = Buffer.alloc(100_000)
  for (let n = 0; n < hung.length; n++) {
    for (let partition = 0; partition < PARTITIONS; partition++) {
      await rig.send(2, { from: n * 2, type: `t${n}`, partition, data })
    }
    await trickle()
  }
  for (let n = 0; n < 30; n++) {
    await trickle()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await eventually('those that answer have all', () => good.got.length === sentAt.size)
  expect(bad.open).toBeGreaterThan(PARTITIONS)
  expect(budget.inFlight.waiting).toBeGreaterThan(0)
  const delays = good.got.map((got) => got.at - (sentAt.get(got.id) ?? 0)).toSorted((a, b) => a - b)
  expect(delays.at(-1)).toBeLessThan(5_000)
  expect(delays[Math.floor(delays.length / 2)]).toBeLessThan(500)
  await eventually('what could be read again is given up', () => budget.used < budget.limit)
  expect(budget.inFlight.held).toBeLessThanOrEqual(budget.inFlight.limit)
  stuck.release()
  await eventually('the others get theirs when they answer', () => bad.got.length === 10 * hung.length, patience)
  await eventually('nothing is in flight', () => budget.inFlight.held === 0)
  expect(budget.inFlight.waiting).toBe(0)
})
