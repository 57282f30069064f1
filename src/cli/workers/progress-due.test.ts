import { expect, test } from 'vitest'
import type { OutletShare } from '../../contract/outlet.ts'
import { dueOf, type Standing } from './progress-due.ts'

const lastDelivery = '2026-01-01T00:00:00Z'
const later = '2026-01-01T00:00:07Z'
const delivered = (time = lastDelivery): OutletShare => ({ lastDelivery: time })
const failed = (message: string, time = lastDelivery): OutletShare => ({ lastError: { time, message } })
const parked = (count: number): OutletShare => ({ undelivered: { parked: count } })
const at = (lag: number | null, share: OutletShare = {}): Standing => ({ lag, share })

const table: readonly [string, Standing, Partial<Standing> | undefined, boolean, number, string][] = [
  ['never anything', at(0), undefined, true, Infinity, 'same'],
  ['as stored', at(3, failed('x')), at(3, failed('x')), true, Infinity, 'same'],
  ['the first lag', at(5), undefined, false, Infinity, 'now'],
  ['a lag that moves', at(50), at(5), false, 10_000, 'now'],
  ['a lag that moves, written lately', at(50), at(5), false, 9_000, 'later'],
  ['a lag that trembles', at(105), at(100), false, 59_000, 'later'],
  ['a lag that trembled long ago', at(105), at(100), true, 60_000, 'now'],
  ['a lag that others tell', at(null), at(7), false, Infinity, 'same'],
  ['all done', at(0, delivered(later)), at(5, delivered()), true, 0, 'now'],
  ['done for the moment', at(0, delivered(later)), at(5, delivered()), false, 9_000, 'later'],
  ['delivered meanwhile', at(0, delivered(later)), at(0, delivered()), true, 10_000, 'now'],
  ['delivered where others tell the lag', at(null, delivered(later)), at(3, delivered()), true, 10_000, 'now'],
  ['delivered meanwhile, written lately', at(0, delivered(later)), at(0, delivered()), true, 5_000, 'later'],
  ['another error', at(9, failed('y')), at(9, failed('x')), true, 10_000, 'now'],
  ['the same error again', at(9, failed('x', later)), at(9, failed('x')), true, 59_000, 'later'],
  ['an event that nobody took', at(9, parked(1)), at(9), true, Infinity, 'first'],
  ['more of them', at(9, parked(900)), at(9, parked(1)), false, 10_000, 'first'],
  ['more of them, written lately', at(9, parked(900)), at(9, parked(1)), false, 9_000, 'later'],
  ['a rate that has sunk', at(0), at(0, { rate: 4.2 }), true, 59_000, 'later'],
  ['a rate that sank long ago', at(0), at(0, { rate: 4.2 }), true, 60_000, 'now'],
]

test.each(table)('%s', (_, now, stored, quiet, sinceMs, wanted) => {
  expect(dueOf({ now, stored, quiet, sinceMs })).toBe(wanted)
})
