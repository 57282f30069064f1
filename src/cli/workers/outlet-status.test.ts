import { expect, test } from 'vitest'
import type { OutletStatus } from '../../contract/outlet.ts'
import type { OutletReport } from '../../contract/route-source.ts'
import { decideStatus, differInWords } from './outlet-status.ts'

const fault = { reason: 'LogUnavailable', message: 'no answer' } as const
const allStarted = { topicId: 't1', partitions: 3 }
const report = (more: Partial<OutletReport> = {}): OutletReport => ({
  ...{ uid: 'a', generation: 2, state: 'consuming', fault: null },
  ...more,
})
const started = { observedGeneration: 2, state: 'consuming', topicId: 't1', partitions: 3 } as const
const earlier = { ...started, observedGeneration: 1 }

const table: readonly [string, Parameters<typeof decideStatus>[0], OutletStatus | null][] = [
  ['all have a start', { report: report({ allStarted }), stored: undefined, recovered: false }, started],
  [
    'all have a start, and a fault',
    { report: report({ allStarted, fault }), stored: started, recovered: false },
    { ...started, fault },
  ],
  ['a fault is over', { report: report({ allStarted }), stored: { ...started, fault }, recovered: false }, started],
  ['not known yet', { report: report({ state: 'starting' }), stored: undefined, recovered: false }, null],
  ['ours have a start, others not yet', { report: report(), stored: undefined, recovered: false }, null],
  [
    'a new owner that does not know yet',
    { report: report({ state: 'starting' }), stored: started, recovered: false },
    null,
  ],
  [
    'a new owner that does not know yet clears no fault of the one before',
    { report: report(), stored: { ...started, fault }, recovered: false },
    null,
  ],
  [
    'a fault before it began',
    { report: report({ state: 'starting', fault }), stored: undefined, recovered: false },
    { observedGeneration: 2, state: 'starting', fault },
  ],
  [
    'a fault of a new owner: what was committed stays committed',
    { report: report({ state: 'starting', fault }), stored: started, recovered: false },
    { ...started, fault },
  ],
  [
    'a fault in a new generation: it is remembered that it has consumed',
    { report: report({ state: 'starting', fault }), stored: earlier, recovered: false },
    { ...started, state: 'starting', fault },
  ],
  [
    'our fault is over before all have a start',
    {
      report: report(),
      stored: { observedGeneration: 2, state: 'starting', fault },
      recovered: true,
    },
    { observedGeneration: 2, state: 'starting' },
  ],
]

test.each(table)('%s', (_, view, wanted) => {
  expect(decideStatus(view)).toEqual(wanted)
})

test('only words differ when the same fault is told otherwise', () => {
  const told = (message: string, more: Partial<OutletStatus> = {}): OutletStatus => ({
    ...started,
    ...more,
    fault: { reason: 'DeliveryFailed', message },
  })
  expect(differInWords(told('3 events'), told('2 events'))).toBe(true)
  expect(differInWords(told('3 events'), told('2 events', { observedGeneration: 1 }))).toBe(false)
  expect(differInWords(told('3 events'), started)).toBe(false)
  expect(differInWords(started, told('3 events'))).toBe(false)
  expect(differInWords({ ...started, fault }, told('3 events'))).toBe(false)
})
