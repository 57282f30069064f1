import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Fleet, instances, nothingSettled, size, topicCounts, topics } from '../../../../test/support/assignor-fleet.ts'
import { plan } from './assignor.ts'
import { none, unbounded, without } from './shares.ts'
import type { Bounds, Claimant, Shares } from './slots.ts'

describe('the assignor, with bounds on the members of a topic', () => {
  const bounds = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.integer({ min: 1, max: 4 }), {
    noNullPrototype: true,
  })
  const boundsOf = (some: Readonly<Record<string, number>>): Bounds => new Map(Object.entries(some))
  const bounded = (names: readonly string[], all: Shares, most: Bounds): Fleet => {
    const fleet = new Fleet()
    fleet.most = most
    for (const name of names) fleet.join(name, all)
    fleet.settle()
    return fleet
  }

  it('gives a topic to at most so many, all of it, and bounds are kept while members come and go', () => {
    fc.assert(
      fc.property(instances, topicCounts, bounds, (names, counts, some) => {
        const all = topics(counts)
        const fleet = bounded(names, all, boundsOf(some))
        const check = (): void => {
          fleet.expectAllHeld(all)
          for (const [topic, most] of fleet.most) expect(fleet.holdersOf(topic)).toBeLessThanOrEqual(most)
        }
        check()
        fleet.join('d-9', all)
        fleet.settle()
        check()
        fleet.leave(names[0] as string)
        fleet.settle()
        check()
      }),
    )
  })

  it('moves only the bounded topic when a bound changes, and of that only what it must', () => {
    fc.assert(
      fc.property(instances, topicCounts, bounds, bounds, (names, counts, first, second) => {
        const all = topics(counts)
        const fleet = bounded(names, all, boundsOf(first))
        const changed = [...all.keys()].filter((topic) => first[topic] !== second[topic])
        const before = new Map(fleet.owned)
        fleet.most = boundsOf(second)
        // most often in two or three generations; it has an end of its own
        fleet.settle()
        fleet.expectAllHeld(all)
        for (const [name, owned] of before) {
          const gone = without(owned, fleet.owned.get(name) ?? none)
          expect([...gone.keys()].filter((topic) => !changed.includes(topic))).toEqual([])
        }
        for (const [topic, most] of fleet.most) expect(fleet.holdersOf(topic)).toBeLessThanOrEqual(most)
        fleet.moved = 0
        fleet.generation()
        expect(fleet.moved).toBe(0)
      }),
    )
  })

  it('keeps a lowered bound with who has most, and spreads again when it is lifted', () => {
    const all = topics({ a: 9 })
    const fleet = bounded(['d-0', 'd-1', 'd-2'], all, boundsOf({ a: 2 }))
    expect(fleet.holdersOf('a')).toBe(2)
    const most = [...fleet.owned].find(([, owned]) => size(owned) === 5)?.[0] ?? ''
    fleet.most = boundsOf({ a: 1 })
    fleet.settle()
    expect([fleet.moved, size(fleet.owned.get(most) ?? none)]).toEqual([4, 9])
    fleet.most = unbounded
    fleet.settle()
    expect([fleet.moved, fleet.holdersOf('a')]).toEqual([4 + 6, 3])
    fleet.expectBalanced()
  })

  it('gives a new member whole topics of those who have too many', () => {
    const counts = Object.fromEntries(['a', 'b', 'c', 'd', 'e', 'f'].map((topic) => [topic, 2]))
    const most = boundsOf(Object.fromEntries(Object.keys(counts).map((topic) => [topic, 1])))
    const fleet = bounded(['d-0'], topics(counts), most)
    fleet.join('d-1', topics(counts))
    fleet.settle()
    fleet.expectBalanced()
    fleet.expectAllHeld(topics(counts))
  })

  it('takes the least while members were told different bounds', () => {
    const claimant = (instance: string, most: number): Claimant => ({
      id: instance,
      instance,
      share: topics({ a: 4 }),
      most: boundsOf({ a: most }),
      owned: none,
      sure: true,
    })
    const made = plan([claimant('d-0', 1), claimant('d-1', 2)], nothingSettled)
    expect([...made.grants.values()].filter((granted) => granted.has('a'))).toHaveLength(1)
  })
})
