import { expect, test } from 'vitest'
import { RateMeter } from './rate-meter.ts'

/** Looks every two seconds, with so many deliveries in each; from `from` seconds on. */
function looks(meter: RateMeter, from: number, until: number, countAt: (second: number) => number): number {
  let rate = 0
  for (let second = from; second <= until; second += 2) rate = meter.at(second * 1000, countAt(second))
  return rate
}

test('a steady flow is told as it is', () => {
  const meter = new RateMeter(0, 0)
  expect(looks(meter, 2, 10, (second) => 5 * second)).toBe(5)
  expect(looks(meter, 12, 600, (second) => 5 * second)).toBe(5)
})

test('a burst is spread over the minute, and over after it', () => {
  const meter = new RateMeter(0, 0)
  looks(meter, 2, 300, () => 0)
  // nobody looked for an hour, since nothing moved
  expect(meter.at(3_900_000, 600)).toBe(10)
  expect(looks(meter, 3_902, 3_928, () => 600)).toBeGreaterThan(0)
  expect(looks(meter, 3_930, 3_962, () => 600)).toBe(0)
})

test('a new rate is told within a minute', () => {
  const meter = new RateMeter(0, 0)
  looks(meter, 2, 200, (second) => second)
  expect(looks(meter, 202, 264, (second) => 200 + 20 * (second - 200))).toBe(20)
})

test('where it is looked at every other minute only, since thousands take turns, a flow is told as it is', () => {
  const meter = new RateMeter(0, 0)
  for (let second = 120; second <= 1_200; second += 120)
    expect(meter.at(second * 1_000, 5 * second)).toBe(second === 120 ? 10 : 5)
  expect(meter.at(1_320_000, 6_000)).toBe(0)
})

test('two digits: what trembles is the same', () => {
  expect(new RateMeter(0, 0).at(60_000, 74_123)).toBe(1200)
  expect(new RateMeter(0, 0).at(60_000, 1)).toBe(0.017)
})

test('a count that begins anew is no rate below 0', () => {
  const meter = new RateMeter(0, 0)
  looks(meter, 2, 60, (second) => second)
  expect(meter.at(62_000, 4)).toBeGreaterThanOrEqual(0)
})
