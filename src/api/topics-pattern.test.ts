import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { matchingTopics, topicsPattern } from './topics-pattern.ts'

const matches = (name: string, text: string): boolean => {
  const parts = topicsPattern(text)
  if ('problem' in parts) throw new Error(parts.problem)
  return matchingTopics([name], parts).length === 1
}

describe('a pattern of topics', () => {
  it.each([
    ['orders', 'orders', true],
    ['orders', 'orders2', false],
    ['orders-*', 'orders-', true],
    ['orders-*', 'orders-eu', true],
    ['orders-*', 'my-orders-eu', false],
    ['*-eu', 'orders-eu', true],
    ['*', 'orders', true],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['a*b*c', 'a-b-b-c', true],
    ['a*b*c', 'acb', false],
    ['*ab*', 'aab', true],
    ['orders.*', 'orders.eu', true],
    ['orders.*', 'orders-eu', false],
    ['a, b*', 'b1', true],
    ['*', '__consumer_offsets', false],
    ['*', 'knative-broker-shop-default', false],
    ['knative-*', 'knative-broker-shop-default', false],
    ['*', 'orders__parked', false],
  ])('%s and topic %s: %s', (pattern, name, expected) => expect(matches(name, pattern)).toBe(expected))

  it.each(['', 'a,,b', 'a b', 'orders-[0-9]+', 'a|b', 'a'.repeat(250), Array.from({ length: 51 }, () => 'a').join()])(
    'is refused: %j',
    (text) => expect(topicsPattern(text)).toHaveProperty('problem'),
  )

  it('matches as the regular expression would that it stands for', () => {
    const letters = fc.stringMatching(/^[ab*]{1,8}$/)
    fc.assert(
      fc.property(letters, fc.stringMatching(/^[ab]{1,8}$/), (pattern, name) => {
        const expected = new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(name)
        expect(matches(name, pattern)).toBe(expected)
      }),
    )
  })

  it('takes no time for one that is made to take much', () => {
    const began = process.threadCpuUsage()
    matches(`${'a'.repeat(240)}b`, 'a*'.repeat(124))
    const { user, system } = process.threadCpuUsage(began)
    expect((user + system) / 1_000).toBeLessThan(1_000)
  })
})
