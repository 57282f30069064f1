import { expect, test } from 'vitest'
import { backoff } from './verdict.ts'

const policy = { retry: 5, backoffDelayMs: 100, timeoutMs: 1000 }

test('linear waits d·n, exponential d·2^n, and no wait overflows a timer', () => {
  expect([1, 2, 3].map((n) => backoff({ ...policy, backoffPolicy: 'linear' }, n))).toEqual([100, 200, 300])
  expect([1, 2, 3].map((n) => backoff({ ...policy, backoffPolicy: 'exponential' }, n))).toEqual([200, 400, 800])
  expect(backoff({ ...policy, backoffPolicy: 'exponential' }, 60)).toBe(2 ** 31 - 1)
})
