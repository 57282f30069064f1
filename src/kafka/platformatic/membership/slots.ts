/** Partitions by topic; numbers in ascending order. */
export type Shares = ReadonlyMap<string, readonly number[]>

/** By topic: at most so many members get partitions of it. Topics that are not named: all members. */
export type Bounds = ReadonlyMap<string, number>

/** A member as the leader sees it when a generation begins. */
export interface Claimant {
  /** Kafka's id of the member: keys the answer. */
  readonly id: string
  /** Stable name; decides ties, so that member ids (random) do not. */
  readonly instance: string
  /** What it is able to serve. */
  readonly share: Shares
  /** How many members may share a topic, as far as it was told. */
  readonly most: Bounds
  /** What it holds. */
  readonly owned: Shares
  /** False: `owned` may be out of date, so what nobody claims may be held by this member. */
  readonly sure: boolean
}

/** A member while a plan is made. */
export interface Holder {
  readonly claimant: Claimant
  readonly slots: Set<Slot>
  readonly perTopic: Map<string, number>
}

/** A partition while a plan is made. */
export interface Slot {
  readonly topic: string
  readonly partition: number
  /** Who may get it. */
  readonly able: Set<Holder>
  /** How many members advertise it. */
  known: number
  /** Who says to hold it. */
  readonly claims: Holder[]
  owner: Holder | null
}

export function give(slot: Slot, to: Holder): void {
  slot.owner = to
  to.slots.add(slot)
  to.perTopic.set(slot.topic, count(to, slot.topic) + 1)
}

export function take(slot: Slot): void {
  const from = slot.owner
  if (from === null) return
  from.slots.delete(slot)
  from.perTopic.set(slot.topic, count(from, slot.topic) - 1)
  slot.owner = null
}

/** How many partitions of a topic it has. */
export const count = (holder: Holder, topic: string): number => holder.perTopic.get(topic) ?? 0

/** Who has least, then least of this topic, then first by name. */
export function isPoorer(a: Holder, b: Holder, topic: string): boolean {
  const difference = a.slots.size - b.slots.size || count(a, topic) - count(b, topic)
  return difference !== 0 ? difference < 0 : compare(a.claimant.instance, b.claimant.instance) < 0
}

export const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
