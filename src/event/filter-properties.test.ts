import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { explainFilter } from './explain.ts'
import { compileFilter, type CompiledFilter } from './filter.ts'
import { FilterSpec } from './filter-spec.ts'
import { MatchIndex } from './match-index.ts'

// Few names and texts that begin and end alike, so that filters meet in buckets and events find them.
const name = fc.constantFrom('type', 'source', 'tenant')
const text = fc.constantFrom('a', 'b', 'ab', 'ba', 'aba', 'abab', 'bbbbbb')
const map = fc.dictionary(name, text, { minKeys: 1, maxKeys: 3 })
const events = fc.dictionary(name, fc.oneof(text, fc.constantFrom('', 'aab', 'ababab')), { maxKeys: 3 })
const expressions = fc.constantFrom(
  "type = 'ab'",
  "type LIKE 'ab%'",
  "type = 'a' OR source = 'b'",
  "type = 'a' OR (source LIKE 'b%' AND tenant = 'ab')",
  "type IN ('a', 'ab', 'ba')",
  "type IN ('a', 'b') AND (source = 'a' OR source = 'b')",
  "EXISTS tenant AND tenant != 'a'",
  "NOT (type = 'a')",
  'source',
  'LENGTH(type) / LENGTH(source) = 1',
  'INT(tenant) = 1',
)
const { filter } = fc.letrec<{ filter: FilterSpec }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    fc.record({ exact: map }),
    fc.record({ prefix: map }),
    fc.record({ suffix: map }),
    fc.record({ attributes: fc.dictionary(name, fc.oneof(text, fc.constant('')), { maxKeys: 3 }) }),
    fc.record({ cesql: expressions }),
    fc.record({ all: fc.array(tie('filter'), { minLength: 1, maxLength: 3 }) }),
    fc.record({ any: fc.array(tie('filter'), { minLength: 1, maxLength: 3 }) }),
    fc.record({ not: tie('filter') }),
  ),
}))
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('add' as const), item: fc.nat({ max: 30 }), filter }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('remove' as const), item: fc.nat({ max: 30 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('match' as const), event: events }) },
)
const { anything } = fc.letrec((tie) => ({
  anything: fc.oneof(
    { maxDepth: 5, depthSize: 'small' },
    filter,
    fc.dictionary(
      fc.constantFrom('exact', 'prefix', 'all', 'any', 'not', 'cesql', 'attributes', 'regex', '__proto__'),
      tie('anything'),
      { maxKeys: 2 },
    ),
    fc.array(tie('anything'), { maxLength: 3 }),
    fc.jsonValue(),
  ),
}))
const attributesOf = (event: Readonly<Record<string, string>>): Map<string, string> => new Map(Object.entries(event))

describe('of any filter and event', () => {
  it('the schema takes the filter', () => {
    fc.assert(
      fc.property(filter, (spec) => {
        expect(FilterSpec.parse(spec)).toEqual(spec)
      }),
    )
  })

  it('the schema never throws, and what it takes can be compiled and asked', () => {
    fc.assert(
      fc.property(anything, events, (value, event) => {
        const read = FilterSpec.safeParse(value)
        if (read.success) expect(typeof compileFilter(read.data).matches(attributesOf(event))).toBe('boolean')
        else expect(read.error.issues).not.toEqual([])
      }),
      { numRuns: 2000 },
    )
  })

  it('the compiled filter, the explanation and the meaning of the words agree', () => {
    fc.assert(
      fc.property(filter, events, (spec, event) => {
        const attributes = attributesOf(event)
        const passes = compileFilter(spec).matches(attributes)
        expect(passes).toBe(means(spec, attributes))
        const explained = explainFilter(spec, attributes)
        expect(explained.passes).toBe(passes)
        const asksNothing = 'attributes' in spec && Object.keys(spec.attributes).length === 0
        if (!JSON.stringify(spec).includes('"attributes":{}')) expect(explained.reasons).not.toEqual([])
        if (asksNothing) expect(explained).toEqual({ passes: true, reasons: [] })
      }),
      { numRuns: 2000 },
    )
  })

  it('the index finds what asking every filter finds, while items come, change and go', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 40, maxLength: 80, size: 'max' }), (steps) => {
        const index = new MatchIndex<number>()
        const all = new Map<number, CompiledFilter>()
        for (const step of steps) {
          if (step.do === 'add') {
            const compiled = compileFilter(step.filter)
            index.add(step.item, compiled)
            all.set(step.item, compiled)
          } else if (step.do === 'remove') {
            expect(index.remove(step.item)).toBe(all.delete(step.item))
          } else {
            const event = attributesOf(step.event)
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
})

/** The filter, read word for word. */
function means(spec: FilterSpec, event: ReadonlyMap<string, string>): boolean {
  const every = (map: Readonly<Record<string, string>>, holds: (value: string, text: string) => boolean): boolean =>
    Object.entries(map).every(([name, text]) => event.has(name) && holds(event.get(name) ?? '', text))
  if ('exact' in spec) return every(spec.exact, (value, text) => value === text)
  if ('prefix' in spec) return every(spec.prefix, (value, text) => value.startsWith(text))
  if ('suffix' in spec) return every(spec.suffix, (value, text) => value.endsWith(text))
  if ('attributes' in spec)
    return every(spec.attributes, (value, text) => (text === '' ? value !== '' : value === text))
  if ('all' in spec) return spec.all.every((member) => means(member, event))
  if ('any' in spec) return spec.any.some((member) => means(member, event))
  if ('not' in spec) return !means(spec.not, event)
  return compileFilter(spec).matches(event)
}
