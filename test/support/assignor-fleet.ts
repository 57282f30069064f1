import fc from 'fast-check'
import { expect } from 'vitest'
import { plan } from '../../src/kafka/platformatic/membership/assignor.ts'
import type { Plan, Settled } from '../../src/kafka/platformatic/membership/assignor.ts'
import {
  intersection,
  none,
  toPartitions,
  unbounded,
  union,
  without,
} from '../../src/kafka/platformatic/membership/shares.ts'
import type { Bounds, Claimant, Shares } from '../../src/kafka/platformatic/membership/slots.ts'

export const nothingSettled: Settled = { fleet: [], open: [], bounds: unbounded }

/** A fleet that plays generations: members do what a plan tells them, as the membership does. */
export class Fleet {
  readonly share = new Map<string, Shares>()
  readonly owned = new Map<string, Shares>()
  most: Bounds = unbounded
  settled: Settled = nothingSettled
  generations = 0
  holdersBefore = new Map<string, number>()
  moved = 0

  join(instance: string, share: Shares): void {
    this.share.set(instance, share)
    this.owned.set(instance, none)
  }

  leave(instance: string): void {
    this.share.delete(instance)
    this.owned.delete(instance)
  }

  shareWithAll(share: Shares): void {
    for (const instance of this.share.keys()) this.share.set(instance, share)
  }

  /** One generation. Members first take what is new, and let go of the rest only afterwards: so an overlap would be seen. */
  generation(): Plan {
    const made = plan(this.claimants(), this.settled)
    for (const [instance, owned] of this.owned) {
      this.owned.set(instance, union(owned, made.grants.get(instance) ?? none))
    }
    this.expectNobodySharesAPartition()
    this.expectBounded()
    for (const [instance, owned] of this.owned) {
      const kept = intersection(owned, made.grants.get(instance) ?? none)
      this.moved += size(without(owned, kept))
      this.owned.set(instance, kept)
    }
    const known = [...this.owned.values()].flatMap((owned) => [...owned.keys()])
    this.holdersBefore = new Map(known.map((topic) => [topic, this.holdersOf(topic)]))
    this.settled = { fleet: made.fleet, open: made.open, bounds: made.bounds }
    this.generations += 1
    return made
  }

  /** Until nothing is to be handed over. @returns how many generations it took. */
  settle(): number {
    for (let count = 1; count <= 5; count += 1) if (!this.generation().moving) return count
    throw new Error('handovers do not end')
  }

  claimants(): Claimant[] {
    return [...this.share].map(([instance, share]) => ({
      id: instance,
      instance,
      share,
      most: this.most,
      owned: this.owned.get(instance) ?? none,
      sure: true,
    }))
  }

  /** Also while partitions move: no topic comes to more members than it may, or was with already. */
  expectBounded(): void {
    for (const [topic, most] of this.most) {
      expect(this.holdersOf(topic)).toBeLessThanOrEqual(Math.max(most, this.holdersBefore.get(topic) ?? 0))
    }
  }

  holdersOf(topic: string): number {
    return [...this.owned.values()].filter((owned) => owned.has(topic)).length
  }

  expectNobodySharesAPartition(): void {
    const held = [...this.owned.values()].flatMap((owned) => toPartitions(owned).map(key))
    expect(held.toSorted()).toEqual([...new Set(held)].toSorted())
  }

  expectAllHeld(all: Shares): void {
    const held = [...this.owned.values()].flatMap((owned) => toPartitions(owned).map(key))
    expect(held.toSorted()).toEqual(toPartitions(all).map(key).toSorted())
  }

  expectBalanced(): void {
    const counts = [...this.owned.values()].map(size)
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
  }
}

const key = ({ topic, partition }: { topic: string; partition: number }): string => `${topic}/${partition}`
export const size = (shares: Shares): number => toPartitions(shares).length
export const topics = (counts: Readonly<Record<string, number>>): Shares =>
  new Map(Object.entries(counts).map(([topic, count]) => [topic, Array.from({ length: count }, (_, i) => i)]))

export const topicCounts = fc.dictionary(
  fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g/h'),
  fc.integer({ min: 1, max: 12 }),
  {
    noNullPrototype: true,
  },
)
export const instances = fc.uniqueArray(fc.constantFrom('d-0', 'd-1', 'd-2', 'd-3', 'd-4', 'd-5', 'd-6'), {
  minLength: 1,
})
