/**
 * Who gets which partition: the leader's decision for one generation. Pure, and the same for any order of members.
 *
 *     what members advertise ──► slots (one a partition)
 *     what members hold      ──► each slot starts with its holder       sticky
 *                            ──► free slots go to who has least         fill
 *                            ──► rich gives to poor, one by one         level: only topics that may move
 *                            ──► granted when free or held already, else withheld until its holder let go
 *
 * What must hold:
 * - A partition that a member holds is never granted to another in the same generation.
 * - A topic that comes or goes moves no partition of another topic. So after topics went, counts may differ by more than one; the next
 *   topic or the next change of the fleet evens that out. Counts differ by at most one whenever the fleet has changed, and stay so while
 *   topics come.
 */

/** Partitions by topic; numbers in ascending order. */
export type Shares = ReadonlyMap<string, readonly number[]>

/** A member as the leader sees it when a generation begins. */
export interface Claimant {
  /** Kafka's id of the member: keys the answer. */
  readonly id: string
  /** Stable name; decides ties, so that member ids (random) do not. */
  readonly instance: string
  /** What it is able to serve. */
  readonly share: Shares
  /** What it holds. */
  readonly owned: Shares
  /** False: `owned` may be out of date, so what nobody claims may be held by this member. */
  readonly sure: boolean
}

/** What the fleet remembers between generations, so that only that moves which must. */
export interface Settled {
  /** Instances among which the partitions were last evened out. */
  readonly fleet: readonly string[]
  /** Topics that are not spread finally yet: being handed over, or not known to every member. */
  readonly open: readonly string[]
}

export interface Plan extends Settled {
  readonly grants: ReadonlyMap<string, Shares>
  /** Some partition waits for its holder to let go. */
  readonly moving: boolean
  /** Some partition waits for news of a member that is not sure. Plan again soon. */
  readonly blocked: boolean
}

interface Holder {
  readonly claimant: Claimant
  readonly slots: Set<Slot>
  readonly perTopic: Map<string, number>
}

interface Slot {
  readonly topic: string
  readonly partition: number
  readonly able: Set<Holder>
  readonly claims: Holder[]
  owner: Holder | null
}

/** Plans one generation. `before`: what the last plan that the leader knows of said. */
export function plan(claimants: readonly Claimant[], before: Settled): Plan {
  const holders = claimants
    .toSorted((a, b) => compare(a.instance, b.instance) || compare(a.id, b.id))
    .map((claimant): Holder => ({ claimant, slots: new Set(), perTopic: new Map() }))
  const slots = collectSlots(holders)
  const fleet = holders.map((holder) => holder.claimant.instance)
  const blocked = claimants.some((claimant) => !claimant.sure)

  for (const slot of slots) {
    const [holder] = slot.claims
    if (holder !== undefined && slot.claims.length === 1 && slot.able.has(holder)) give(slot, holder)
  }
  for (const slot of slots) {
    if (slot.owner === null && !(blocked && slot.claims.length === 0)) give(slot, poorest(slot))
  }
  const sameFleet = fleet.length === before.fleet.length && fleet.every((name, i) => name === before.fleet[i])
  const open = new Set(before.open)
  level(holders, (slot) => !sameFleet || open.has(slot.topic))
  return conclude(holders, slots, fleet, blocked)
}

function conclude(
  holders: readonly Holder[],
  slots: readonly Slot[],
  fleet: readonly string[],
  blocked: boolean,
): Plan {
  const grants = new Map(holders.map((holder) => [holder.claimant.id, new Map<string, number[]>()]))
  const open = new Set<string>()
  let moving = false
  for (const slot of slots) {
    const granted = slot.owner !== null && slot.claims.every((holder) => holder === slot.owner)
    if (granted) append(grants.get(slot.owner?.claimant.id ?? ''), slot)
    if (slot.claims.length > 0 && !granted) moving = true
    if (!granted || slot.able.size < holders.length) open.add(slot.topic)
  }
  return { grants, fleet, open: [...open], moving, blocked }
}

/** Every advertised partition with who is able to serve it and who says to hold it, by topic and number. */
function collectSlots(holders: readonly Holder[]): readonly Slot[] {
  const slots = new Map<string, Slot>()
  for (const holder of holders) {
    for (const [topic, partition] of pairs(holder.claimant.share)) {
      const key = keyOf(topic, partition)
      const slot = slots.get(key) ?? { topic, partition, able: new Set(), claims: [], owner: null }
      slot.able.add(holder)
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

/** Who has least, then least of this topic, then first by name. */
function poorest(slot: Slot): Holder {
  let best: Holder | null = null
  for (const holder of slot.able) if (best === null || isPoorer(holder, best, slot.topic)) best = holder
  if (best === null) throw new Error(`nobody advertises ${keyOf(slot.topic, slot.partition)}`)
  return best
}

function isPoorer(a: Holder, b: Holder, topic: string): boolean {
  const difference = a.slots.size - b.slots.size || count(a, topic) - count(b, topic)
  return difference !== 0 ? difference < 0 : compare(a.claimant.instance, b.claimant.instance) < 0
}

/** Moves one slot at a time from a member to one that has at least two less, until there is none: ends, since the sum of squares shrinks. */
function level(holders: readonly Holder[], mayMove: (slot: Slot) => boolean): void {
  const bySize = (): Holder[] => holders.toSorted((a, b) => b.slots.size - a.slots.size)
  for (let step = nextStep(bySize(), mayMove); step !== null; step = nextStep(bySize(), mayMove)) {
    take(step.slot)
    give(step.slot, step.to)
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

function give(slot: Slot, to: Holder): void {
  slot.owner = to
  to.slots.add(slot)
  to.perTopic.set(slot.topic, count(to, slot.topic) + 1)
}

function take(slot: Slot): void {
  const from = slot.owner
  if (from === null) return
  from.slots.delete(slot)
  from.perTopic.set(slot.topic, count(from, slot.topic) - 1)
  slot.owner = null
}

const count = (holder: Holder, topic: string): number => holder.perTopic.get(topic) ?? 0
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
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
