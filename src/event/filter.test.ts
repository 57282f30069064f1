import { describe, expect, it } from 'vitest'
import { compileFilter } from './filter.ts'
import type { Lookup } from './filter-keys.ts'
import type { FilterSpec } from './filter-spec.ts'

const event = new Map([
  ['specversion', '1.0'],
  ['id', '7'],
  ['source', '/shop'],
  ['type', 'order.created'],
  ['tenant', 'acme'],
  ['empty', ''],
])
const yes: FilterSpec = { exact: { type: 'order.created' } }
const no: FilterSpec = { exact: { type: 'order.paid' } }
const passes = (spec: FilterSpec): boolean => compileFilter(spec).matches(event)

describe('filter.attributes', () => {
  it.each([
    ['no entry lets everything pass', {}, true],
    ['an equal value passes', { type: 'order.created' }, true],
    ['another value does not', { type: 'order.paid' }, false],
    ['case counts', { type: 'Order.Created' }, false],
    ['a prefix is not equal', { type: 'order' }, false],
    ['all entries must hold: they do', { type: 'order.created', tenant: 'acme', source: '/shop' }, true],
    ['all entries must hold: one does not', { type: 'order.created', tenant: 'other' }, false],
    ['a value asked of a missing attribute does not pass', { region: 'eu' }, false],
    ["'' asks for presence: present", { tenant: '' }, true],
    ["'' asks for presence: missing", { region: '' }, false],
    ["'' asks for presence: there but empty", { empty: '' }, false],
    ["'' beside a value", { tenant: '', type: 'order.created' }, true],
    ['names of Object.prototype are ordinary names', { constructor: 'x' }, false],
  ])('%s', (_, attributes, expected) => {
    expect(passes({ attributes })).toBe(expected)
  })
})

describe('a dialect', () => {
  it.each<[string, FilterSpec, boolean]>([
    ['exact: the whole value', { exact: { type: 'order.created' } }, true],
    ['exact: a part is not enough', { exact: { type: 'order' } }, false],
    ['exact: case counts', { exact: { type: 'Order.created' } }, false],
    ['exact: all entries', { exact: { type: 'order.created', tenant: 'other' } }, false],
    ['exact: a missing attribute equals nothing', { exact: { region: 'eu' } }, false],
    ['prefix: the beginning', { prefix: { type: 'order.' } }, true],
    ['prefix: the whole is a beginning', { prefix: { type: 'order.created' } }, true],
    ['prefix: longer than the value', { prefix: { type: 'order.created.now' } }, false],
    ['prefix: the end is no beginning', { prefix: { type: 'created' } }, false],
    ['prefix: all entries', { prefix: { type: 'order.', source: '/bank' } }, false],
    ['prefix: a missing attribute begins with nothing', { prefix: { subject: 'a' } }, false],
    ['suffix: the end', { suffix: { type: '.created' } }, true],
    ['suffix: the beginning is no end', { suffix: { type: 'order' } }, false],
    ['suffix: all entries', { suffix: { type: '.created', source: 'op' } }, true],
    ['suffix: a missing attribute ends with nothing', { suffix: { subject: 'a' } }, false],
    ['all: every one', { all: [yes, yes] }, true],
    ['all: but one', { all: [yes, no] }, false],
    ['any: one is enough', { any: [no, yes] }, true],
    ['any: none', { any: [no, no] }, false],
    ['not: the opposite', { not: no }, true],
    ['not: of what passes', { not: yes }, false],
    ['not: of a missing attribute passes', { not: { exact: { region: 'eu' } } }, true],
    ['not not', { not: { not: yes } }, true],
    ['not all: one of them fails', { not: { all: [yes, no] } }, true],
    ['not any: one of them passes', { not: { any: [no, yes] } }, false],
    ['nested: any of all of not', { any: [no, { all: [yes, { not: { prefix: { type: 'bill.' } } }] }] }, true],
  ])('%s', (_, spec, expected) => {
    expect(passes(spec)).toBe(expected)
  })

  it('stands as deep as the schema allows', () => {
    let spec: FilterSpec = yes
    for (let i = 0; i < 32; i++) spec = { any: [{ all: [{ not: { not: spec } }] }] }
    expect(passes(spec)).toBe(true)
  })
})

it('a filter with an expression that cannot be parsed passes nothing, whatever stands around it', () => {
  for (const spec of [{ cesql: '(' }, { not: { cesql: '(' } }, { any: [yes, { cesql: '(' }] }]) {
    expect(passes(spec)).toBe(false)
    expect(compileFilter(spec)).toMatchObject({ lookup: null, complete: false })
  }
})

describe('what an index may look up', () => {
  const said = (lookup: Lookup): string => {
    if ('allOf' in lookup) return `all(${lookup.allOf.map(said).join(', ')})`
    if ('anyOf' in lookup) return `any(${lookup.anyOf.map(said).join(', ')})`
    const { key } = lookup
    return key.kind === 'present' ? `${key.attribute} present` : `${key.attribute} ${key.kind} ${key.text}`
  }
  const says = (spec: FilterSpec): string | null => {
    const { lookup } = compileFilter(spec)
    return lookup === null ? null : said(lookup)
  }

  it.each<[string, FilterSpec, string | null]>([
    ['nothing when everything passes', { attributes: {} }, null],
    [
      'an extension before type and source',
      { exact: { source: 's', type: 't', x: 'y' } },
      'all(x exact y, type exact t, source exact s)',
    ],
    ['id before all', { attributes: { tenant: 'x', id: '7' } }, 'all(id exact 7, tenant exact x)'],
    ['a value before presence', { attributes: { tenant: '', source: 's' } }, 'all(source exact s, tenant present)'],
    ['a beginning', { prefix: { type: 'a.' } }, 'type prefix a.'],
    [
      'a whole value before an end',
      { all: [{ suffix: { a: 'x' } }, { exact: { source: 's' } }] },
      'all(source exact s, a suffix x)',
    ],
    [
      'all of each member of any',
      { any: [yes, { prefix: { a: 'x', b: 'y' } }] },
      'any(type exact order.created, all(a prefix x, b prefix y))',
    ],
    ['nothing when a member of any has nothing', { any: [yes, { not: no }] }, null],
    ['nothing of not', { not: yes }, null],
    ['what stands beside not', { all: [{ not: no }, yes] }, 'type exact order.created'],
    ['what not not says', { not: { not: yes } }, 'type exact order.created'],
    [
      'nothing of hundreds of alternatives',
      { any: Array.from({ length: 300 }, (_, i) => ({ exact: { id: String(i) } })) },
      null,
    ],
  ])('%s', (_, spec, expected) => {
    expect(says(spec)).toEqual(expected)
  })

  it.each<[string, FilterSpec, boolean]>([
    ['one attribute', { attributes: { b: '' } }, true],
    ['several, of which an index chooses one', { attributes: { a: 'x', b: '' } }, false],
    ['any of single conditions', { any: [yes, { suffix: { a: 'x' } }] }, true],
    ['any of several conditions', { any: [yes, { exact: { a: 'x', b: 'y' } }] }, false],
    ['anything with not', { all: [yes, { not: no }] }, false],
  ])('is the whole filter or not: %s', (_, spec, expected) => {
    expect(compileFilter(spec).complete).toBe(expected)
  })
})
