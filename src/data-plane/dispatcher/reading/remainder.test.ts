import { expect, test } from 'vitest'
import { Remainder } from './remainder.ts'

test('only what an earlier owner left is wanted below its end, everything from there on', () => {
  const remainder = new Remainder({ position: 10, upTo: 20, pending: [10, 14] })
  expect([9, 10, 11, 14, 19, 20, 21].filter((offset) => remainder.wants(offset))).toEqual([10, 14, 20, 21])
  expect([10, 11, 15, 20, 30].map((next) => remainder.after(next))).toEqual([10, 14, 20, 20, 30])
  expect(remainder.from(11)).toEqual([14])
})

test('a log that was cut below its end is wanted again from there on', () => {
  const remainder = new Remainder({ position: 10, upTo: 20, pending: [10, 14] })
  remainder.cut(12)
  expect([10, 11, 12, 14].filter((offset) => remainder.wants(offset))).toEqual([10, 12, 14])
})

test('of what is lost below an offset only that counts which was not finished', () => {
  const remainder = new Remainder({ position: 10, upTo: 20, pending: [10, 14] })
  expect([5, 10, 14, 15, 25].map((end) => remainder.countBelow(end, 10))).toEqual([0, 0, 1, 2, 7])
  expect([10, 40].map((end) => remainder.countBelow(end, 30))).toEqual([0, 10])
})
