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

/** More on each partition than rings may hold. */
async function flood(rig: Rig, count: number): Promise<void> {
  for (let from = 0; from < count; from += 100)
    for (let partition = 0; partition < PARTITIONS; partition++) await rig.send(100, { from, partition })
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
  await flood(rig, 1500)
  for (let sent = 1; sent <= 5; sent++) {
    await rig.send(10, { topic: 'other' })
    await eventually('the other one has it', () => good.got.length === 10 * sent)
  }
  expect(bad.got.length).toBe(10 * PARTITIONS)
  expect(runner.dispatcher.snapshot().memory).toBeLessThan(options.budgetBytes * 0.75)
  stuck.release()
  await eventually('it goes on where it hung', () => stands(runner, 'a', 1500), patience)
  expect(bad.got.length).toBe(1500 * PARTITIONS)
})

test('beside a healthy Outlet of its topic one that hung catches up', async () => {
  const stuck = hanging()
  await using bad = await startSubscriber(stuck.behave)
  await using good = await startSubscriber()
  await using rig = await embeddedRig(PARTITIONS)
  const runner = rig.run([rig.outlet(bad.url, { delivery }), rig.outlet(good.url, { uid: 'b' })], options)
  await rig.consuming(runner)
  await rig.consuming(runner, 'b')
  await flood(rig, 1200)
  await eventually('the healthy one has all', () => good.got.length === 1200 * PARTITIONS, patience)
  stuck.release()
  await eventually('the other one too', () => stands(runner, 'a', 1200), patience)
  expect(bad.got.length).toBe(1200 * PARTITIONS)
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
    read: (...asked) => (reads++, reader.read(...asked)),
    close: () => reader.close(),
  }
  const outlets = [rig.outlet(bad.url, { delivery }), rig.outlet(good.url, { uid: 'b' })]
  const runner = rig.run(outlets, { window: 10 }, 'd', { budget, reader: counting })
  await rig.consuming(runner)
  await rig.consuming(runner, 'b')
  for (let from = 0; from < 3000; from += 100) await rig.send(100, { from, data: Buffer.alloc(1000) })
  await eventually('the healthy one has all', () => good.got.length === 3000, patience)
  stuck.release()
  await eventually('the other one too', () => bad.got.length === 3000, patience)
  // 3 MB, of which each brings 256 KiB; for each window there would be 300
  expect(reads).toBeLessThan(60)
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
  await eventually('both hang', () => bad.got.length === 2 * 10 * PARTITIONS, patience)
  const dispatchers = units.map(({ runner }) => runner.dispatcher)
  const held = (): number =>
    [...new Set(dispatchers.map((dispatcher) => dispatcher.load().budget))].reduce((sum, { used }) => sum + used, 0)
  await eventually('they hold what one may', () => held() > 0 && held() < budget.limit)
  await units[0]?.runner.close()
  expect(held()).toBeLessThan(budget.limit)
  await units[1]?.runner.close()
  expect(held()).toBe(0)
})
