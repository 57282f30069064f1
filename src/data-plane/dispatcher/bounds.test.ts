import { expect, test } from 'vitest'
import { boundsOf, sameBounds } from './bounds.ts'

test.each([
  ['nobody names one', [{ topic: 'a' }, { topic: 'b' }], []],
  ['one does', [{ topic: 'a', consumers: 2 }, { topic: 'b' }], [['a', 2]]],
  [
    'the largest counts',
    [
      { topic: 'a', consumers: 2 },
      { topic: 'a', consumers: 3 },
      { topic: 'a', consumers: 1 },
    ],
    [['a', 3]],
  ],
  [
    'one of the topic that names none lifts it',
    [{ topic: 'a', consumers: 2 }, { topic: 'a' }, { topic: 'a', consumers: 1 }],
    [],
  ],
] as const)('%s', (_, outlets, wanted) => {
  expect([...boundsOf(outlets)]).toEqual(wanted)
})

test('bounds are the same when each topic has the same', () => {
  const two = new Map([['a', 2]])
  expect(sameBounds(two, new Map([['a', 2]]))).toBe(true)
  expect(sameBounds(two, new Map([['a', 3]]))).toBe(false)
  expect(sameBounds(two, new Map([['b', 2]]))).toBe(false)
  expect(sameBounds(two, new Map())).toBe(false)
})
