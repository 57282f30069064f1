import fc from 'fast-check'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { eventually } from '../../test/support/eventually.ts'
import { systemClock } from '../core/clock.ts'
import { KeyQueue } from './queue.ts'

const named = (name: string) => ({ namespace: 'shop', name })

function open(concurrency: number, work: (name: string) => Promise<void> = () => Promise.resolve()) {
  const ran: string[] = []
  const run = async ({ name }: { name: string }): Promise<void> => {
    ran.push(name)
    await work(name)
  }
  const queue = new KeyQueue({ concurrency, clock: systemClock, run })
  return { queue, ran }
}

describe('the queue of keys', () => {
  it('runs nothing before its start, then each key once, first come first served', async () => {
    const { queue, ran } = open(1)
    for (const name of ['b', 'a', 'b', 'c', 'a']) queue.add(named(name))
    await sleep(5)
    expect(ran).toEqual([])
    expect(queue.idle).toBe(false)
    queue.start()
    await eventually('all ran', () => queue.idle)
    expect(ran).toEqual(['b', 'a', 'c'])
  })

  it('never runs a key twice at once; one that is added while it runs, however often, runs once more, behind the others', async () => {
    const gate = Promise.withResolvers<void>()
    const { queue, ran } = open(1, () => gate.promise)
    queue.start()
    queue.add(named('a'))
    queue.add(named('a'))
    queue.add(named('b'))
    queue.add(named('a'))
    expect(ran).toEqual(['a'])
    gate.resolve()
    await eventually('all ran', () => queue.idle)
    expect(ran).toEqual(['a', 'b', 'a'])
  })

  it('holds its bounds whatever is added: no more at once than allowed, no key beside itself, no added key without a later run', async () => {
    const keys = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.nat(3)), { maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(keys, fc.integer({ min: 1, max: 3 }), async (adds, concurrency) => {
        const running = new Set<string>()
        const stale = new Set<string>()
        const { queue } = open(concurrency, async (name) => {
          expect(running.has(name)).toBe(false)
          running.add(name)
          stale.delete(name)
          expect(running.size).toBeLessThanOrEqual(concurrency)
          await new Promise(setImmediate)
          running.delete(name)
        })
        queue.start()
        for (const [name, turns] of adds) {
          stale.add(name)
          queue.add(named(name))
          for (let i = 0; i < turns; i += 1) await new Promise(setImmediate)
        }
        await eventually('it is idle', () => queue.idle, { everyMs: 1 })
        expect([...stale]).toEqual([])
      }),
      { numRuns: 50 },
    )
  })

  it('runs a key at the earliest time that was asked for, once', async () => {
    const { queue, ran } = open(1)
    queue.start()
    queue.add(named('a'), 60_000)
    queue.add(named('a'), 20)
    queue.add(named('a'), 30_000)
    expect(queue.idle).toBe(true)
    await eventually('it ran', () => ran.length > 0)
    await sleep(40)
    expect(ran).toEqual(['a'])
    await queue.close()
  })

  it('keeps a later time when the key runs before it', async () => {
    const { queue, ran } = open(1)
    queue.start()
    queue.add(named('a'), 30)
    queue.add(named('a'))
    await eventually('it ran twice', () => ran.length === 2)
    await queue.close()
  })

  it('begins nothing more once it is closed, and is closed when what runs has ended', async () => {
    const gate = Promise.withResolvers<void>()
    const { queue, ran } = open(1, () => gate.promise)
    queue.start()
    queue.add(named('a'))
    queue.add(named('b'))
    queue.add(named('c'), 1)
    let closed = false
    const closing = queue.close().then(() => (closed = true))
    queue.add(named('d'))
    await sleep(10)
    expect(closed).toBe(false)
    gate.resolve()
    await closing
    expect(ran).toEqual(['a'])
  })
})
