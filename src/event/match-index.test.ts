import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { compileFilter } from './filter.ts'
import type { FilterSpec } from './filter-spec.ts'
import { MatchIndex } from './match-index.ts'

describe('MatchIndex', () => {
  it('appends to the array it is given', () => {
    const index = new MatchIndex<string>()
    index.add('all', compileFilter({ attributes: {} }))
    const into = ['before']
    expect(index.match(new Map(), into)).toBe(1)
    expect(into).toEqual(['before', 'all'])
  })

  it('finds an item once, though several of its alternatives hold', () => {
    const index = new MatchIndex<string>()
    index.add(
      'a',
      compileFilter({ any: [{ prefix: { type: 'a' } }, { prefix: { type: 'ab' } }, { suffix: { type: 'b' } }] }),
    )
    for (let event = 0; event < 2; event++) {
      const found: string[] = []
      index.match(new Map([['type', 'ab']]), found)
      expect(found).toEqual(['a'])
    }
  })

  it('keeps nothing of items that went', () => {
    const index = new MatchIndex<number>()
    const churn = (from: number): void => {
      for (let i = from; i < from + 50_000; i++) {
        index.add(
          i,
          compileFilter({
            any: [{ exact: { type: `a${i}` } }, { prefix: { type: `b${i}` } }, { suffix: { [`x${i}`]: 'c' } }],
          }),
        )
        index.remove(i)
      }
    }
    churn(0)
    const before = heapBytes()
    churn(50_000)
    // some 300 bytes each would be 15 MB
    expect(heapBytes() - before).toBeLessThan(3_000_000)
  })

  it.each<[string, (i: number) => FilterSpec]>([
    ['the shared attribute ranks first', (i) => ({ exact: { env: 'prod', type: `t${i}` } })],
    ['the shared attribute ranks last', (i) => ({ exact: { tenant: `t${i}`, env: 'prod' } })],
    ['every filter asks another attribute', (i) => ({ exact: { [`x${i}`]: 'yes' } })],
    ['each asks a beginning', (i) => ({ all: [{ prefix: { type: `t${i}` } }, { not: { exact: { env: 'test' } } }] })],
    ['each asks an end', (i) => ({ suffix: { subject: `/${i}`, env: 'prod' } })],
    [
      'each has alternatives',
      (i) => ({ any: [{ exact: { id: `a${i}`, env: 'prod' } }, { exact: { type: `t${i}`, env: 'prod' } }] }),
    ],
    ['each asks for a set, in CloudEvents SQL', (i) => ({ cesql: `type IN ('a${i}', 't${i}') AND env = 'prod'` })],
    ['each has an OR, in CloudEvents SQL', (i) => ({ cesql: `type = 't${i}' OR id LIKE 'x${i}/%'` })],
    [
      'what can be looked up stands deep',
      (i) => ({ all: [{ not: { not: { all: [{ suffix: { type: `t${i}` } }] } } }, { not: { exact: { env: 'a' } } }] }),
    ],
  ])('checks few of a thousand filters when one matches and %s', (_, filterOf) => {
    const index = new MatchIndex<number>()
    let checks = 0
    for (let i = 0; i < 1000; i++) {
      const filter = compileFilter(filterOf(i))
      const matches = (attributes: ReadonlyMap<string, string>): boolean => {
        checks++
        return filter.matches(attributes)
      }
      index.add(i, { matches, lookup: filter.lookup, complete: filter.complete })
    }
    const event = { env: 'prod', type: 't500', tenant: 't500', x500: 'yes', subject: 'orders/500' }
    const found: number[] = []
    index.match(new Map(Object.entries(event)), found)
    expect(found.length).toBeGreaterThan(0)
    expect(found).toContain(500)
    expect(checks).toBeLessThanOrEqual(5)
  })
})

/** What is in use after a collection. */
function heapBytes(): number {
  setFlagsFromString('--expose-gc')
  ;(runInNewContext('gc') as () => void)()
  return process.memoryUsage().heapUsed
}
