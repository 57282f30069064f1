import { describe, expect, it } from 'vitest'
import { explainFilter } from './explain.ts'
import type { FilterSpec } from './filter-spec.ts'

const event = new Map([
  ['type', 'order.created'],
  ['source', '/shop'],
  ['note', ''],
  ['long', 'x'.repeat(1000)],
])

describe('the explanation of a decision', () => {
  it.each<[string, FilterSpec, boolean, readonly string[]]>([
    ['nothing is asked', { attributes: {} }, true, []],
    ['equal', { exact: { type: 'order.created' } }, true, ['exact.type: is "order.created"']],
    ['not equal', { exact: { type: 'a' } }, false, ['exact.type: "order.created" is not "a"']],
    ['missing', { exact: { subject: 'a' } }, false, ['exact.subject: the event has no such attribute']],
    ['a beginning', { prefix: { type: 'order.' } }, true, ['prefix.type: "order.created" begins with "order."']],
    ['no beginning', { prefix: { type: 'a' } }, false, ['prefix.type: "order.created" does not begin with "a"']],
    ['an end', { suffix: { type: 'd' } }, true, ['suffix.type: "order.created" ends with "d"']],
    ['no end', { suffix: { type: 'a' } }, false, ['suffix.type: "order.created" does not end with "a"']],
    ['there', { attributes: { source: '' } }, true, ['attributes.source: is "/shop", not empty']],
    ['there, but empty', { attributes: { note: '' } }, false, ['attributes.note: is empty']],
    [
      'the first entry that fails',
      { exact: { source: '/shop', type: 'a', note: 'b' } },
      false,
      ['exact.type: "order.created" is not "a"'],
    ],
    [
      'all that hold',
      { prefix: { source: '/', type: 'o' } },
      true,
      ['prefix.source: "/shop" begins with "/"', 'prefix.type: "order.created" begins with "o"'],
    ],
    [
      'the first of any that passes',
      { any: [{ exact: { type: 'a' } }, { prefix: { type: 'o' } }, { prefix: { type: 'or' } }] },
      true,
      ['any.1.prefix.type: "order.created" begins with "o"'],
    ],
    [
      'all of any that fail',
      { any: [{ exact: { type: 'a' } }, { exact: { type: 'b' } }] },
      false,
      ['any.0.exact.type: "order.created" is not "a"', 'any.1.exact.type: "order.created" is not "b"'],
    ],
    [
      'the first of all that fails',
      { all: [{ prefix: { type: 'o' } }, { suffix: { type: 'x' } }, { exact: { type: 'a' } }] },
      false,
      ['all.1.suffix.type: "order.created" does not end with "x"'],
    ],
    [
      'not, with the reason of what is below',
      { not: { prefix: { type: 'o' } } },
      false,
      ['not.prefix.type: "order.created" begins with "o"'],
    ],
    ['an expression', { cesql: "type = 'order.created'" }, true, ['cesql: is true']],
    ['an expression that is false', { cesql: "type = 'a'" }, false, ['cesql: is false']],
    ['an expression that is a text', { cesql: 'source' }, false, ['cesql: is "/shop", which is not true']],
    [
      'an expression with an error',
      { cesql: 'subject = 1' },
      false,
      ['cesql: has an error (missingAttribute): the event has no attribute subject'],
    ],
    ['long values are cut', { exact: { long: 'a' } }, false, [`exact.long: "${'x'.repeat(200)}…" is not "a"`]],
  ])('%s', (_, spec, passes, reasons) => {
    const explained = explainFilter(spec, event)
    expect(explained.passes).toBe(passes)
    expect(explained.reasons.map(({ path, fact }) => `${path.join('.')}: ${fact}`)).toEqual(reasons)
  })

  it('an expression that cannot be parsed, which no schema lets through, passes nothing, whatever stands around it', () => {
    const { passes, reasons } = explainFilter({ any: [{ attributes: {} }, { not: { cesql: '(' } }] }, event)
    expect(passes).toBe(false)
    expect(reasons).toMatchObject([
      { path: ['any', 1, 'not', 'cesql'], fact: expect.stringContaining('CloudEvents SQL') },
    ])
  })
})
