import { concentrate, nextRelocation, relocate, type Hosted } from './assignor-bounds.ts'
import { compare, count, give, isPoorer, take } from './slots.ts'
import type { Bounds, Claimant, Holder, Shares, Slot } from './slots.ts'

/**
 * Who gets which partition: the leader's decision for one generation. Pure, and the same for any order of members.
 *
 *     what members advertise ──► slots (one a partition)
 *     what members hold      ──► each slot starts with its holder       sticky
 *     bounds on members      ──► others than the few are not able        bound (assignor-bounds.ts)
 *                            ──► free slots go to who has least         fill
 *                            ──► rich gives to poor, one by one         level: only topics that may move
 *                            ──► granted when free or held already, else withheld until its holder let go
 *
 * What must hold:
 * - A partition that a member holds is never granted to another in the same generation.
 * - A topic is never with more members than its bound says, also not while it moves.
 * - A topic that comes or goes moves no partition of another topic. So after topics went, counts may differ by more than one; the next
 *   topic or the next change of the fleet evens that out. Counts differ by at most one whenever the fleet has changed, and stay so while
 *   topics come.
 */

/** What the fleet remembers between generations, so that only that moves which must. */
export interface Settled {
  /** Instances among which the partitions were last evened out. */
  readonly fleet: readonly string[]
  /** Topics that are not spread finally yet: being handed over, or not known to every member. */
  readonly open: readonly string[]
  /** The bounds in force. */
  readonly bounds: Bounds
}

export interface Plan extends Settled {
  readonly grants: ReadonlyMap<string, Shares>
  /** Some partition waits for its holder to let go. */
  readonly moving: boolean
  /** Some partition waits for news of a member that is not sure. Plan again soon. */
  readonly blocked: boolean
}

/** Plans one generation. `before`: what the last plan that the leader knows of said. */
export function plan(claimants: readonly Claimant[], before: Settled): Plan {
  const holders = claimants
    .toSorted((a, b) => compare(a.instance, b.instance) || compare(a.id, b.id))
    .map((claimant): Holder => ({ claimant, slots: new Set(), perTopic: new Map() }))
  const bounds = agreed(claimants)
  const slots = collectSlots(holders)
  const fleet = holders.map((holder) => holder.claimant.instance)
  const blocked = claimants.some((claimant) => !claimant.sure)

  for (const slot of slots) {
    const [holder] = slot.claims
    if (holder !== undefined && slot.claims.length === 1 && slot.able.has(holder)) give(slot, holder)
  }
  const fill = (slot: Slot): void => {
    if (slot.owner === null && slot.able.size > 0 && !(blocked && slot.claims.length === 0)) give(slot, poorest(slot))
  }
  const bounded = concentrate(holders, slots, bounds, fill)
  for (const slot of slots) fill(slot)
  const sameFleet = fleet.length === before.fleet.length && fleet.every((name, i) => name === before.fleet[i])
  const open = new Set([...before.open, ...changed(before.bounds, bounds)])
  level(holders, (slot) => !sameFleet || open.has(slot.topic), sameFleet ? null : bounded)
  return conclude(holders, slots, { fleet, bounds }, blocked)
}

/** Until all members say the same the least counts. */
function agreed(claimants: readonly Claimant[]): Bounds {
  const bounds = new Map<string, number>()
  for (const { most } of claimants) {
    for (const [topic, bound] of most) bounds.set(topic, Math.min(bound, bounds.get(topic) ?? bound))
  }
  return new Map([...bounds].toSorted(([a], [b]) => compare(a, b)))
}

function changed(before: Bounds, now: Bounds): string[] {
  return [...new Set([...before.keys(), ...now.keys()])].filter((topic) => before.get(topic) !== now.get(topic))
}

function conclude(
  holders: readonly Holder[],
  slots: readonly Slot[],
  { fleet, bounds }: Pick<Settled, 'fleet' | 'bounds'>,
  blocked: boolean,
): Plan {
  const grants = new Map(holders.map((holder) => [holder.claimant.id, new Map<string, number[]>()]))
  const open = new Set<string>()
  let moving = false
  const crowded = crowdedTopics(slots, bounds)
  for (const slot of slots) {
    const free = slot.owner !== null && slot.claims.every((holder) => holder === slot.owner)
    const granted = free && (slot.claims.length > 0 || !crowded.has(slot.topic))
    if (granted) append(grants.get(slot.owner?.claimant.id ?? ''), slot)
    if ((slot.claims.length > 0 || free) && !granted) moving = true
    if (!granted || slot.known < holders.length) open.add(slot.topic)
  }
  return { grants, fleet, bounds, open: [...open], moving, blocked }
}

/** Topics that more members would hold than may, if what is free were granted while others have not let go yet. */
function crowdedTopics(slots: readonly Slot[], bounds: Bounds): ReadonlySet<string> {
  const members = new Map<string, Set<Holder>>()
  for (const { topic, claims, owner } of slots) {
    if (!bounds.has(topic)) continue
    const all = members.get(topic) ?? new Set()
    members.set(topic, all)
    for (const holder of claims) all.add(holder)
    if (owner !== null) all.add(owner)
  }
  return new Set([...members].flatMap(([topic, all]) => (all.size > (bounds.get(topic) ?? Infinity) ? [topic] : [])))
}

/** Every advertised partition with who is able to serve it and who says to hold it, by topic and number. */
function collectSlots(holders: readonly Holder[]): readonly Slot[] {
  const slots = new Map<string, Slot>()
  for (const holder of holders) {
    for (const [topic, partition] of pairs(holder.claimant.share)) {
      const key = keyOf(topic, partition)
      const slot = slots.get(key) ?? { topic, partition, able: new Set(), known: 0, claims: [], owner: null }
      slot.able.add(holder)
      slot.known++
      slots.set(key, slot)
    }
  }
  for (const holder of holders) {
    for (const [topic, partition] of pairs(holder.claimant.owned)) {
      slots.get(keyOf(topic, partition))?.claims.push(holder)
    }
  }
  return [...slots.values()].toSorted((a, b) => compare(a.topic, b.topic) || a.partition - b.partition)
}

/** Of those that are able. */
function poorest(slot: Slot): Holder {
  let best: Holder | null = null
  for (const holder of slot.able) if (best === null || isPoorer(holder, best, slot.topic)) best = holder
  if (best === null) throw new Error(`nobody advertises ${keyOf(slot.topic, slot.partition)}`)
  return best
}

/** Moves one slot at a time from a member to one that has at least two less, until there is none: ends, since the sum of squares shrinks. */
function level(holders: readonly Holder[], mayMove: (slot: Slot) => boolean, bounded: Hosted | null): void {
  for (;;) {
    const richFirst = holders.toSorted((a, b) => b.slots.size - a.slots.size)
    const step = nextStep(richFirst, mayMove)
    const relocation = step === null && bounded !== null ? nextRelocation(richFirst, bounded) : null
    if (step !== null) {
      take(step.slot)
      give(step.slot, step.to)
    } else if (relocation !== null) relocate(relocation)
    else return
  }
}

function nextStep(richFirst: readonly Holder[], mayMove: (slot: Slot) => boolean): { slot: Slot; to: Holder } | null {
  for (const rich of richFirst) {
    for (const poor of richFirst.toReversed()) {
      if (rich.slots.size - poor.slots.size < 2) break
      const slot = bestToMove(rich, poor, mayMove)
      if (slot !== null) return { slot, to: poor }
    }
  }
  return null
}

/** What costs no handover first, then of the topic of which `rich` has most more than `poor`: so topics end up spread too. */
function bestToMove(rich: Holder, poor: Holder, mayMove: (slot: Slot) => boolean): Slot | null {
  let best: Slot | null = null
  let bestRank = -Infinity
  for (const slot of rich.slots) {
    if (!slot.able.has(poor) || !mayMove(slot)) continue
    const free = slot.claims.includes(rich) ? 0 : 1_000_000
    const rank = free + count(rich, slot.topic) - count(poor, slot.topic)
    if (rank > bestRank || (rank === bestRank && best !== null && isBefore(slot, best))) {
      best = slot
      bestRank = rank
    }
  }
  return best
}

/** `slots` is a set whose order depends on history; the plan must not. */
function isBefore(a: Slot, b: Slot): boolean {
  return (compare(a.topic, b.topic) || a.partition - b.partition) < 0
}

/** Unambiguous although topics are opaque: the number follows the last slash. */
const keyOf = (topic: string, partition: number): string => `${topic}/${partition}`

function append(shares: Map<string, number[]> | undefined, slot: Slot): void {
  const numbers = shares?.get(slot.topic)
  if (numbers !== undefined) numbers.push(slot.partition)
  else shares?.set(slot.topic, [slot.partition])
}

function* pairs(shares: Shares): Generator<[topic: string, partition: number]> {
  for (const [topic, numbers] of shares) for (const partition of numbers) yield [topic, partition]
}
