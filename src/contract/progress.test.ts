import { expect, test } from 'vitest'
import { outletStatusOf } from './outlet.ts'
import { progressOf } from './progress.ts'

const early = '2026-01-01T00:00:00Z'
const late = '2026-01-02T00:00:00Z'
const status = { observedGeneration: 1, state: 'consuming' }

test('what all dispatchers did, for all Outlets of an object, is told together', () => {
  const last = { time: late, fate: 'parked', id: 'x' }
  const one = {
    progress: { lag: 3 },
    shares: {
      'd-0': { rate: 1.2, lastDelivery: early, lastError: { time: late, message: 'late' } },
      'd-1': { rate: 2, lastDelivery: late, undelivered: { parked: 2, dropped: 1, last }, replied: 2 },
    },
  }
  const other = {
    progress: { lag: 4 },
    shares: {
      'd-0': {
        lastError: { time: early, message: 'early' },
        replied: 5,
        undelivered: { parked: 1, last: { ...last, time: early } },
      },
    },
  }
  expect(progressOf([one, undefined, other])).toEqual({
    ...{ lag: 7, rate: 3.2, lastDelivery: late, lastError: { time: late, message: 'late' } },
    undelivered: { parked: 3, dropped: 1, last },
    replied: 7,
  })
  expect(progressOf([one, other], new Set(['d-1']))).toMatchObject({ rate: 2, undelivered: { parked: 3 } })
})

test('where nobody said anything, nothing is told', () => expect(progressOf([undefined, {}])).toEqual({}))

test('at rest', () => expect(progressOf([{ progress: { lag: 0 } }])).toEqual({ lag: 0, rate: 0 }))

test('what another version wrote is read as far as it is understood', () => {
  const fault = { reason: 'New', message: 'of tomorrow', code: 7 }
  const shares = { 'd-0': { rate: 'fast' }, 'd-1': { rate: 2, heat: 40, undelivered: { parked: 1, melted: 3 } } }
  expect(outletStatusOf({ ...status, mood: 'good', fault, progress: { lag: 'much' }, shares })).toEqual({
    ...status,
    fault: { reason: 'New', message: 'of tomorrow' },
    shares: { 'd-1': { rate: 2, undelivered: { parked: 1 } } },
  })
  expect(outletStatusOf({ ...status, progress: { lag: 3, lastDelivery: early }, shares: 4 })).toEqual({
    ...status,
    progress: { lag: 3 },
  })
  for (const foreign of [undefined, null, 'x', {}, { state: 'flying', observedGeneration: 1 }])
    expect(outletStatusOf(foreign)).toBeUndefined()
})
