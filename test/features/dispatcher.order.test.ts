import type { ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import { decodeProgress } from '../../src/data-plane/dispatcher/reading/progress.ts'
import type { Outlet } from '../../src/contract/outlet.ts'
import { eventually } from '../support/eventually.ts'
import { answer, embeddedRig, Hand, startSubscriber, type Got, type Rig, type Runner } from './dispatcher-rig.ts'

const ids = (got: readonly Got[]): number[] => got.map(({ id }) => Number(id))
const sorted = (got: readonly Got[]): number[] => ids(got).toSorted((a, b) => a - b)
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i)
const keyOf = ({ headers }: Got): string | undefined => headers['ce-partitionkey'] as string | undefined
const ofKey = (got: readonly Got[], key: string | undefined): readonly Got[] => got.filter((one) => keyOf(one) === key)

const persistent: Partial<Outlet> = {
  order: 'key',
  delivery: { retry: 100_000, backoffPolicy: 'linear', backoffDelayMs: 0.2, timeoutMs: 60_000 },
}

/** Events of a key, with the ids from `from` on. */
function send(rig: Rig, key: string, count: number, from: number): Promise<void> {
  return rig.send(count, { from, extra: { partitionkey: key } })
}

const inFlight = ({ dispatcher }: Runner): number => dispatcher.snapshot().outlets[0]?.partitions[0]?.inFlight ?? -1

/** Ends as a power cut does: nothing is committed from then on. */
async function crash(runner: Runner, hand: Hand): Promise<void> {
  hand.alive = false
  await runner.close()
}

function runByHand(rig: Rig, outlet: Outlet, options: Parameters<Rig['run']>[1] = {}): { runner: Runner; hand: Hand } {
  let hand: Hand | undefined
  const membership = (handler: Hand['handler']): Hand => (hand = new Hand(handler, rig))
  const runner = rig.run([outlet], { commitIntervalMs: 20, ...options }, 'by-hand', { membership })
  if (hand === undefined) throw new Error('did not join')
  return { runner, hand }
}

test('order by key: the retries of one key hold back that key alone, and its events come in order once it recovers', async () => {
  let well = false
  await using subscriber = await startSubscriber((got, response) =>
    answer(keyOf(got) === 'stuck' && !well ? 503 : 200)(got, response),
  )
  await using rig = await embeddedRig()
  const outlet = rig.outlet(subscriber.url, persistent)
  rig.run([outlet])
  for (let round = 0; round < 10; round++) {
    await send(rig, 'stuck', 2, round * 100)
    await send(rig, 'a', 20, round * 100 + 10)
    await send(rig, 'b', 20, round * 100 + 40)
    await rig.send(10, { from: round * 100 + 70 })
  }
  const flowed = (): readonly Got[] => subscriber.got.filter((one) => keyOf(one) !== 'stuck')
  await eventually('all others came', () => flowed().length === 500)
  for (const key of ['a', 'b']) expect(ids(ofKey(flowed(), key))).toEqual(sorted(ofKey(flowed(), key)))
  expect(new Set(ids(ofKey(subscriber.got, 'stuck')))).toEqual(new Set([0]))
  const tried = subscriber.got.length
  well = true
  await eventually('the end is committed', async () => (await rig.committed(outlet)) === 520)
  const came = [...new Set(ids(ofKey(subscriber.got.slice(tried - 1), 'stuck')))]
  expect(came).toEqual(upTo(10).flatMap((round) => [round * 100, round * 100 + 1]))
})

test('order by key: of each key one is under way at a time, of all keys and of events without key many', async () => {
  const open = new Map<string | undefined, number>()
  let [mostOfOne, mostWithout, most] = [0, 0, 0]
  await using subscriber = await startSubscriber((got, response) => {
    const key = keyOf(got)
    open.set(key, (open.get(key) ?? 0) + 1)
    if (key === undefined) mostWithout = Math.max(mostWithout, open.get(key) ?? 0)
    else mostOfOne = Math.max(mostOfOne, open.get(key) ?? 0)
    most = Math.max(
      most,
      [...open.values()].reduce((sum, one) => sum + one, 0),
    )
    setTimeout(() => {
      open.set(key, (open.get(key) ?? 0) - 1)
      answer(200)(got, response)
    }, 5)
  })
  await using rig = await embeddedRig()
  const outlet = rig.outlet(subscriber.url, { order: 'key' })
  for (let id = 0; id < 400; id += 10) {
    await Promise.all(['', 'a', 'b', 'c', 'd', 'e'].map((key, i) => send(rig, key, 1, id + i)))
    await rig.send(4, { from: id + 6 })
  }
  rig.run([outlet])
  await eventually('the end is committed', async () => (await rig.committed(outlet)) === 400)
  expect(sorted(subscriber.got)).toEqual(upTo(400))
  for (const key of ['', 'a', 'e']) expect(ids(ofKey(subscriber.got, key))).toEqual(sorted(ofKey(subscriber.got, key)))
  expect(mostOfOne).toBe(1)
  expect(mostWithout).toBeGreaterThan(4)
  expect(most).toBeGreaterThan(10)
})

test('order by key: keys are told apart by their bytes, also where they are no text', async () => {
  const held: ServerResponse[] = []
  await using subscriber = await startSubscriber((got, response) => {
    if (held.length === 0) held.push(response)
    else answer(200)(got, response)
  })
  await using rig = await embeddedRig()
  const outlet = rig.outlet(subscriber.url, { order: 'key' })
  const headers = (id: number) =>
    Object.entries({ ce_specversion: '1.0', ce_id: String(id), ce_source: '/x', ce_type: 't' }).map(
      ([name, value]) => [name, Buffer.from(value)] as const,
    )
  const keys = [[0xff], [0xfe], [0xef, 0xbf, 0xbd], [0xff, 0], [], [0xff]]
  for (const [id, key] of keys.entries()) {
    await rig.appender.append({
      topic: rig.topic,
      partition: 0,
      key: Buffer.from(key),
      value: null,
      headers: headers(id),
    })
  }
  rig.run([outlet])
  await eventually('all but those of the first key came', () => subscriber.got.length === 5)
  expect(sorted(subscriber.got)).toEqual([0, 1, 2, 3, 4])
  answer(200)(subscriber.got[0] as Got, held[0] as ServerResponse)
  await eventually('the last came', () => subscriber.got.length === 6)
})

test('order by key: what waits is bounded; then the partition waits, and goes on as the key does', async () => {
  const held: (() => void)[] = []
  await using subscriber = await startSubscriber((got, response) => {
    if (got.id === '0') held.push(() => answer(200)(got, response))
    else answer(200)(got, response)
  })
  await using rig = await embeddedRig()
  const outlet = rig.outlet(subscriber.url, { order: 'key' })
  await send(rig, 'stuck', 400, 0)
  await send(rig, 'other', 1, 1000)
  const runner = rig.run([outlet], { window: 20, ringBytes: 1 })
  await eventually('it is full', () => inFlight(runner) === 100 && held.length === 1)
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect([inFlight(runner), ids(subscriber.got)]).toEqual([100, [0]])
  held[0]?.()
  await eventually('the end is committed', async () => (await rig.committed(outlet)) === 401)
  expect(ids(ofKey(subscriber.got, 'stuck'))).toEqual(upTo(400))
})

test('order by key: what waits behind a stuck key for want of memory goes on when there is some', async () => {
  const held = new Map<string, () => void>()
  await using subscriber = await startSubscriber((got, response) => {
    if (got.id === '0' || got.id === '100') held.set(got.id, () => answer(200)(got, response))
    else answer(200)(got, response)
  })
  await using rig = await embeddedRig(2)
  const runner = rig.run([rig.outlet(subscriber.url, { order: 'key' })], { window: 4, budgetBytes: 2 * 2 ** 20 })
  await rig.consuming(runner)
  // windows are as wide as ever beside it, but there is no room for more that keys hold back
  await rig.send(1, { from: 100, partition: 1, data: Buffer.alloc(115_000) })
  await eventually('a large one is under way', () => held.has('100'))
  await send(rig, 'stuck', 4, 0)
  await eventually('all that there is room for', () => inFlight(runner) === 4)
  await send(rig, 'other', 1, 50)
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(sorted(subscriber.got)).toEqual([0, 100])
  held.get('100')?.()
  await eventually('the other key goes on', () => subscriber.got.some(({ id }) => id === '50'))
  held.get('0')?.()
  await eventually('all goes on', () => subscriber.got.length === 6)
})

test.each(['handed over', 'killed'])(
  'order by key: with a key that is stuck, a process that is %s repeats nothing that was finished, and order is kept',
  async (how) => {
    let well = false
    await using subscriber = await startSubscriber((got, response) =>
      answer(keyOf(got) === 'stuck' && !well ? 503 : 200)(got, response),
    )
    await using rig = await embeddedRig()
    const outlet = rig.outlet(subscriber.url, persistent)
    const first = runByHand(rig, outlet)
    await send(rig, 'stuck', 3, 0)
    await send(rig, 'a', 50, 10)
    await send(rig, 'stuck', 30, 100)
    await send(rig, 'b', 50, 200)
    const finished = (key: string): number => ofKey(subscriber.got, key).length
    await eventually('others came', () => finished('a') === 50 && finished('b') === 50)
    await eventually('that is committed', async () => {
      const { progress } = decodeProgress(0, await rig.metadata(outlet))
      return progress.upTo === 133 && progress.pending.length === 33
    })
    if (how === 'killed') await crash(first.runner, first.hand)
    else await first.hand.take(0)
    if (how !== 'killed') await first.runner.close()
    const before = subscriber.got.length
    well = true
    runByHand(rig, outlet)
    await eventually('the end is committed', async () => (await rig.committed(outlet)) === 133)
    // of what was under way at the end the subscriber may hear late
    const after = ids(subscriber.got.slice(before))
    expect(after.filter((id, i) => id !== 0 || i === 0)).toEqual([0, 1, 2, ...upTo(30).map((n) => 100 + n)])
  },
)

test('an Outlet that becomes ordered by key: the next of a key waits for all of it that is under way already', async () => {
  const held = new Map<string, () => void>()
  await using subscriber = await startSubscriber((got, response) => {
    if (Number(got.id) < 3) held.set(got.id, () => answer(200)(got, response))
    else answer(200)(got, response)
  })
  await using rig = await embeddedRig()
  const outlet = rig.outlet(subscriber.url)
  const runner = rig.run([outlet])
  await send(rig, 'a', 3, 0)
  await eventually('three are under way', () => held.size === 3)
  runner.routes.outlets.set({ ...outlet, generation: 2, order: 'key' })
  await send(rig, 'a', 1, 3)
  await send(rig, 'b', 1, 4)
  await eventually('the other key came', () => ids(subscriber.got).includes(4))
  held.get('2')?.()
  held.get('0')?.()
  await send(rig, 'b', 1, 5)
  await eventually('the other key came', () => ids(subscriber.got).includes(5))
  expect(ids(subscriber.got)).not.toContain(3)
  held.get('1')?.()
  await eventually('it came', () => ids(subscriber.got).includes(3))
})

test('an Outlet that becomes unordered: what was held back by its key goes at once', async () => {
  const held: (() => void)[] = []
  await using subscriber = await startSubscriber((got, response) => {
    if (got.id === '0') held.push(() => answer(200)(got, response))
    else answer(200)(got, response)
  })
  await using rig = await embeddedRig()
  const outlet = rig.outlet(subscriber.url, { order: 'key' })
  const runner = rig.run([outlet])
  await send(rig, 'a', 10, 0)
  await eventually('they wait, for the first that has come', () => inFlight(runner) === 10 && held.length === 1)
  runner.routes.outlets.set({ ...outlet, generation: 2, order: 'unordered' })
  await eventually('they came', () => subscriber.got.length === 10)
  held[0]?.()
  await eventually('the end is committed', async () => (await rig.committed(outlet)) === 10)
})

test('an Outlet that becomes ordered as a whole: what was held back by its key still goes in order', async () => {
  const held: (() => void)[] = []
  await using subscriber = await startSubscriber((got, response) => {
    if (got.id === '0') held.push(() => answer(200)(got, response))
    else setTimeout(() => answer(200)(got, response), 5)
  })
  await using rig = await embeddedRig()
  const outlet = rig.outlet(subscriber.url, { order: 'key' })
  const runner = rig.run([outlet])
  await send(rig, 'a', 10, 0)
  await eventually('they wait, for the first that has come', () => inFlight(runner) === 10 && held.length === 1)
  runner.routes.outlets.set({ ...outlet, generation: 2, order: 'ordered' })
  await send(rig, 'b', 10, 10)
  held[0]?.()
  await eventually('the end is committed', async () => (await rig.committed(outlet)) === 20)
  expect(ids(subscriber.got)).toEqual(upTo(20))
})

test('however wide the window, it closes before the finished events beyond the position do not fit into the commit any more', async () => {
  await using subscriber = await startSubscriber((got, response) => {
    if (keyOf(got) !== 'stuck') answer(200)(got, response)
  })
  await using rig = await embeddedRig()
  const outlet = rig.outlet(subscriber.url, { order: 'key' })
  await send(rig, 'stuck', 1, 0)
  await send(rig, 'a', 50, 1)
  await send(rig, 'stuck', 3000, 100)
  const { runner, hand } = runByHand(rig, outlet, { window: 5000 })
  await eventually('it is full', async () => {
    const { progress } = decodeProgress(0, await rig.metadata(outlet))
    const [, second = 0] = progress.pending
    return inFlight(runner) > 1400 && progress.pending.length === inFlight(runner) && second > 50
  })
  expect(inFlight(runner)).toBeLessThan(1500)
  await crash(runner, hand)
  const before = subscriber.got.length
  runByHand(rig, outlet, { window: 5000 })
  await eventually('the first is there again', () => subscriber.got.length > before)
  await send(rig, 'a', 1, 5000)
  expect(ids(subscriber.got.slice(before))).toEqual([0])
})
