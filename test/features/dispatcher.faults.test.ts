import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Outlet } from '../../src/contract/outlet.ts'
import { Fault } from '../../src/core/fault.ts'
import type { Appender, LogReader, Positions, TailHandler } from '../../src/kafka/log.ts'
import { eventually } from '../support/eventually.ts'
import { answer, embeddedRig, Hand, startSubscriber, type Rig, type Runner } from './dispatcher-rig.ts'

const away = new Fault('LogUnavailable', 'connection refused')

/** A log that is away for one kind of call, as long as the test says so. */
class Outage {
  commits = false
  reads = false
  appends = false
  readonly tails: TailHandler[] = []

  positions(rig: Rig): Positions {
    const positions = rig.log.positions()
    return {
      fetch: (asked) => positions.fetch(asked),
      close: () => positions.close(),
      all: (group) => positions.all(group),
      commit: (...all) => (this.commits ? Promise.reject(away) : positions.commit(...all)),
    }
  }

  reader(rig: Rig): LogReader {
    const reader = rig.log.reader()
    return {
      close: () => reader.close(),
      range: (at) => reader.range(at),
      offsetsAt: (...asked) => reader.offsetsAt(...asked),
      epochEnds: (asked) => reader.epochEnds(asked),
      read: (...all) => (this.reads ? Promise.reject(away) : reader.read(...all)),
      tail: (handler) => {
        this.tails.push(handler)
        return reader.tail(handler)
      },
    }
  }

  appender(rig: Rig): Appender {
    return {
      pendingBytes: 0,
      close: async () => {},
      append: (record) => (this.appends ? Promise.reject(away) : rig.appender.append(record)),
    }
  }
}

function start(rig: Rig, outlets: readonly Outlet[], outage: Outage, options = {}): { runner: Runner; hand: Hand } {
  const hands: Hand[] = []
  const runner = rig.run(outlets, { retryMs: 30, commitIntervalMs: 50, ...options }, 'by-hand', {
    membership: (handler) => {
      const hand = new Hand(handler, rig)
      hands.push(hand)
      return hand
    },
    positions: outage.positions(rig),
    reader: outage.reader(rig),
    appender: outage.appender(rig),
  })
  const [hand] = hands
  if (hand === undefined) throw new Error('did not join')
  return { runner, hand }
}

const faultOf = (runner: Runner, uid = 'a') =>
  runner.dispatcher.snapshot().outlets.find((one) => one.uid === uid)?.fault?.reason ?? null

test('a fault of following a partition is over when the partition is lost, and does not come back with it', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await embeddedRig()
  const outage = new Outage()
  const { runner, hand } = start(rig, [rig.outlet(subscriber.url)], outage)
  await rig.consuming(runner)
  await rig.send(1)
  await eventually('it is read', () => subscriber.got.length === 1)
  outage.tails[0]?.state({ topic: rig.topic, partition: 0 }, away)
  expect(faultOf(runner)).toBe('LogUnavailable')
  hand.lose()
  expect(faultOf(runner)).toBeNull()
  hand.give(0)
  await rig.send(1, { from: 1 })
  await eventually('it goes on', () => subscriber.got.some(({ id }) => id === '1'))
  expect(faultOf(runner)).toBeNull()
  expect(runner.reports.at(-1)?.fault).toBeNull()
})

test('an Outlet that begins on a partition that cannot be followed is told so', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await embeddedRig()
  const outage = new Outage()
  const { runner } = start(rig, [rig.outlet(subscriber.url)], outage)
  await rig.consuming(runner)
  await rig.send(1)
  await eventually('it is read', () => subscriber.got.length === 1)
  outage.tails[0]?.state({ topic: rig.topic, partition: 0 }, away)
  runner.routes.outlets.set(rig.outlet(subscriber.url, { uid: 'b', start: 'latest' }))
  await eventually('the new one is told', () => faultOf(runner, 'b') === 'LogUnavailable')
  outage.tails[0]?.state({ topic: rig.topic, partition: 0 }, null)
  expect([faultOf(runner), faultOf(runner, 'b')]).toEqual([null, null])
})

test('a fault of commits is over with the partition, and with the next start', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await embeddedRig()
  const outage = new Outage()
  const { runner, hand } = start(rig, [rig.outlet(subscriber.url)], outage)
  await rig.consuming(runner)
  outage.commits = true
  await rig.send(1)
  await eventually('it is said', () => faultOf(runner) === 'LogUnavailable')
  hand.lose()
  expect(faultOf(runner)).toBeNull()
  outage.commits = false
  hand.give(0)
  await eventually('it goes on', () => subscriber.got.length >= 2)
  expect(faultOf(runner)).toBeNull()
})

test('a fault of reading behind the head is over with the partition', async () => {
  await using subscriber = await startSubscriber(() => {})
  await using rig = await embeddedRig()
  const outage = new Outage()
  const options = { window: 1, ringBytes: 1 }
  const { runner, hand } = start(rig, [rig.outlet(subscriber.url)], outage, options)
  await rig.consuming(runner)
  outage.reads = true
  // one by one, so that the first batch holds no more than the window
  for (let n = 0; n < 5; n++) await rig.send(1, { from: n })
  await rig.send(200, { from: 5 })
  await eventually('one is in flight', () => subscriber.open === 1)
  const late = rig.outlet(subscriber.url, { uid: 'b' })
  runner.routes.outlets.set(late)
  await eventually('it is said', () => faultOf(runner, 'b') === 'LogUnavailable' || faultOf(runner) !== null)
  hand.lose()
  expect([faultOf(runner), faultOf(runner, 'b')]).toEqual([null, null])
})

test('that an event could not be parked is over when it is left to another owner', async () => {
  await using subscriber = await startSubscriber(answer(400))
  await using rig = await embeddedRig()
  const outage = new Outage()
  const { runner, hand } = start(rig, [rig.outlet(subscriber.url)], outage)
  await rig.consuming(runner)
  outage.appends = true
  await rig.send(1)
  await eventually('it is said', () => faultOf(runner) === 'DeliveryFailed')
  hand.lose()
  expect(faultOf(runner)).toBeNull()
  await sleep(100)
  expect(faultOf(runner)).toBeNull()
})
