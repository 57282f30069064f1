import { expect, test } from 'vitest'
import { waitBefore } from './verdict.ts'

const policy = { retry: 5, backoffDelayMs: 100, timeoutMs: 1000 }

test('linear waits d·n, exponential d·2^n, and no wait overflows a timer', () => {
  const wait = (backoffPolicy: 'linear' | 'exponential', n: number, backoffDelayMs = 100) =>
    waitBefore({ ...policy, backoffPolicy, backoffDelayMs }, n, null, 0)
  expect([1, 2, 3].map((n) => wait('linear', n))).toEqual([100, 200, 300])
  expect([1, 2, 3].map((n) => wait('exponential', n))).toEqual([200, 400, 800])
  expect(wait('exponential', 60)).toBe(2 ** 31 - 1)
  expect(wait('exponential', 2000, 0)).toBe(0)
})

test('a Retry-After of a month does not overflow a timer, which would end at once', () => {
  const month = 30 * 24 * 3600
  const answer = { status: 503, headers: { 'retry-after': String(month) }, body: Buffer.alloc(0), cut: false }
  const patient = { ...policy, backoffPolicy: 'linear', retryAfterMaxMs: month * 1000 } as const
  expect(waitBefore(patient, 1, answer, 0)).toBe(2 ** 31 - 1)
})
