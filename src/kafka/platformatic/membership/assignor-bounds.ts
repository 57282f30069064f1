import { compare, count, give, take } from './slots.ts'
import type { Bounds, Holder, Slot } from './slots.ts'

/** Topics that only so many members may share, with all their partitions and who gets them. */
export type Hosted = ReadonlyMap<string, { readonly slots: readonly Slot[]; readonly hosts: Set<Holder> }>

/** All partitions of a bounded topic that one member has, to another that has none of it. */
interface Relocation {
  readonly slots: readonly Slot[]
  readonly hosts: Set<Holder>
  readonly from: Holder
  readonly to: Holder
}

/**
 * Chooses the members of each bounded topic and takes it from the others. Who has most of it goes on, so that least moves; a member that
 * is added is the one that has least of all.
 *
 *     topic by topic: able ─► most of this topic, then least of all, then by name ─► the first so many ─► fill
 */
export function concentrate(
  holders: readonly Holder[],
  slots: readonly Slot[],
  bounds: Bounds,
  fill: (slot: Slot) => void,
): Hosted {
  const hosted = new Map<string, { slots: readonly Slot[]; hosts: Set<Holder> }>()
  const bounded = Map.groupBy(
    slots.filter(({ topic }) => bounds.has(topic)),
    ({ topic }) => topic,
  )
  for (const [topic, ones] of bounded) {
    const able = holders.filter((holder) => ones.some((slot) => slot.able.has(holder)))
    const held = (holder: Holder): number => ones.filter((slot) => slot.claims.includes(holder)).length
    const ranked = able.toSorted(
      (a, b) => held(b) - held(a) || a.slots.size - b.slots.size || compare(a.claimant.instance, b.claimant.instance),
    )
    const hosts = new Set(ranked.slice(0, bounds.get(topic)))
    for (const slot of ones) restrict(slot, hosts)
    for (const slot of ones) fill(slot)
    hosted.set(topic, { slots: ones, hosts })
  }
  return hosted
}

function restrict(slot: Slot, hosts: ReadonlySet<Holder>): void {
  if (slot.owner !== null && !hosts.has(slot.owner)) take(slot)
  for (const holder of slot.able) if (!hosts.has(holder)) slot.able.delete(holder)
}

/**
 * For a fleet that has changed: one partition alone cannot go to another member when the topic has all that it may have. What one of them
 * has goes as a whole, when that makes the two more even. The largest such part first.
 */
export function nextRelocation(richFirst: readonly Holder[], hosted: Hosted): Relocation | null {
  for (const from of richFirst) {
    for (const to of richFirst.toReversed()) {
      const best = bestToRelocate(from, to, hosted)
      if (best !== null) return best
    }
  }
  return null
}

function bestToRelocate(from: Holder, to: Holder, hosted: Hosted): Relocation | null {
  let best: Relocation | null = null
  for (const [topic, { slots, hosts }] of hosted) {
    const size = count(from, topic)
    const fits = size > 0 && from.slots.size - to.slots.size > size && size > (best?.slots.length ?? 0)
    if (!fits || hosts.has(to)) continue
    const moving = slots.filter(({ owner }) => owner === from)
    if (moving.every((slot) => advertises(to, slot))) best = { slots: moving, hosts, from, to }
  }
  return best
}

export function relocate({ slots, hosts, from, to }: Relocation): void {
  hosts.delete(from)
  hosts.add(to)
  for (const slot of slots) {
    slot.able.delete(from)
    slot.able.add(to)
    take(slot)
    give(slot, to)
  }
}

function advertises({ claimant }: Holder, { topic, partition }: Slot): boolean {
  return claimant.share.get(topic)?.includes(partition) === true
}
