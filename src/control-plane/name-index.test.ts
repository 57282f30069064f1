import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { firstOf, NameIndex, type Claimant } from './name-index.ts'

const claimant = (uid: string, more: Partial<Claimant> = {}): Claimant => {
  const key = { namespace: 'n', name: uid }
  return { key, uid, createdAt: '1', names: ['t'], holds: false, derived: false, shares: false, ...more }
}

describe('a name that several ask for', () => {
  it.each<[string, Claimant[], string]>([
    ['belongs to who is served', [claimant('a'), claimant('b', { holds: true, createdAt: '2' })], 'b'],
    ['else to whose name it is', [claimant('a'), claimant('b', { derived: true, createdAt: '2' })], 'b'],
    ['but not from who is served', [claimant('a', { derived: true }), claimant('b', { holds: true })], 'b'],
    ['else to the older', [claimant('a', { createdAt: '2' }), claimant('b')], 'b'],
    ['else to the smaller uid', [claimant('b'), claimant('a')], 'a'],
    [
      'of two who are served to the older',
      [claimant('a', { holds: true, createdAt: '2' }), claimant('b', { holds: true })],
      'b',
    ],
  ])('%s', (_, claimants, first) => {
    expect(firstOf(claimants)?.uid).toBe(first)
    const index = new NameIndex()
    for (const each of claimants) index.set(each.uid, each)
    for (const { uid } of claimants) expect(index.takenBy(uid)?.name ?? uid).toBe(first)
  })

  it('has one owner, whatever the order in which they came', () => {
    const some = fc.record({ holds: fc.boolean(), derived: fc.boolean(), createdAt: fc.constantFrom('1', '2') })
    fc.assert(
      fc.property(fc.array(some, { minLength: 1, maxLength: 6 }), fc.gen(), (list, g) => {
        const claimants = list.map((each, i) => claimant(`u${i}`, each))
        const index = new NameIndex()
        for (const each of g(fc.shuffledSubarray, claimants, { minLength: claimants.length })) index.set(each.uid, each)
        const served = claimants.filter(({ uid }) => index.takenBy(uid) === null)
        expect(served.map(({ uid }) => uid)).toEqual([firstOf(claimants)?.uid])
      }),
    )
  })

  it('is shared by those who mean to, and by nobody else', () => {
    const index = new NameIndex()
    index.set('a', claimant('a', { shares: true }))
    index.set('b', claimant('b', { shares: true }))
    index.set('c', claimant('c'))
    expect([index.takenBy('a'), index.takenBy('b')]).toEqual([null, null])
    expect(index.takenBy('c')?.name).toBe('a')
  })

  it('goes to the next when it is free, who is to be looked at then', () => {
    const index = new NameIndex()
    index.set('a', claimant('a'))
    expect(index.set('b', claimant('b')).map(({ name }) => name)).toEqual(['a'])
    expect(index.takenBy('b')?.name).toBe('a')
    expect(index.set('a', undefined).map(({ name }) => name)).toEqual(['b'])
    expect(index.takenBy('b')).toBeNull()
  })

  it('is not taken by who does not count', () => {
    const index = new NameIndex()
    index.set('a', claimant('a'))
    index.set('b', claimant('b'))
    expect(index.takenBy('b', ({ uid }) => uid !== 'a')).toBeNull()
  })
})
