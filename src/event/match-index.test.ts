import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileFilter } from './filter.ts'
import type { CompiledFilter } from './filter.ts'
import { MatchIndex } from './match-index.ts'

// Few names and values, so that filters meet in buckets and events find them.
const name = fc.constantFrom('type', 'source', 'tenant')
const attributes = fc.dictionary(name, fc.constantFrom('', 'a', 'b'), { maxKeys: 3 })
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('add' as const), item: fc.nat({ max: 20 }), filter: attributes }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('remove' as const), item: fc.nat({ max: 20 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('match' as const), event: attributes }) },
)

describe('MatchIndex', () => {
  it('finds what asking every filter finds, while items come, change and go', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 40, maxLength: 80, size: 'max' }), (steps) => {
        const index = new MatchIndex<number>()
        const all = new Map<number, CompiledFilter>()
        for (const step of steps) {
          if (step.do === 'add') {
            const filter = compileFilter(step.filter)
            index.add(step.item, filter)
            all.set(step.item, filter)
          } else if (step.do === 'remove') {
            expect(index.remove(step.item)).toBe(all.delete(step.item))
          } else {
            const event = new Map(Object.entries(step.event))
            const expected = [...all].filter(([, filter]) => filter.matches(event)).map(([item]) => item)
            const found: number[] = []
            expect(index.match(event, found)).toBe(found.length)
            expect(found.toSorted((a, b) => a - b)).toEqual(expected.toSorted((a, b) => a - b))
          }
          expect(index.size).toBe(all.size)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('appends to the array it is given', () => {
    const index = new MatchIndex<string>()
    index.add('all', compileFilter({}))
    const into = ['before']
    expect(index.match(new Map(), into)).toBe(1)
    expect(into).toEqual(['before', 'all'])
  })

  it.each([
    ['the shared attribute ranks first', (i: number) => ({ env: 'prod', type: `t${i}` })],
    ['the shared attribute ranks last', (i: number) => ({ tenant: `t${i}`, type: 'order' })],
    ['every filter asks another attribute', (i: number) => ({ [`x${i}`]: 'yes' })],
  ])('checks few of a thousand filters when one matches and %s', (_, filterOf) => {
    const index = new MatchIndex<number>()
    let checks = 0
    for (let i = 0; i < 1000; i++) {
      const filter = compileFilter(filterOf(i))
      const counted = (attributes: ReadonlyMap<string, string>): boolean => {
        checks++
        return filter.matches(attributes)
      }
      index.add(i, { matches: counted, key: filter.key, keys: filter.keys, keysAreAll: filter.keysAreAll })
    }
    const found: number[] = []
    index.match(new Map(Object.entries({ env: 'prod', type: 'order', ...filterOf(500) })), found)
    expect(found).toEqual([500])
    expect(checks).toBeLessThanOrEqual(3)
  })
})
