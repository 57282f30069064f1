import { describe, expect, it } from 'vitest'
import { compileFilter } from './filter.ts'

const event = new Map([
  ['specversion', '1.0'],
  ['id', '7'],
  ['source', '/shop'],
  ['type', 'order.created'],
  ['tenant', 'acme'],
  ['empty', ''],
])

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
  ])('%s', (_, attributes, passes) => {
    expect(compileFilter(attributes).matches(event)).toBe(passes)
  })

  it.each([
    ['nothing to look up when everything passes', {}, null],
    [
      'an extension before type and source',
      { source: 's', type: 't', tenant: 'x' },
      { attribute: 'tenant', value: 'x' },
    ],
    ['type before source', { source: 's', type: 't' }, { attribute: 'type', value: 't' }],
    ['id before all', { tenant: 'x', id: '7' }, { attribute: 'id', value: '7' }],
    ['a value before presence', { tenant: '', source: 's' }, { attribute: 'source', value: 's' }],
    ['presence when nothing else is asked', { tenant: '' }, { attribute: 'tenant', present: true }],
    ['the first by name among equals, however written', { b: '1', a: '1' }, { attribute: 'a', value: '1' }],
  ])('offers as key: %s', (_, attributes, key) => {
    expect(compileFilter(attributes).key).toEqual(key)
  })
})
