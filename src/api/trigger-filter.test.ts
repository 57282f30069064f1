import { describe, expect, it } from 'vitest'
import { explainTrigger, filterOf } from './trigger-filter.ts'

describe('what a Trigger asks of events', () => {
  const attributes = { type: 'a' }
  const filters = [{ exact: { type: 'b' } }]

  it.each([
    ['nothing: everything passes', {}, { attributes: {} }],
    ['an empty filter: everything passes', { filter: {} }, { attributes: {} }],
    ['filter', { filter: { attributes } }, { attributes }],
    ['filters: all of them', { filters: [...filters, { cesql: 'TRUE' }] }, { all: [...filters, { cesql: 'TRUE' }] }],
    ['both: filters', { filter: { attributes }, filters }, { all: filters }],
    ['an empty list beside filter: filter', { filter: { attributes }, filters: [] }, { attributes }],
  ])('%s', (_, spec, filter) => {
    expect(filterOf(spec)).toEqual(filter)
  })

  it.each([
    ['filters', { filters }, ['filters', 0, 'exact', 'type']],
    ['filter', { filter: { attributes } }, ['filter', 'attributes', 'type']],
  ])('is explained with paths of the manifest: %s', (_, spec, path) => {
    expect(explainTrigger(spec, new Map([['type', 'c']]))).toMatchObject({ passes: false, reasons: [{ path }] })
  })
})
