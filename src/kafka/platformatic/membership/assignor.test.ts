import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Fleet, instances, nothingSettled, size, topicCounts, topics } from '../../../../test/support/assignor-fleet.ts'
import { plan } from './assignor.ts'
import type { Plan } from './assignor.ts'
import { intersection, none, unbounded, union, without } from './shares.ts'
import type { Claimant, Shares } from './slots.ts'

function fleetOf(names: readonly string[], all: Shares): Fleet {
  const fleet = new Fleet()
  for (const name of names) fleet.join(name, all)
  fleet.settle()
  return fleet
}

describe('the assignor', () => {
  it('gives every partition to exactly one member, evenly', () => {
    fc.assert(
      fc.property(instances, topicCounts, (names, counts) => {
        const fleet = fleetOf(names, topics(counts))
        expect(fleet.generations).toBe(1)
        fleet.expectAllHeld(topics(counts))
        fleet.expectBalanced()
      }),
    )
  })

  it('decides the same for any order of members and any member ids', () => {
    fc.assert(
      fc.property(instances, topicCounts, fc.nat(), (names, counts, turn) => {
        const fleet = fleetOf(names, topics(counts))
        fleet.join('d-9', topics(counts))
        const claimants = fleet.claimants()
        const turned = claimants.map((_, i) => claimants[(i + turn) % claimants.length] as Claimant)
        const renamed = turned.map((claimant, i) => ({ ...claimant, id: `id-${i}` }))
        const byInstance = (made: Plan, asked: readonly Claimant[]): Record<string, unknown> =>
          Object.fromEntries(asked.map(({ id, instance }) => [instance, made.grants.get(id)]))
        expect(byInstance(plan(renamed, fleet.settled), renamed)).toEqual(
          byInstance(plan(claimants, fleet.settled), claimants),
        )
      }),
    )
  })

  it('hands a new member its part in two generations, and moves no more than that part', () => {
    fc.assert(
      fc.property(instances, topicCounts, (names, counts) => {
        const all = topics(counts)
        const fleet = fleetOf(names, all)
        fleet.join('d-9', all)
        expect(fleet.settle()).toBeLessThanOrEqual(2)
        fleet.expectAllHeld(all)
        fleet.expectBalanced()
        expect(fleet.moved).toBe(size(fleet.owned.get('d-9') ?? none))
        expect(fleet.moved).toBe(Math.floor(size(all) / (names.length + 1)))
      }),
    )
  })

  it('spreads what a member leaves behind, and moves nothing else', () => {
    fc.assert(
      fc.property(instances, topicCounts, (names, counts) => {
        const fleet = fleetOf([...names, 'd-9'], topics(counts))
        fleet.leave('d-9')
        expect(fleet.settle()).toBe(1)
        fleet.expectAllHeld(topics(counts))
        fleet.expectBalanced()
        expect(fleet.moved).toBe(0)
      }),
    )
  })

  it('moves no partition of other topics when topics come and go', () => {
    fc.assert(
      fc.property(instances, topicCounts, topicCounts, topicCounts, (names, first, second, third) => {
        const fleet = fleetOf(names, topics(first))
        for (const next of [topics(second), topics(third)]) {
          const before = new Map([...fleet.owned].map(([name, owned]) => [name, intersection(owned, next)]))
          fleet.shareWithAll(next)
          fleet.settle()
          fleet.expectAllHeld(next)
          for (const [name, owned] of before) expect(without(owned, fleet.owned.get(name) ?? none)).toEqual(none)
        }
      }),
    )
  })

  it('stays even while topics come', () => {
    fc.assert(
      fc.property(instances, topicCounts, topicCounts, (names, first, second) => {
        const fleet = fleetOf(names, topics(first))
        fleet.shareWithAll(union(topics(first), topics(second)))
        fleet.settle()
        fleet.expectBalanced()
        expect(fleet.moved).toBe(0)
      }),
    )
  })

  it('is even again after the fleet has changed, whatever went before', () => {
    fc.assert(
      fc.property(instances, topicCounts, topicCounts, (names, first, second) => {
        const fleet = fleetOf(names, topics(first))
        fleet.shareWithAll(topics(second))
        fleet.settle()
        fleet.join('d-9', topics(second))
        fleet.settle()
        fleet.expectBalanced()
      }),
    )
  })

  it('gives a partition only to who advertises it, and spreads it once all do', () => {
    const fleet = fleetOf(['d-0', 'd-1'], topics({ a: 4 }))
    fleet.share.set('d-0', topics({ a: 4, b: 6 }))
    fleet.settle()
    expect(fleet.owned.get('d-0')?.get('b')).toEqual([0, 1, 2, 3, 4, 5])
    fleet.share.set('d-1', topics({ a: 4, b: 6 }))
    fleet.settle()
    fleet.expectAllHeld(topics({ a: 4, b: 6 }))
    fleet.expectBalanced()
    expect(fleet.owned.get('d-0')?.get('a')).toHaveLength(2)
  })

  it('spreads each topic too when one member had all', () => {
    const fleet = fleetOf(['d-0'], topics({ a: 10, b: 10, c: 10 }))
    fleet.join('d-1', topics({ a: 10, b: 10, c: 10 }))
    fleet.settle()
    for (const topic of ['a', 'b', 'c']) expect(fleet.owned.get('d-1')?.get(topic)).toHaveLength(5)
  })

  it('never lets two members hold a partition, and settles, in any sequence of changes', () => {
    const change = fc.oneof(
      fc.record({ kind: fc.constant('join' as const), name: fc.constantFrom('d-0', 'd-1', 'd-2', 'd-3') }),
      fc.record({ kind: fc.constant('leave' as const), name: fc.constantFrom('d-0', 'd-1', 'd-2', 'd-3') }),
      fc.record({
        kind: fc.constant('share' as const),
        name: fc.constantFrom('d-0', 'd-1', 'd-2'),
        counts: topicCounts,
      }),
      fc.record({ kind: fc.constant('generation' as const) }),
    )
    fc.assert(
      fc.property(topicCounts, fc.array(change, { maxLength: 25 }), (counts, changes) => {
        const all = topics(counts)
        const fleet = fleetOf(['d-0', 'd-1'], all)
        for (const next of changes) {
          if (next.kind === 'join' && !fleet.share.has(next.name)) fleet.join(next.name, all)
          if (next.kind === 'leave') fleet.leave(next.name)
          if (next.kind === 'share' && fleet.share.has(next.name)) fleet.share.set(next.name, topics(next.counts))
          fleet.generation()
        }
        if (fleet.share.size === 0) return
        fleet.settle()
        const known = [...fleet.share.values()].reduce(union)
        fleet.expectAllHeld(known)
        fleet.shareWithAll(all)
        expect(fleet.settle()).toBeLessThanOrEqual(3)
        fleet.expectAllHeld(all)
        const moved = fleet.moved
        fleet.generation()
        expect(fleet.moved).toBe(moved)
      }),
      { numRuns: 300 },
    )
  })
})

describe('the assignor, not sure what a member holds', () => {
  const all = topics({ a: 4 })
  const unsure = (owned: Shares): Claimant => ({
    id: 'x',
    instance: 'd-0',
    share: all,
    most: unbounded,
    owned,
    sure: false,
  })
  const sure = (owned: Shares): Claimant => ({
    id: 'y',
    instance: 'd-1',
    share: all,
    most: unbounded,
    owned,
    sure: true,
  })

  it('gives away nothing that this member might hold', () => {
    const made = plan([unsure(new Map([['a', [0]]])), sure(new Map([['a', [1]]]))], nothingSettled)
    expect(made.blocked).toBe(true)
    expect(made.grants.get('y')).toEqual(new Map([['a', [1]]]))
  })

  it('takes a partition from both when two say that they hold it', () => {
    const twice = new Map([['a', [2]]])
    const claimants = [sure(twice), { ...unsure(twice), sure: true }]
    const made = plan(claimants, nothingSettled)
    for (const granted of made.grants.values()) expect(granted.get('a')).not.toContain(2)
    expect(made.moving).toBe(true)
  })
})
