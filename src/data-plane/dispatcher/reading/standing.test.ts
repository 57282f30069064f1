import { expect, test } from 'vitest'
import { Remainder } from './remainder.ts'
import { standingAt } from './standing.ts'

test('what an earlier owner finished beyond the position is passed, what it left is ahead', () => {
  const remainder = Remainder.of({ position: 10, upTo: 20, pending: [10, 13, 17] })
  const cursor = { next: 10, position: 10 }
  const kinds = Array.from({ length: 14 }, (_, i) => standingAt(8 + i, cursor, null, remainder))
  const ahead = (behind: number): object => ({ kind: 'ahead', position: 10, behind })
  const passed = { kind: 'passed', position: 10 }
  expect(kinds).toEqual([
    ...[passed, passed, ahead(0), passed, passed, ahead(1), passed, passed, passed, ahead(2)],
    ...[passed, passed, ahead(3), ahead(4)],
  ])
})
