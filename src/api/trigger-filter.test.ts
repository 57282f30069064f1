import { describe, expect, it } from 'vitest'
import { FilterSpec } from '../event/filter-spec.ts'
import { explainTrigger, filterOf, TriggerFilters } from './trigger-filter.ts'

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

  it.each([
    [
      'as many conditions as may be',
      1000,
      (n: number) => [{ any: Array.from({ length: n }, () => ({ cesql: 'TRUE' })) }],
    ],
    ['filters as deep as may be', 20, (n: number) => [nested(n)]],
  ])('is taken by its Outlet when admission takes it: %s', (_, from, filters) => {
    const admitted = Array.from({ length: 50 }, (_each, i) => TriggerFilters.safeParse(filters(from + i)))
    const taken = admitted.filter(({ success }) => success)
    expect(taken.length).toBeGreaterThan(0)
    expect(taken.length).toBeLessThan(admitted.length)
    for (const { data } of taken) expect(FilterSpec.safeParse(filterOf({ filters: data })).success).toBe(true)
  })
})

const nested = (levels: number): object => (levels === 1 ? { exact: { type: 'a' } } : { not: nested(levels - 1) })
