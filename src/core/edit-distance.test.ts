import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { didYouMean, editDistance } from './edit-distance.ts'

describe('editDistance', () => {
  it.each([
    ['', '', 0],
    ['retry', 'retry', 0],
    ['retries', 'retry', 3],
    ['rerty', 'retry', 1],
    ['subscribr', 'subscriber', 1],
    ['', 'abc', 3],
  ])('from %j to %j is %d', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance)
  })

  it('is the same both ways and never more than the longer word', () => {
    const word = fc.string({ maxLength: 12 })
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a))
        expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length))
      }),
    )
  })
})

describe('didYouMean', () => {
  it.each([
    ['Subscriber', 'subscriber'],
    ['backofDelay', 'backoffDelay'],
    ['deadlettersink', 'deadLetterSink'],
    ['wholly', null],
  ])('%s → %s', (written, meant) => {
    expect(didYouMean(written, ['subscriber', 'backoffDelay', 'backoffPolicy', 'deadLetterSink'])).toBe(meant)
  })

  it('costs nothing for a text of a megabyte', () => {
    const began = process.threadCpuUsage()
    expect(didYouMean('a'.repeat(4_000_000), ['subscriber', 'a'.repeat(200)])).toBe(null)
    const { user, system } = process.threadCpuUsage(began)
    expect((user + system) / 1_000).toBeLessThan(1_000)
  })
})
