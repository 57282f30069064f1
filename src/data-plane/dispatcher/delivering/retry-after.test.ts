import { expect, test } from 'vitest'
import { retryAfterMs } from './retry-after.ts'

const now = Date.parse('2026-03-01T12:00:00Z')
const asked = (value: string | string[] | undefined, maxMs?: number, status = 503): number =>
  retryAfterMs({ status, headers: { 'retry-after': value }, body: Buffer.alloc(0), cut: false }, maxMs, now)

test.each([
  ['seconds', '90', 90_000],
  ['zero seconds', '0', 0],
  ['seconds with space around', ' 5 ', 5_000],
  ['a date', 'Sun, 01 Mar 2026 12:01:00 GMT', 60_000],
  ['a date in the form of RFC 850', 'Sunday, 01-Mar-26 12:01:00 GMT', 60_000],
  ['a date in the form of asctime', 'Sun Mar  1 12:01:00 2026', 60_000],
  ['a date that is over', 'Sun, 01 Mar 2026 11:00:00 GMT', 0],
  ['more than ten minutes', '601', 600_000],
  ['more than fits a number', '9'.repeat(400), 0],
  ['the first of several', ['7', '8'], 7_000],
  ['no header', undefined, 0],
  ['an empty one', '', 0],
  ['a word', 'soon', 0],
  ['a negative number', '-5', 0],
  ['a part of a second', '1.5', 0],
  ['a number that looks like a year', '0x10', 0],
  ['a date of ISO 8601', '2026-03-01T12:01:00Z', 0],
  ['a date with an hour that is none', 'Sun, 01 Mar 2026 99:01:00 GMT', 0],
])('Retry-After: %s', (_, value, ms) => {
  expect(asked(value)).toBe(ms)
})

test('the bound of the Outlet holds, also above ten minutes; 0 ignores the header', () => {
  expect([asked('3600', 1_000), asked('3600', 7_200_000), asked('3600', 0)]).toEqual([1_000, 3_600_000, 0])
})

test('only 429 and 503 ask to wait', () => {
  expect([429, 503, 500, 404, 200].map((status) => asked('1', undefined, status))).toEqual([1000, 1000, 0, 0, 0])
})
