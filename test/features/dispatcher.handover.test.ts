import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Outlet } from '../../src/contract/outlet.ts'
import type { Positions } from '../../src/kafka/log.ts'
import { eventually } from '../support/eventually.ts'
import { embeddedRig, Hand, startSubscriber, type Got, type Rig, type Runner } from './dispatcher-rig.ts'

const ids = (got: readonly Got[]): number[] => got.map(({ id }) => Number(id)).sort((a, b) => a - b)
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

/** The positions of the rig, behind a gate that the test holds: a coordinator that stutters. */
class Gate {
  shut = false
  /** The request is under way: to give it up does not bring it back. */
  deaf = false
  waiting = 0
  readonly #opened: (() => void)[] = []

  open(): void {
    this.shut = false
    for (const resolve of this.#opened.splice(0)) resolve()
  }

  before(positions: Positions): Positions {
    return {
      fetch: (asked) => positions.fetch(asked),
      all: (group) => positions.all(group),
      close: () => positions.close(),
      commit: async (group, list, signal) => {
        if (this.shut) {
          this.waiting++
          await new Promise<void>((resolve) => {
            this.#opened.push(resolve)
            if (!this.deaf) signal?.addEventListener('abort', () => resolve(), { once: true })
          })
          this.waiting--
        }
        return positions.commit(group, list, signal)
      },
    }
  }
}

function runByHand(rig: Rig, outlets: readonly Outlet[], gate: Gate, options = {}): { runner: Runner; hand: Hand } {
  const hands: Hand[] = []
  const membership = (handler: Hand['handler']): Hand => {
    const hand = new Hand(handler, rig)
    hands.push(hand)
    return hand
  }
  const positions = gate.before(rig.log.positions())
  const runner = rig.run(outlets, options, 'by-hand', { membership, positions })
  const [hand] = hands
  if (hand === undefined) throw new Error('did not join')
  return { runner, hand }
}

test('what is handed over does not go on when the fleet answers again in the middle of it', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await embeddedRig()
  const outlet = rig.outlet(subscriber.url)
  const gate = new Gate()
  const { runner, hand } = runByHand(rig, [outlet], gate, { commitIntervalMs: 50 })
  await rig.consuming(runner)
  gate.shut = gate.deaf = true
  await rig.send(5)
  await eventually('a commit is under way', () => gate.waiting === 1 && subscriber.got.length === 5)
  const taking = hand.take(0, 60_000)
  hand.alive = false
  await sleep(250)
  hand.alive = true
  await rig.send(5, { from: 5 })
  await sleep(400)
  expect(gate.waiting).toBe(1)
  gate.open()
  await taking
  await rig.send(5, { from: 10 })
  await sleep(300)
  expect(ids(subscriber.got)).toEqual(upTo(5))
  expect(runner.dispatcher.snapshot().outlets[0]?.partitions).toEqual([])
})

test('an Outlet that is removed during a handover is not committed at its end: its group may be deleted and does not come back', async () => {
  await using subscriber = await startSubscriber()
  await using hanging = await startSubscriber(() => {})
  await using rig = await embeddedRig()
  const [gone, stays] = [rig.outlet(subscriber.url), rig.outlet(hanging.url, { uid: 'b' })]
  const { runner, hand } = runByHand(rig, [gone, stays], new Gate(), { commitIntervalMs: 60_000, window: 2 })
  await rig.consuming(runner)
  await rig.consuming(runner, 'b')
  await rig.send(1)
  await eventually('both have it', () => subscriber.got.length === 1 && hanging.got.length === 1)
  const taking = hand.take(0, 1500)
  await sleep(50)
  runner.routes.outlets.delete(gone.uid)
  await eventually('it is released', () => runner.reports.some(({ uid, state }) => uid === 'a' && state === 'released'))
  await rig.admin.deleteGroup(gone.group)
  await taking
  expect(await rig.committed(gone)).toBeUndefined()
})

test('a handover waits for the commit of where an Outlet starts: the next owner’s progress is not undone', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await embeddedRig()
  const outlet = rig.outlet(subscriber.url)
  await rig.send(20)
  const gate = new Gate()
  gate.shut = true
  const { hand } = runByHand(rig, [outlet], gate)
  await eventually('its start is being committed', () => gate.waiting === 1)
  const taking = hand.take(0, 60_000)
  setTimeout(() => gate.open(), 300)
  await taking
  expect(gate.waiting).toBe(0)
  // the next owner delivers all but two, and hands over
  const next = { topic: rig.topic, partition: 0, offset: 18n, leaderEpoch: -1, metadata: '' }
  await rig.positions.commit(outlet.group, [next])
  hand.give(0)
  await eventually('the rest came', () => subscriber.got.length >= 2)
  await sleep(200)
  expect(ids(subscriber.got)).toEqual([18, 19])
})

test('a partition that was taken away and given back while its Outlet starts begins where the group stands then', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await embeddedRig()
  const outlet = rig.outlet(subscriber.url)
  await rig.send(20)
  const positions = rig.log.positions()
  const hands: Hand[] = []
  let looks = 0
  const runner = rig.run([outlet], {}, 'by-hand', {
    membership: (handler) => {
      const hand = new Hand(handler, rig)
      hands.push(hand)
      return hand
    },
    positions: {
      close: () => positions.close(),
      all: (group) => positions.all(group),
      commit: (...all) => positions.commit(...all),
      fetch: async (asked) => {
        const found = await positions.fetch(asked)
        if (looks++ > 0) return found
        // the look is done, and its answer on its way, while another owner comes, delivers all but two, and goes
        await hands[0]?.take(0)
        const next = { topic: rig.topic, partition: 0, offset: 18n, leaderEpoch: -1, metadata: '' }
        await rig.positions.commit(outlet.group, [next])
        hands[0]?.give(0)
        return found
      },
    },
  })
  await rig.consuming(runner)
  await eventually('the rest came', () => subscriber.got.length >= 2)
  await sleep(200)
  expect(ids(subscriber.got)).toEqual([18, 19])
})

test('a commit under way when partitions are lost is not tried again', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await embeddedRig()
  const outlet = rig.outlet(subscriber.url)
  const gate = new Gate()
  const { runner, hand } = runByHand(rig, [outlet], gate, { commitIntervalMs: 50 })
  await rig.consuming(runner)
  gate.shut = true
  await rig.send(5)
  await eventually('a commit is under way', () => gate.waiting === 1)
  hand.lose()
  await eventually('it is given up', () => gate.waiting === 0)
  gate.open()
  await sleep(100)
  expect(await rig.committed(outlet)).toBe(0)
})
