import { expect, it } from 'vitest'
import { outOfRange } from './seeker.ts'

it.each([
  { offset: 3n, range: { start: 5n, end: 9n }, moved: { kind: 'expired', next: 5n, lost: 2n } },
  { offset: 10n, range: { start: 5n, end: 9n }, moved: { kind: 'truncated', next: 9n } },
  { offset: 1n, range: { start: 0n, end: 0n }, moved: { kind: 'truncated', next: 0n } },
  { offset: 5n, range: { start: 5n, end: 9n }, moved: null },
  { offset: 9n, range: { start: 5n, end: 9n }, moved: null },
])('offset $offset in $range.start to $range.end', ({ offset, range, moved }) => {
  expect(outOfRange({ offset }, range)).toEqual(moved)
})
