import { expect, test } from 'vitest'
import type { OutletProgress } from '../../contract/outlet.ts'
import { dueOf } from './progress-due.ts'

const lastDelivery = '2026-01-01T00:00:00Z'
const later = '2026-01-01T00:00:07Z'
const failed = (message: string, time = lastDelivery) => ({ lastError: { time, message } })

const table: readonly [string, OutletProgress, OutletProgress | undefined, boolean, number, string][] = [
  ['never anything', { lag: 0 }, undefined, true, Infinity, 'same'],
  [
    'as stored',
    { lag: 3, lastDelivery, ...failed('x') },
    { lag: 3, lastDelivery, ...failed('x') },
    true,
    Infinity,
    'same',
  ],
  ['the first lag', { lag: 5 }, undefined, false, Infinity, 'now'],
  ['a lag that moves', { lag: 50 }, { lag: 5 }, false, 10_000, 'now'],
  ['a lag that moves, written lately', { lag: 50 }, { lag: 5 }, false, 9_000, 'later'],
  ['a lag that trembles', { lag: 105 }, { lag: 100 }, false, 59_000, 'later'],
  ['a lag that trembled long ago', { lag: 105 }, { lag: 100 }, true, 60_000, 'now'],
  ['all done', { lag: 0, lastDelivery: later }, { lag: 5, lastDelivery }, true, 0, 'now'],
  ['done for the moment', { lag: 0, lastDelivery: later }, { lag: 5, lastDelivery }, false, 9_000, 'later'],
  ['delivered meanwhile', { lag: 0, lastDelivery: later }, { lag: 0, lastDelivery }, true, 10_000, 'now'],
  [
    'delivered meanwhile, written lately',
    { lag: 0, lastDelivery: later },
    { lag: 0, lastDelivery },
    true,
    5_000,
    'later',
  ],
  ['another error', { lag: 9, ...failed('y') }, { lag: 9, ...failed('x') }, true, 10_000, 'now'],
  ['the same error again', { lag: 9, ...failed('x', later) }, { lag: 9, ...failed('x') }, true, 59_000, 'later'],
]

test.each(table)('%s', (_, now, stored, quiet, sinceMs, wanted) => {
  expect(dueOf({ now, stored, quiet, sinceMs })).toBe(wanted)
})
