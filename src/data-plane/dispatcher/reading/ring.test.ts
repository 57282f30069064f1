import { expect, test } from 'vitest'
import { Budget } from './budget.ts'
import { Ring } from './ring.ts'
import { Segment } from './segment.ts'

function segment(from: number, next: number): Segment {
  const base = { topic: 't', partition: 0, end: 0n, logStart: 0n, leaderEpoch: 0, bytes: 100, records: [] }
  return new Segment({ ...base, from: BigInt(from), next: BigInt(next) })
}

test('it finds what speaks for an offset, gaps and empty stretches included, and counts its bytes once', () => {
  const budget = new Budget(1000)
  const ring = new Ring(budget)
  for (const [from, next] of [
    [5, 10],
    [10, 30],
    [30, 31],
  ] as const)
    ring.push(segment(from, next))
  expect([4, 5, 9, 10, 29, 30, 31].map((offset) => ring.find(offset)?.from)).toEqual([
    undefined,
    5,
    5,
    10,
    10,
    30,
    undefined,
  ])
  expect([budget.used, ring.bytesAfter(9), ring.bytesAfter(30)]).toEqual([300, 200, 0])
  ring.dropBelow(29)
  expect([ring.find(9), ring.oldest?.from, budget.used]).toEqual([undefined, 10, 200])
})

test('what does not join on makes it begin anew', () => {
  const budget = new Budget(1000)
  const ring = new Ring(budget)
  ring.push(segment(0, 10))
  ring.push(segment(20, 30))
  expect([ring.find(5), ring.oldest?.from, budget.used]).toEqual([undefined, 20, 100])
})
