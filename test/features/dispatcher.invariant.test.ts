import fc from 'fast-check'
import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Outlet } from '../../src/contract/outlet.ts'
import type { Appender, Positions } from '../../src/kafka/log.ts'
import { eventually } from '../support/eventually.ts'
import { answer, embeddedRig, Hand, startSubscriber, type Got, type Rig, type Runner } from './dispatcher-rig.ts'

const PARTITIONS = 2

/** What the subscriber does with the attempts for one event, one after the other; then it takes everything. */
const script = fc.array(fc.constantFrom('ok', 'fail', 'refuse', 'cut', 'slow', 'slow'), { maxLength: 3 })
const event = fc.record({ type: fc.constantFrom('red', 'blue', 'junk'), script })
const step = fc.record({
  kind: fc.constantFrom('revoke', 'lose', 'crash', 'freeze', 'filter', 'wait'),
  partition: fc.nat(PARTITIONS - 1),
  ms: fc.nat(25),
})
const world = fc.record({
  events: fc.array(fc.array(event, { minLength: 5, maxLength: 60 }), { minLength: PARTITIONS, maxLength: PARTITIONS }),
  steps: fc.array(step, { maxLength: 8 }),
  window: fc.integer({ min: 1, max: 30 }),
  ringBytes: fc.constantFrom(1, 20_000, 1_000_000),
  order: fc.constantFrom<Outlet['order']>('ordered', 'unordered'),
  deadLetter: fc.boolean(),
})
type World = typeof world extends fc.Arbitrary<infer T> ? T : never

/** Knows what is finished, and looks at every commit. */
class Judge {
  readonly finished = new Set<string>()
  readonly breaches: string[] = []
  /** Types that a filter in force now or earlier lets pass by. */
  readonly filtered = new Set<string>()
  readonly events: World['events']
  constructor(events: World['events']) {
    this.events = events
  }
  isFinished(partition: number, offset: number): boolean {
    const type = this.events[partition]?.[offset]?.type ?? ''
    return this.filtered.has(type) || this.finished.has(`${partition}/${offset}`)
  }
  positions(inner: Positions): Positions {
    return {
      fetch: (asked) => inner.fetch(asked),
      close: () => inner.close(),
      commit: (group, positions) => {
        for (const { partition, offset } of positions) {
          for (let at = 0; at < offset; at++) {
            if (!this.isFinished(partition, at)) this.breaches.push(`${partition}/${at} passed by ${offset}`)
          }
        }
        return inner.commit(group, positions)
      },
    }
  }
  appender(inner: Appender): Appender {
    return {
      get pendingBytes() {
        return inner.pendingBytes
      },
      close: (ms) => inner.close(ms),
      append: async (record) => {
        const done = await inner.append(record)
        const text = (name: string): string => String(record.headers.find(([one]) => one === name)?.[1])
        this.finished.add(`${text('ce_knativekafkapartition')}/${text('ce_knativekafkaoffset')}`)
        return done
      },
    }
  }
}

function play(what: string, judge: Judge, got: Got, response: ServerResponse): void {
  const take = (): void => {
    judge.finished.add(`${got.partition}/${got.offset}`)
    answer(200)(got, response)
  }
  if (what === 'ok') take()
  else if (what === 'slow') setTimeout(() => (response.destroyed ? undefined : take()), 4 + Math.random() * 10)
  else if (what === 'cut') response.destroy()
  else answer(what === 'fail' ? 503 : 400)(got, response)
}

async function write(rig: Rig, events: World['events']): Promise<void> {
  for (const [partition, list] of events.entries()) {
    for (const [id, { type }] of list.entries()) {
      if (type !== 'junk') await rig.send(1, { from: partition * 1000 + id, type, partition })
      else await rig.appender.append({ topic: rig.topic, partition, key: null, value: Buffer.from('?'), headers: [] })
    }
  }
}

async function live(given: World): Promise<void> {
  const judge = new Judge(given.events)
  const attempts = new Map<string, number>()
  await using subscriber = await startSubscriber((got, response) => {
    const key = got.path + got.id
    const attempt = attempts.get(key) ?? 0
    attempts.set(key, attempt + 1)
    const what = given.events[got.partition]?.[got.offset]?.script[attempt] ?? 'ok'
    play(what, judge, got, response)
  })
  await using rig = await embeddedRig(PARTITIONS)
  await write(rig, given.events)
  const deadLetter = given.deadLetter ? { deadLetter: { url: `${subscriber.url}/dead` } } : {}
  let outlet = rig.outlet(subscriber.url, {
    order: given.order,
    filter: { attributes: { type: 'red' } },
    delivery: { retry: 1, backoffPolicy: 'linear', backoffDelayMs: 2, timeoutMs: 5000, ...deadLetter },
  })
  judge.filtered.add('blue')
  const hands: Hand[] = []
  const start = (): Runner => {
    const { window, ringBytes } = given
    const options = { window, ringBytes, catchUpBytes: 1000, commitIntervalMs: 15, idleCommitMs: 20, retryMs: 5 }
    const positions = judge.positions(rig.log.positions())
    return rig.run([outlet], options, 'd', {
      membership: (handler) => hands[hands.push(new Hand(handler, rig)) - 1] as Hand,
      positions,
      appender: judge.appender(rig.appender),
    })
  }
  let runner = start()
  for (const { kind, partition, ms } of given.steps) {
    const hand = hands.at(-1) as Hand
    await sleep(ms)
    if (kind === 'revoke' && hand.owned.has(partition)) {
      await hand.take(partition)
      hand.give(partition)
    } else if (kind === 'lose') {
      const owned = [...hand.owned]
      hand.lose()
      for (const one of owned) hand.give(one)
    } else if (kind === 'crash') {
      // from now on nothing is committed: as if the process were gone
      hand.alive = false
      void runner.close()
      runner = start()
    } else if (kind === 'freeze') {
      hand.alive = false
      await sleep(130)
      hand.alive = true
    } else if (kind === 'filter') {
      judge.filtered.clear()
      outlet = { ...outlet, generation: outlet.generation + 1, filter: { attributes: {} } }
      // the new filter applies from the position on; what lies before was filtered rightly
      judge.filtered.add('blue')
      runner.routes.outlets.set(outlet)
    }
  }
  for (const [partition, list] of given.events.entries()) {
    await eventually(`the end of partition ${partition} is committed`, async () => {
      return (await rig.committed(outlet, partition)) === list.length
    })
    list.forEach((_, offset) => expect(judge.isFinished(partition, offset)).toBe(true))
  }
  expect(judge.breaches).toEqual([])
}

test('a committed position never passes an event that is not delivered, dead-lettered, parked or filtered; and in the end all are', async () => {
  await fc.assert(fc.asyncProperty(world, live), { numRuns: 25, interruptAfterTimeLimit: 60_000 })
}, 120_000)
