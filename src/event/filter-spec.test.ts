import { describe, expect, it } from 'vitest'
import { FilterList, FilterSpec } from './filter-spec.ts'

const issuesOf = (schema: typeof FilterSpec | typeof FilterList, value: unknown): string[] =>
  (schema.safeParse(value).error?.issues ?? []).map(
    ({ path, message, code }) => `${path.join('.')}: ${code === 'custom' ? message : code}`,
  )
const times = (count: number, value: object): object[] => Array.from({ length: count }, () => value)
const nested = (levels: number): unknown => {
  let value: unknown = { exact: { type: 'a' } }
  for (let i = 0; i < levels; i++) value = i % 2 === 0 ? { not: value } : { all: [value] }
  return value
}

describe('FilterSpec', () => {
  it.each([
    ['what the version before wrote', { attributes: { type: 'a', tenant: '' } }],
    ['what the version before wrote for everything', { attributes: {} }],
    [
      'all dialects',
      { all: [{ any: [{ exact: { a: 'b' } }, { not: { prefix: { a: 'b' } } }] }, { suffix: { a: 'b' } }] },
    ],
    ['32 levels', nested(32)],
  ])('reads %s, unchanged', (_, value) => {
    expect(FilterSpec.parse(value)).toEqual(value)
  })

  it.each([
    ['a dialect of a later version', { jsonata: 'x' }, /there is no filter dialect "jsonata"/],
    [
      'one deep inside',
      { all: [{ not: { regex: { type: 'a' } } }] },
      /^all\.0\.not\.regex: there is no filter dialect/,
    ],
    ['one beside a known one', { exact: { a: 'b' }, regex: {} }, /no filter dialect "regex"/],
    ['nothing at all', {}, /has no dialect/],
    ['two dialects', { exact: { a: 'b' }, prefix: { a: 'b' } }, /has two dialects, exact and prefix/],
    ['33 levels', nested(33), /^(not\.all\.0\.)+not: is nested too deeply: 32 levels/],
    ['10,000 levels', nested(10_000), /is nested too deeply/],
    ['too many conditions', { any: times(1025, { exact: { a: 'b' } }) }, /is too much: 1024/],
    [
      'a map of too many attributes',
      { exact: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`a${i}`, 'x'])) },
      /64 attributes/,
    ],
    ['an empty value', { exact: { a: '' } }, /exact\.a: must not be empty; .*EXISTS a/],
    ['__proto__ as an attribute', JSON.parse('{"exact": {"__proto__": "x"}}'), /is not the name of an event attribute/],
    ['no map', 'exact', /invalid_type/],
  ])('refuses %s', (_, value, says) => {
    expect(issuesOf(FilterSpec, value).join('\n')).toMatch(says)
  })

  it('says of a thousand wrong names, and of a long one, a few words', () => {
    const names = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`x${i}`, {}]))
    expect(issuesOf(FilterSpec, names)).toHaveLength(10)
    const long = 'x'.repeat(10_000)
    expect(issuesOf(FilterSpec, { all: [{ long }] }).join('').length).toBeLessThan(300)
  })

  it('says of 100,000 mistakes a few', () => {
    expect(issuesOf(FilterSpec, { any: times(100_000, { regex: 1 }) }).length).toBeLessThan(2000)
  })
})

describe('spec.filters', () => {
  it('is read unchanged, and may be empty', () => {
    expect(FilterList.parse([])).toEqual([])
    expect(FilterList.parse([nested(31)])).toEqual([nested(31)])
  })

  it.each([
    ['the same filter in the contract is a level higher', [nested(32)], /32 levels/],
    [
      'attributes stands elsewhere',
      [{ attributes: { type: 'a' } }],
      /^0\.attributes: attributes belongs below spec\.filter; .*exact/,
    ],
    ['a near miss', [{ prefex: { type: 'a' } }], /did you mean prefix\?/],
    ['a case', [{ Exact: { type: 'a' } }], /did you mean exact\?/],
    ['its name in the Subscriptions API', [{ sql: 'TRUE' }], /did you mean cesql\?/],
    [
      'an attribute in the place of a dialect',
      [{ type: 'a' }],
      /an attribute stands below a dialect, e\.g\. exact: \{ type: "a" \}/,
    ],
    ['something else', [{ matching: [] }], /there are exact, prefix, suffix, all, any, not, cesql/],
    ['two dialects', [{ exact: { a: 'b' }, cesql: 'TRUE' }], /^0: has two dialects, .*begin each with "- "/],
    ['an empty map', [{ exact: {} }], /^0\.exact: is empty: name an attribute/],
    ['no nested filter, all', [{ all: [] }], /^0\.all: is empty: below all there must be/],
    ['no nested filter, any', [{ not: { any: [] } }], /^0\.not\.any: is empty/],
    ['an attribute name', [{ suffix: { Type: 'a' } }], /^0\.suffix\.Type: "Type" is not the name/],
    ['an empty value', [{ suffix: { type: '' } }], /^0\.suffix\.type: must not be empty/],
    ['no value', [{ exact: { type: null } }], /^0\.exact\.type: has no value/],
    ['a number', [{ exact: { type: 5 } }], /^0\.exact\.type: invalid_type/],
    ['a map in place of a list', [{ all: { exact: { a: 'b' } } }], /^0\.all: invalid_type/],
    ['a list in place of a map', [{ not: [{ exact: { a: 'b' } }] }], /^0\.not: invalid_type/],
    ['an empty expression', [{ cesql: ' ' }], /^0\.cesql: must not be empty/],
    ['65 of them', times(65, { exact: { a: 'b' } }), /may have 64 filters/],
  ])('refuses: %s', (_, value, says) => {
    expect(issuesOf(FilterList, value).join('\n')).toMatch(says)
  })

  it('says all that is wrong, not only the first', () => {
    const wrong = [{ exact: { Type: '', source: '' } }, { any: [{ prefix: {} }, { regex: 1 }] }]
    expect(issuesOf(FilterList, wrong).map((issue) => issue.split(':')[0])).toEqual([
      '0.exact.Type',
      '0.exact.Type',
      '0.exact.source',
      '1.any.0.prefix',
      '1.any.1.regex',
    ])
  })
})
