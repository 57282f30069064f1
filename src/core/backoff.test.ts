import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { deliveryBackoffMs, longestTimerMs, retryBackoffMs } from './backoff.ts'

describe('deliveryBackoffMs', () => {
  it.each([
    ['linear', 200, 1, 200],
    ['linear', 200, 3, 600],
    ['exponential', 200, 1, 400],
    ['exponential', 200, 3, 1600],
    ['exponential', 0, 2000, 0],
    ['exponential', 200, 2000, longestTimerMs],
    ['linear', 1e9, 10, longestTimerMs],
  ] as const)('%s with %d ms waits before retry %d for %d ms', (policy, delay, n, wait) => {
    expect(deliveryBackoffMs(policy, delay, n)).toBe(wait)
  })
})

describe('retryBackoffMs', () => {
  it('stays within half the bound and the bound, and the bound doubles up to the cap', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, draw) => {
        const wait = retryBackoffMs(attempt, { baseMs: 50, capMs: 10_000 }, () => draw)
        const bound = Math.min(10_000, 50 * 2 ** (attempt - 1))
        expect(wait).toBeGreaterThanOrEqual(bound / 2)
        expect(wait).toBeLessThanOrEqual(bound)
      }),
    )
  })

  it('spreads', () => {
    const waits = new Set(Array.from({ length: 20 }, () => retryBackoffMs(5)))
    expect(waits.size).toBeGreaterThan(10)
  })
})
