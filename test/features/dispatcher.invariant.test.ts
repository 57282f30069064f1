import fc from 'fast-check'
import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Outlet } from '../../src/contract/outlet.ts'
import type { Appender, LogReader, Positions, Tail, TailHandler } from '../../src/kafka/log.ts'
import { eventually } from '../support/eventually.ts'
import { answer, embeddedRig, Hand, startSubscriber, type Got, type Rig, type Runner } from './dispatcher-rig.ts'

const PARTITIONS = 2

/** What the subscriber does with the attempts for one event, one after the other; then it takes everything. */
const script = fc.array(fc.constantFrom('ok', 'fail', 'refuse', 'cut', 'slow', 'slow'), { maxLength: 3 })
const event = fc.record({
  type: fc.constantFrom('red', 'red', 'blue', 'junk'),
  key: fc.constantFrom(null, '', 'a', 'b', 'b'),
  script,
})
const step = fc.record({
  kind: fc.constantFrom('revoke', 'lose', 'crash', 'freeze', 'filter', 'cut', 'wait'),
  partition: fc.nat(PARTITIONS - 1),
  ms: fc.nat(25),
})
const world = fc.record({
  events: fc.array(fc.array(event, { minLength: 5, maxLength: 60 }), { minLength: PARTITIONS, maxLength: PARTITIONS }),
  steps: fc.array(step, { maxLength: 8 }),
  window: fc.integer({ min: 1, max: 30 }),
  ringBytes: fc.constantFrom(1, 20_000, 1_000_000),
  budgetBytes: fc.constantFrom(20_000, 60_000, 64_000_000),
  order: fc.constantFrom<Outlet['order']>('ordered', 'unordered', 'key', 'key'),
  deadLetter: fc.boolean(),
  /** Another Outlet rides the head while the one that is judged may be behind it. */
  companion: fc.boolean(),
})
type World = typeof world extends fc.Arbitrary<infer T> ? T : never

/** Knows what is finished, and looks at every commit. */
class Judge {
  readonly finished = new Set<string>()
  /** Were finished, and are to be delivered anew: of those that followed them some may have been on their way to the subscriber. */
  readonly #cut = new Set<string>()
  /** Partitions that were cut, of which no position was committed since: the next owner would begin where the last one was. */
  readonly rewound = new Set<number>()
  readonly breaches: string[] = []
  /** Types that a filter in force now or earlier lets pass by. */
  readonly filtered = new Set<string>()
  readonly events: World['events']
  constructor(events: World['events']) {
    this.events = events
  }
  /** Whoever was before it in the order that was asked for and is not finished: it should have waited for them. */
  overtaken(order: Outlet['order'], partition: number, offset: number): number[] {
    const events = this.events[partition] ?? []
    const { key = null } = events[offset] ?? {}
    if (order === 'unordered' || (order === 'key' && key === null)) return []
    const before = events.slice(0, offset).map((one, at) => (order === 'ordered' || one.key === key ? at : -1))
    return before.filter((at) => at >= 0 && !this.isFinished(partition, at) && !this.#cut.has(`${partition}/${at}`))
  }
  isFinished(partition: number, offset: number): boolean {
    const type = this.events[partition]?.[offset]?.type ?? ''
    return this.filtered.has(type) || this.finished.has(`${partition}/${offset}`)
  }
  /** What lies at or above `offset` is gone, and something else is there now. */
  cut(partition: number, offset: number): void {
    this.rewound.add(partition)
    for (let at = offset; at < (this.events[partition]?.length ?? 0); at++) {
      if (this.finished.delete(`${partition}/${at}`)) this.#cut.add(`${partition}/${at}`)
    }
  }
  positions(inner: Positions, judged: string): Positions {
    return {
      fetch: (asked) => inner.fetch(asked),
      all: (group) => inner.all(group),
      close: () => inner.close(),
      commit: (group, positions) => {
        if (group !== judged) return inner.commit(group, positions)
        for (const { partition, offset } of positions) {
          for (let at = 0; at < offset; at++) {
            if (!this.isFinished(partition, at)) this.breaches.push(`${partition}/${at} passed by ${offset}`)
          }
        }
        const told = positions.map(({ partition }) => partition).filter((partition) => this.rewound.has(partition))
        return inner.commit(group, positions).then(() => told.forEach((partition) => this.rewound.delete(partition)))
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

/** A log that can be cut: the same events are written again at once. */
class CutLog {
  readonly #tails: { readonly handler: TailHandler; readonly tail: Tail; readonly next: Map<number, number> }[] = []

  reader(inner: LogReader): LogReader {
    return { ...bound(inner), tail: (handler) => this.#tail(inner, handler) }
  }

  /** Cuts at a part of what was read. @param gone told at which offset, before anybody else. */
  cut(topic: string, partition: number, part: number, gone: (offset: number) => void): void {
    const { handler, tail, next } = this.#tails.at(-1) ?? {}
    const read = next?.get(partition)
    if (read === undefined) return
    const at = { topic, partition }
    const to = Math.floor(read * part)
    tail?.remove(at)
    gone(to)
    handler?.moved(at, { kind: 'truncated', next: BigInt(to) })
    tail?.add(at, BigInt(to))
  }

  #tail(inner: LogReader, handler: TailHandler): Tail {
    const next = new Map<number, number>()
    const tail = inner.tail({
      moved: (at, moved) => handler.moved(at, moved),
      state: (at, fault) => handler.state(at, fault),
      batch: (batch) => {
        const goesOn = handler.batch(batch)
        next.set(batch.partition, Number(batch.next))
        return goesOn
      },
    })
    this.#tails.push({ handler, tail, next })
    return {
      add: (at, from) => tail.add(at, from),
      remove: (at) => {
        next.delete(at.partition)
        tail.remove(at)
      },
      resume: (at) => tail.resume(at),
      close: () => tail.close(),
    }
  }
}

function bound(inner: LogReader): LogReader {
  return {
    tail: (handler) => inner.tail(handler),
    read: (...asked) => inner.read(...asked),
    range: (at) => inner.range(at),
    offsetsAt: (...asked) => inner.offsetsAt(...asked),
    epochEnds: (asked) => inner.epochEnds(asked),
    close: () => inner.close(),
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
    for (const [id, { type, key: partitionkey }] of list.entries()) {
      const key = partitionkey === null ? null : Buffer.from(partitionkey)
      const extra = partitionkey === null ? {} : { partitionkey }
      if (type !== 'junk') await rig.send(1, { from: partition * 1000 + id, type, partition, extra })
      else await rig.appender.append({ topic: rig.topic, partition, key, value: Buffer.from('?'), headers: [] })
    }
  }
}

async function live(given: World): Promise<void> {
  const judge = new Judge(given.events)
  const attempts = new Map<string, number>()
  await using subscriber = await startSubscriber((got, response) => {
    if (got.path === '/companion') return answer(200)(got, response)
    const key = got.path + got.id
    for (const at of judge.overtaken(given.order, got.partition, got.offset)) {
      judge.breaches.push(`${got.partition}/${got.offset} overtook ${at}`)
    }
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
    delivery: { retry: 1, backoffPolicy: 'linear', backoffDelayMs: 2, timeoutMs: 60_000, ...deadLetter },
  })
  const companion = rig.outlet(subscriber.url, { uid: 'companion', onExhausted: 'drop' })
  judge.filtered.add('blue')
  const hands: Hand[] = []
  const log = new CutLog()
  const start = (): Runner => {
    const { window, ringBytes, budgetBytes } = given
    const options = {
      window,
      ringBytes,
      budgetBytes,
      catchUpBytes: 1000,
      commitIntervalMs: 15,
      idleCommitMs: 20,
      retryMs: 5,
    }
    const positions = judge.positions(rig.log.positions(), outlet.group)
    return rig.run(given.companion ? [outlet, companion] : [outlet], options, 'd', {
      membership: (handler) => hands[hands.push(new Hand(handler, rig)) - 1] as Hand,
      positions,
      reader: log.reader(rig.log.reader()),
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
    } else if (kind === 'cut') {
      log.cut(rig.topic, partition, ms / 25, (offset) => judge.cut(partition, offset))
      await eventually('that it was cut is committed', () => !judge.rewound.has(partition), { everyMs: 2 })
    } else if (kind === 'filter') {
      judge.filtered.clear()
      outlet = { ...outlet, generation: outlet.generation + 1, filter: { attributes: {} } }
      // the new filter applies from the position on; what lies before was filtered rightly
      judge.filtered.add('blue')
      runner.routes.outlets.set(outlet)
    }
  }
  for (const [partition, list] of given.events.entries()) {
    await eventually(`all of partition ${partition} is finished and committed`, async () => {
      const finished = list.every((_, offset) => judge.isFinished(partition, offset))
      return finished && (await rig.committed(outlet, partition)) === list.length
    })
  }
  await eventually('no memory is held', () => runner.dispatcher.snapshot().memory === 0)
  expect(judge.breaches).toEqual([])
}

test('a committed position never passes an event that is not delivered, dead-lettered, parked or filtered, and none is begun before those that it must wait for; in the end all are finished', async () => {
  await fc.assert(fc.asyncProperty(world, live), {
    numRuns: Number(process.env['MILLRACE_TEST_RUNS'] ?? 35),
    interruptAfterTimeLimit: 60_000,
  })
}, 120_000)
