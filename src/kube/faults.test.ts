import { expect, it } from 'vitest'
import { Fault } from '../core/fault.ts'
import { askedWaitMs } from './faults.ts'

it.each<[unknown, number]>([
  [undefined, 0],
  [7_000, 7_000],
  [86_400_000, 60_000],
  [Infinity, 60_000],
  [-1_000, 0],
  ['soon', 0],
])('an API server that asks us to wait %s ms is waited for %i ms', (retryAfterMs, waited) => {
  expect(
    askedWaitMs(new Fault('ApiThrottled', 'not now', { details: { retryAfterMs } as Record<string, number> })),
  ).toBe(waited)
})
