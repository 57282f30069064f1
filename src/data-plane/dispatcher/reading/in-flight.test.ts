import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Budget } from './budget.ts'
import { InFlight, type OutletShare, type TopicShare } from './in-flight.ts'
import { Entry } from './segment.ts'

const MiB = 2 ** 20
const nobody = { proceed: () => undefined }
const uncounted = { take: () => undefined, give: () => undefined }

function event(bytes: number): Entry {
  const record = { offset: 0n, timestamp: 0, key: null, value: Buffer.alloc(bytes), headers: [] }
  return new Entry({ topic: 't', partition: 0 }, record)
}

/** Begins as many events as it may, and never ends one. @returns how many. */
function hang(share: OutletShare, bytes: number): number {
  let begun = 0
  for (let one = event(bytes); share.admits(nobody, one, false); one = event(bytes), begun++) share.take(one, false)
  return begun
}

/** Topics with one Outlet each. */
function outlets(all: InFlight, count: number): OutletShare[] {
  return Array.from({ length: count }, () => all.join().join())
}

describe('where subscribers hang', () => {
  it.each([
    [1, 1_000_000],
    [20, 400_000],
    [1_000, 8_000],
    [4_000, 1_000],
  ])('%i Brokers take nothing that another one needs for events of %i bytes', (hanging, bytes) => {
    const all = new InFlight(32 * MiB, uncounted)
    const [healthy, ...others] = outlets(all, hanging + 1)
    for (const one of others) hang(one, bytes)
    for (const one of others) hang(one, 100)
    expect(healthy?.admits(nobody, event(bytes), false)).toBe(true)
    expect(all.held).toBeLessThanOrEqual(all.limit)
  })

  it('a Broker of many Outlets takes no more of what is for others than one of a single Outlet', () => {
    const held = [1, 100].map((count) => {
      const all = new InFlight(32 * MiB, uncounted)
      const [topic] = Array.from({ length: 100 }, () => all.join())
      for (let n = 0; n < count; n++) if (topic !== undefined) hang(topic.join(), 10_000)
      return all.held
    })
    expect(held[0]).toBeGreaterThan(1 * MiB)
    expect(held[1]).toBeLessThan(6 * MiB)
  })

  it('499 Outlets of a Broker leave room to the last of their siblings', () => {
    const topic = new InFlight(32 * MiB, uncounted).join()
    const [healthy, ...others] = Array.from({ length: 500 }, () => topic.join())
    for (const one of others) hang(one, 5_000)
    expect(healthy === undefined ? 0 : hang(healthy, 5_000)).toBeGreaterThan(0)
  })

  it('ten of ten thousand Outlets of one Broker leave room to the others', () => {
    const topic = new InFlight(32 * MiB, uncounted).join()
    const all = Array.from({ length: 10_000 }, () => topic.join())
    for (const one of all.slice(0, 10)) hang(one, 10_000)
    expect(all.slice(10, 20).map((one) => one.admits(nobody, event(2_000), false))).not.toContain(false)
  })
})

it('all together never hold more than the limit, whoever comes, hangs and goes', () => {
  const step = fc.record({
    topic: fc.nat(40),
    outlet: fc.nat(3),
    bytes: fc.oneof(fc.nat(1_000), fc.nat(64_000)),
    json: fc.boolean(),
    ends: fc.nat(4),
  })
  fc.assert(
    fc.property(fc.array(step, { minLength: 100, maxLength: 400 }), (steps) => {
      const budget = new Budget(2 * MiB)
      const all = budget.inFlight
      const topics = new Map<number, TopicShare>()
      const shares = new Map<string, OutletShare>()
      const begun: (() => void)[] = []
      for (const { topic, outlet, bytes, json, ends } of steps) {
        const its = topics.get(topic) ?? all.join()
        topics.set(topic, its)
        const name = `${topic}/${outlet}`
        const share = shares.get(name) ?? its.join()
        shares.set(name, share)
        for (let one = event(bytes); share.admits(nobody, one, json); one = event(bytes)) {
          const [entry, cost] = [one, share.take(one, json)]
          begun.push(() => share.give(entry, cost))
        }
        expect(all.held).toBeLessThanOrEqual(all.limit)
        expect(budget.used).toBe(all.held)
        if (ends === 0) for (const end of begun.splice(0, begun.length / 2)) end()
      }
      for (const end of begun) end()
      expect([all.held, ...Array.from(topics.values(), ({ held }) => held)]).toEqual(Array(topics.size + 1).fill(0))
    }),
    { numRuns: 30 },
  )
})

it('an event that all Outlets of a topic hold counts once', () => {
  const all = new InFlight(32 * MiB, uncounted)
  const topic = all.join()
  const one = event(1 * MiB)
  const costs = Array.from({ length: 50 }, () => topic.join()).map((share) => share.take(one, false))
  expect(all.held).toBe(1 * MiB + costs.reduce((sum, cost) => sum + cost, 0))
  expect(all.held).toBeLessThan(1.2 * MiB)
})

it('an event larger than all reserves begins once little is held', () => {
  const all = new InFlight(8 * MiB, uncounted)
  const [large, small] = outlets(all, 100)
  const held = event(500_000)
  small?.take(held, false)
  expect(large?.admits(nobody, event(20 * MiB), false)).toBe(true)
})

describe('those that wait', () => {
  /** A partition with a backlog. */
  function partition(share: OutletShare, name: string, log: string[], begun: (() => void)[], bytes: number) {
    const one = {
      proceed(): void {
        for (let next = event(bytes); share.admits(one, next, false); next = event(bytes)) {
          const [entry, cost] = [next, share.take(next, false)]
          log.push(name)
          begun.push(() => {
            share.give(entry, cost)
            one.proceed()
          })
        }
      },
    }
    return one
  }

  it('get their turn, though each that ends an event would take the room again', async () => {
    const share = new InFlight(1 * MiB, uncounted).join().join()
    const log: string[] = []
    const begun: (() => void)[] = []
    for (const name of ['a', 'b', 'c', 'd']) partition(share, name, log, begun, 150_000).proceed()
    const first = log.length
    for (let ended = 0; ended < 8; ended++) {
      begun.shift()?.()
      await turn()
    }
    expect([...new Set(log.slice(first))].toSorted()).toEqual(['a', 'b', 'c', 'd'])
  })

  it('go on when another Outlet gives back what it held, be it of another topic', async () => {
    const all = new InFlight(1 * MiB, uncounted)
    const [hung, ...waiting] = outlets(all, 10)
    const held = event(600_000)
    const cost = hung?.take(held, false) ?? 0
    const log: string[] = []
    for (const [n, share] of waiting.entries()) partition(share, String(n), log, [], 100_000).proceed()
    await turn()
    expect(log).toEqual([])
    hung?.give(held, cost)
    await turn()
    expect(new Set(log).size).toBeGreaterThan(0)
  })

  it('go on when windows are wide again', async () => {
    const share = new InFlight(1 * MiB, uncounted).join().join()
    const held = event(300_000)
    const cost = share.take(held, false)
    let wider = false
    share.untilWider({ proceed: () => (wider = true) }, false)
    expect([share.tight, wider]).toEqual([true, false])
    share.give(held, cost)
    await turn()
    expect([share.tight, wider]).toEqual([false, true])
  })

  it('go on when there is room for what is behind a key that is stuck, though windows were as wide as they get', async () => {
    const share = new InFlight(1 * MiB, uncounted).join().join()
    const [stuck, held] = [event(10_000), event(120_000)]
    share.take(stuck, false)
    const cost = share.take(held, false)
    let roomy = 0
    const one = { proceed: () => void roomy++ }
    share.untilWider(one, false)
    share.untilWider(one, true)
    expect([share.tight, share.roomy, roomy]).toEqual([false, false, 0])
    share.give(held, cost)
    await turn()
    expect([share.roomy, roomy]).toEqual([true, 1])
  })

  it('go on when an Outlet is gone whose reserve they need, and nobody of those that are gone waits', async () => {
    const all = new InFlight(1 * MiB, uncounted)
    const [other, topic] = [all.join().join(), all.join()]
    const [hung, waiting, idle] = [topic.join(), topic.join(), topic.join()]
    other.take(event(600_000), false)
    hung.take(event(180_000), false)
    let begun = 0
    const small = event(25_000)
    const one = { proceed: () => (begun += waiting.admits(one, small, false) ? 1 : 0) }
    one.proceed()
    await turn()
    expect([begun, all.waiting]).toEqual([0, 1])
    idle.close()
    await turn()
    expect([begun, all.waiting]).toEqual([1, 0])
    expect(waiting.admits(one, event(100_000), false)).toBe(false)
    expect(all.waiting).toBe(1)
    waiting.close()
    await turn()
    expect(all.waiting).toBe(0)
  })
})
