import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Fault } from '../../../core/fault.ts'
import { Refresher } from './refresher.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Runs a Refresher for a while on a log that answers `retention`. @returns when it refreshed, milliseconds from its start. */
async function refreshes(forMs: number, retention: () => number | null): Promise<number[]> {
  const stop = new AbortController()
  const began = Date.now()
  const times: number[] = []
  new Refresher({
    admin: { positionRetentionMs: async () => retention() },
    clock: { now: () => Date.now(), monotonic: () => Date.now() },
    signal: stop.signal,
    longestMs: 12 * HOUR,
    refresh: () => times.push(Date.now() - began),
  }).start()
  await vi.advanceTimersByTimeAsync(forMs)
  stop.abort()
  await vi.advanceTimersByTimeAsync(48 * HOUR)
  expect(times.filter((time) => time > forMs)).toEqual([])
  expect(vi.getTimerCount()).toBe(0)
  return times
}

const gaps = (times: readonly number[]): number[] => times.map((time, i) => time - (times[i - 1] ?? 0))

test.each([
  ['2 minutes', 2 * MINUTE],
  ['an hour', HOUR],
  ['a day', 24 * HOUR],
])('a log that keeps positions for %s: each is committed again more often than a quarter of that', async (_, kept) => {
  const times = await refreshes(3 * kept, () => kept)
  expect(times.length).toBeGreaterThanOrEqual(12)
  expect(Math.max(...gaps(times))).toBeLessThan(kept / 4)
})

test.each([
  ['keeps positions for ever', null],
  ['keeps them for 30 days', 720 * HOUR],
])('a log that %s: twice a day', async (_, kept) => {
  expect(gaps(await refreshes(49 * HOUR, () => kept))).toEqual([12 * HOUR, 12 * HOUR, 12 * HOUR, 12 * HOUR])
})

test('a log that begins to forget sooner is noticed, and what is overdue by then is made up for at once', async () => {
  let kept = 240 * HOUR
  setTimeout(() => (kept = 20 * MINUTE), 3 * HOUR)
  const times = await refreshes(5 * HOUR, () => kept)
  expect(times[0]).toBeLessThanOrEqual(3 * HOUR + 10 * MINUTE)
  expect(Math.max(...gaps(times).slice(1))).toBeLessThan(5 * MINUTE)
})

test('a log that does not answer: the last value stays in force, and it is asked again', async () => {
  let asked = 0
  const times = await refreshes(2 * HOUR, () => {
    asked++
    if (asked > 1) throw new Fault('LogUnavailable', 'away')
    return HOUR
  })
  expect(asked).toBeGreaterThan(60)
  expect(gaps(times)).toEqual(Array.from({ length: 10 }, () => HOUR / 5))
})
