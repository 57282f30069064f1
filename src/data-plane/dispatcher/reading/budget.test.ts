import { setImmediate as turn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { Budget } from './budget.ts'
import { Ring } from './ring.ts'
import { Segment } from './segment.ts'

/** A dispatcher with one partition, and with reads that can be done again. */
function join(budget: Budget, readBytes: number) {
  const ring = new Ring(budget)
  const one = {
    resumed: 0,
    readBytes,
    ring,
    holdings: [{ ring, onRoom: () => void one.resumed++ }],
    dropReads(): void {
      budget.give(one.readBytes)
      one.readBytes = 0
    },
  }
  budget.take(readBytes)
  budget.join(one)
  return one
}

/** What was asked for comes in a later turn, and what follows from it in one more. */
async function turns(): Promise<void> {
  for (let i = 0; i < 3; i++) await turn()
}

it('tails that wait read on once events in flight leave some room, though most is theirs for long', async () => {
  const budget = new Budget(1000)
  const one = join(budget, 0)
  budget.take(1000)
  budget.whenRoom(() => {})
  await turns()
  expect(one.resumed).toBe(0)
  budget.give(100)
  await turns()
  expect(one.resumed).toBe(1)
})

it('a dispatcher that needs room gets what another one has read and does not look at', async () => {
  const budget = new Budget(1000)
  const [idle, busy] = [join(budget, 250), join(budget, 0)]
  budget.take(550)
  let room = false
  budget.whenRoom(() => (room = true))
  await turns()
  expect([room, idle.readBytes, busy.readBytes, budget.used]).toEqual([true, 0, 0, 550])
})

it('what was read is kept where it is enough to clear a ring, the largest', async () => {
  const budget = new Budget(1000)
  const [small, large] = [join(budget, 50), join(budget, 50)]
  const base = { topic: 't', partition: 0, from: 0n, next: 1n, end: 1n, logStart: 0n, leaderEpoch: 0, records: [] }
  small.ring.push(new Segment({ ...base, bytes: 300 }))
  large.ring.push(new Segment({ ...base, bytes: 500 }))
  let room = false
  budget.whenRoom(() => (room = true))
  await turns()
  expect([room, small.ring.bytes, large.ring.bytes, budget.used]).toEqual([true, 300, 0, 400])
})
