import { expect, test } from 'vitest'
import { Seen } from './seen.ts'

function seenAt(start: string) {
  let informed = start
  const seen = new Seen(() => informed)
  return { seen, informedOf: (version: string) => (informed = version) }
}

test('it is what the informer has seen', () => {
  const { seen, informedOf } = seenAt('7')
  expect(seen.version).toBe('7')
  informedOf('8')
  expect(seen.version).toBe('8')
})

test('it does not pass a deletion that is not released, whatever comes after it', () => {
  const { seen, informedOf } = seenAt('16')
  seen.deleted('a')
  informedOf('17')
  expect(seen.version).toBe('16')
  informedOf('30')
  seen.deleted('b')
  informedOf('31')
  expect(seen.version).toBe('16')
  expect(seen.released('a')).toBe(true)
  expect(seen.version).toBe('30')
  expect(seen.released('b')).toBe(true)
  expect(seen.version).toBe('31')
})

test('one that was made again and deleted again is waited for twice', () => {
  const { seen, informedOf } = seenAt('1')
  seen.deleted('a')
  informedOf('5')
  seen.deleted('a')
  informedOf('9')
  seen.released('a')
  expect(seen.version).toBe('5')
  seen.released('a')
  expect(seen.version).toBe('9')
})

test('what nobody waits for is no news', () => {
  const { seen } = seenAt('1')
  expect(seen.released('never heard of')).toBe(false)
})
