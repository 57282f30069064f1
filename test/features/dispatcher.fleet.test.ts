import type { ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import type { Outlet } from '../../src/contract/outlet.ts'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { answer, embeddedRig, Hand, startSubscriber, type Got, type Rig, type Runner } from './dispatcher-rig.ts'

const ids = (got: readonly Got[]): number[] => got.map(({ id }) => Number(id)).sort((a, b) => a - b)
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

function runByHand(rig: Rig, outlets: readonly Outlet[], options = {}): { runner: Runner; hand: Hand } {
  const hands: Hand[] = []
  const membership = (handler: Hand['handler']): Hand => {
    const hand = new Hand(handler, rig)
    hands.push(hand)
    return hand
  }
  const runner = rig.run(outlets, options, 'by-hand', { membership })
  const [hand] = hands
  if (hand === undefined) throw new Error('did not join')
  return { runner, hand }
}

test('a partition is handed over only when what was in flight has ended and is committed; nothing is sent after that', async () => {
  const held: ServerResponse[] = []
  await using subscriber = await startSubscriber((_, response) => void held.push(response))
  await using rig = await embeddedRig()
  const outlet = rig.outlet(subscriber.url)
  await rig.send(30)
  const { hand } = runByHand(rig, [outlet], { window: 10 })
  await eventually('ten are in flight', () => held.length === 10)
  let over = false
  const handover = hand.take(0, 60_000).then(() => (over = true))
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(over).toBe(false)
  for (const response of held) answer(200)(null as never, response)
  await handover
  expect(await rig.committed(outlet)).toBe(10)
  expect(subscriber.got.length).toBe(10)
  subscriber.behave = answer(200)
  hand.give(0)
  await eventually('the next owner delivers the rest', () => subscriber.got.length === 30)
  expect(ids(subscriber.got)).toEqual(upTo(30))
})

test('what is still in flight at the deadline of a handover is cut, and delivered again by the next owner', async () => {
  await using subscriber = await startSubscriber((got, response) => {
    if (got.id !== '3') answer(200)(got, response)
  })
  await using rig = await embeddedRig()
  const outlet = rig.outlet(subscriber.url)
  await rig.send(10)
  const { runner, hand } = runByHand(rig, [outlet])
  await eventually('all but one are done', () => runner.dispatcher.snapshot().outlets[0]?.delivered === 9)
  await hand.take(0, 1000)
  await eventually('it is cut', () => subscriber.open === 0)
  expect(await rig.committed(outlet)).toBe(3)
  subscriber.behave = answer(200)
  hand.give(0)
  await eventuallyPasses('the rest is committed', async () => expect(await rig.committed(outlet)).toBe(10))
  expect(ids(subscriber.got)).toEqual([0, 1, 2, 3, 3, 4, 5, 6, 7, 8, 9])
})

test('while the fleet does not answer, nothing is sent or committed and what is in flight is cut; later it goes on without repeats', async () => {
  await using subscriber = await startSubscriber((got, response) => {
    if (Number(got.id) < 5) answer(200)(got, response)
  })
  await using rig = await embeddedRig()
  const outlet = rig.outlet(subscriber.url)
  await rig.send(10)
  const { hand } = runByHand(rig, [outlet])
  await eventually('five are in flight', () => subscriber.open === 5)
  await eventuallyPasses('five are committed', async () => expect(await rig.committed(outlet)).toBe(5))
  hand.alive = false
  await eventually('they are cut', () => subscriber.open === 0)
  subscriber.behave = answer(200)
  await rig.send(5, { from: 10 })
  await new Promise((resolve) => setTimeout(resolve, 400))
  expect(subscriber.got.length).toBe(10)
  expect(await rig.committed(outlet)).toBe(5)
  hand.alive = true
  await eventuallyPasses('all is committed', async () => expect(await rig.committed(outlet)).toBe(15))
  expect(ids(subscriber.got.slice(10))).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14])
})

test('lost partitions: everything is cut and nothing committed, for someone else may own them', async () => {
  await using subscriber = await startSubscriber((got, response) => {
    if (got.id !== '9') answer(200)(got, response)
  })
  await using rig = await embeddedRig()
  const outlet = rig.outlet(subscriber.url)
  await rig.send(10)
  const { hand, runner } = runByHand(rig, [outlet], { commitIntervalMs: 60_000 })
  await eventually('nine are done', () => runner.dispatcher.snapshot().outlets[0]?.delivered === 9)
  hand.lose()
  await eventually('it is cut', () => subscriber.open === 0)
  expect(await rig.committed(outlet)).toBe(0)
  expect(runner.dispatcher.snapshot()).toMatchObject({ memory: 0, outlets: [{ partitions: [] }] })
})

test('events that retention removed before they were read are counted and said; the rest is delivered', async () => {
  const held: ServerResponse[] = []
  let slow = true
  await using subscriber = await startSubscriber((got, response) => {
    if (slow) held.push(response)
    else answer(200)(got, response)
  })
  await using rig = await embeddedRig(1, 400_000)
  const outlet = rig.outlet(subscriber.url)
  const { runner } = runByHand(rig, [outlet], { window: 5, ringBytes: 1, catchUpBytes: 10_000 })
  const data = Buffer.alloc(1000)
  for (let from = 0; from < 3000; from += 100) await rig.send(100, { from, data })
  await eventually('retention came by', async () => {
    const reader = rig.log.reader()
    const [range] = await reader.range([{ topic: rig.topic, partition: 0 }])
    await reader.close()
    return (range?.start ?? 0n) > 2000n
  })
  slow = false
  for (const response of held) answer(200)(null as never, response)
  await eventuallyPasses('the end is committed', async () => expect(await rig.committed(outlet)).toBe(3000))
  const [seen] = runner.dispatcher.snapshot().outlets
  expect(seen?.lost).toBeGreaterThan(0)
  expect((seen?.lost ?? 0) + new Set(ids(subscriber.got)).size).toBe(3000)
  expect(seen?.fault?.reason).toBe('EventsExpired')
  expect(seen?.fault?.message).toContain(String(seen?.lost))
})

test('a close drains: what is in flight ends, all is committed, and the process has nothing left', async () => {
  await using subscriber = await startSubscriber(
    (got, response) => void setTimeout(() => answer(200)(got, response), 50),
  )
  await using rig = await embeddedRig()
  const outlet = rig.outlet(subscriber.url)
  await rig.send(300)
  const runner = rig.run([outlet])
  await eventually('it flows', () => subscriber.got.length > 100)
  await runner.close()
  const done = subscriber.got.length
  expect(subscriber.open).toBe(0)
  expect(await rig.committed(outlet)).toBe(done)
  expect(runner.dispatcher.snapshot().memory).toBe(0)
})
