import type { Clock } from '../../core/clock.ts'
import type { Membership, MembershipHandler, TopicPartition } from '../../kafka/log.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { FleetUnit, nameOf, type FleetHandler, type WantedTopics } from './fleet-unit.ts'

export interface FleetHubParts {
  /** Joins the fleet of the main cluster. Called once. */
  readonly join: (handler: MembershipHandler) => Membership
  /**
   * How long a unit that was there from the start may hold up the first share, milliseconds. Default 3,000: well below the session
   * timeout, within which a process that restarts must be back in the fleet.
   */
  readonly firstShareMs?: number
  readonly clock: Clock
  readonly logger: Logger
}

interface Joined {
  readonly prefix: string
  readonly unit: FleetUnit
  readonly wanted: WantedTopics
  /** Null: the unit knows nothing yet. */
  share: { readonly partitions: readonly TopicPartition[]; readonly most: ReadonlyMap<string, number> } | null
  /** What is shared in its name of topics that it does not know. */
  unknown: readonly TopicPartition[]
}

/** A unit is given so long to find out about a topic before the fleet chooses who speaks for it, milliseconds. */
const unknownMs = 1_000

/**
 * One membership for all units of a process, whatever Kafka clusters they read: a unit's topics are shared out under its prefix, which no
 * name of a topic can contain.
 *
 *     unit ''      share ─┐                                        ┌─► assigned · revoked · lost, of ''
 *     unit 'a1b2/' share ─┼─► one share ─► membership ─► by prefix ─┼─► … of 'a1b2/'
 *     unit 'c3d4/' share ─┘                                        └─► nobody (yet): kept for who joins under it
 *
 * Units with one prefix read one cluster, each with a credential of its own: a partition there is this process's for all of them, so that an Outlet
 * whose credential changes stays with its process.
 *
 * A process that starts may hold partitions of a former life under its name, of all units. It names its partitions first when every unit that
 * has topics of which nothing is known has named its own, or had its time: otherwise the fleet would move those that come a moment later.
 *
 * Of topics that a unit does not know, because its Kafka cannot be reached, or does not take its credential, or has no such topic, as many
 * partitions are shared as there were before; at least the lowest. So it is agreed who says what is wrong, and nothing moves meanwhile.
 */
export class FleetHub {
  readonly #membership: Membership
  readonly #units = new Set<Joined>()
  /** What was assigned, by prefix, whether its unit is there or not. */
  readonly #granted = new Map<string, Map<string, TopicPartition>>()
  readonly #parts: FleetHubParts
  /** Units that hold up the first share; null: it was made. */
  #awaited: Set<Joined> | null = new Set()
  #begun = false
  #closing = false
  #timer: NodeJS.Timeout | undefined
  #lookDue: NodeJS.Timeout | undefined

  constructor(parts: FleetHubParts) {
    this.#parts = parts
    this.#membership = parts.join({
      assigned: (list) => this.#assigned(list),
      revoked: (list, deadlineMs) => this.#revoked(list, deadlineMs),
      lost: (list) => this.#lost(list),
    })
  }

  /** All units that are there from the start have joined. */
  begin(): void {
    this.#begun = true
    this.#timer = setTimeout(() => this.#first(), this.#parts.firstShareMs ?? 3_000)
    this.#shareWhenAll()
  }

  /** How a unit joins. */
  join(prefix: string, wanted: WantedTopics): (handler: FleetHandler) => Membership {
    return (handler) => {
      const { clock, logger } = this.#parts
      const granted = this.#grantedTo(prefix)
      const unit = new FleetUnit({ handler, granted, wanted, alive: () => this.#membership.alive, clock, logger })
      const joined: Joined = { prefix, unit, wanted, share: null, unknown: [] }
      this.#units.add(joined)
      // what was known before is shared at once: a process that restarts must be back within a session timeout
      if (!this.#begun && [...wanted().values()].includes(undefined)) this.#awaited?.add(joined)
      unit.settle()
      this.look()
      return {
        share: (partitions, most = new Map()) => this.#share(joined, { partitions, most }),
        get alive() {
          return unit.alive
        },
        close: async ({ deadlineMs }) => {
          await unit.close(deadlineMs)
          this.#left(joined)
        },
      }
    }
  }

  /** What units want has changed. */
  look(): void {
    if (this.#closing) return
    this.#lookDue ??= setTimeout(() => {
      this.#lookDue = undefined
      if (this.#awaited === null && this.#findUnknown()) this.#tell()
    }, unknownMs)
  }

  /** From now on units that close leave what they share as it is: the process ends as a whole, with {@link close}. */
  closing(): void {
    this.#closing = true
    clearTimeout(this.#timer)
    clearTimeout(this.#lookDue)
  }

  /** Leaves the fleet, or stays known in it, as {@link Membership.close}. The units were closed before. */
  async close(options: { forGood: boolean; deadlineMs: number }): Promise<void> {
    this.closing()
    await this.#membership.close(options)
  }

  #share(joined: Joined, share: NonNullable<Joined['share']>): void {
    if (this.#closing || !this.#units.has(joined)) return
    joined.share = share
    joined.unit.knows(share.partitions)
    // what is known now is unknown no more; what has become unknown is so for a while first
    const known = new Set(share.partitions.map(({ topic }) => topic))
    joined.unknown = joined.unknown.filter(({ topic }) => !known.has(topic))
    this.#awaited?.delete(joined)
    this.look()
    if (this.#awaited === null) this.#tell()
    else this.#shareWhenAll()
  }

  #left(joined: Joined): void {
    if (!this.#units.delete(joined) || this.#closing) return
    this.#awaited?.delete(joined)
    if (this.#awaited === null) this.#tell()
    else this.#shareWhenAll()
  }

  #shareWhenAll(): void {
    if (this.#begun && this.#awaited?.size === 0) this.#first()
  }

  #first(): void {
    clearTimeout(this.#timer)
    this.#awaited = null
    this.#findUnknown()
    if ([...this.#units].some(({ share, unknown }) => share !== null || unknown.length > 0)) this.#tell()
  }

  /** @returns whether something is different now. */
  #findUnknown(): boolean {
    let changed = false
    for (const joined of this.#units) {
      const unknown = unknownOf(joined)
      const same =
        unknown.length === joined.unknown.length &&
        unknown.every((at, i) => nameOf(at) === nameOf(joined.unknown[i] ?? at))
      changed ||= !same
      joined.unknown = unknown
    }
    return changed
  }

  #tell(): void {
    const partitions = new Map<string, TopicPartition>()
    const most = new Map<string, number>()
    for (const { prefix, share, unknown } of this.#units) {
      for (const { topic, partition } of [...(share?.partitions ?? []), ...unknown]) {
        const at = { topic: prefix + topic, partition }
        partitions.set(nameOf(at), at)
        // of several that read it the widest bound holds
        const bound = share?.most.get(topic) ?? Infinity
        most.set(at.topic, Math.max(bound, most.get(at.topic) ?? 0))
      }
    }
    this.#membership.share([...partitions.values()], new Map([...most].filter(([, bound]) => bound < Infinity)))
  }

  #assigned(list: readonly TopicPartition[]): void {
    for (const [prefix, part] of byPrefix(list)) {
      const granted = this.#grantedTo(prefix)
      for (const at of part) granted.set(nameOf(at), at)
      for (const { unit } of this.#unitsAt(prefix)) unit.settle()
    }
  }

  async #revoked(list: readonly TopicPartition[], deadlineMs: number): Promise<void> {
    await Promise.all([...this.#taken(list)].map(([unit, part]) => unit.revoke(part, deadlineMs)))
  }

  #lost(list: readonly TopicPartition[]): void {
    for (const [unit, part] of this.#taken(list)) unit.lose(part)
  }

  #unitsAt(prefix: string): readonly Joined[] {
    return [...this.#units].filter((joined) => joined.prefix === prefix)
  }

  #grantedTo(prefix: string): Map<string, TopicPartition> {
    const granted = this.#granted.get(prefix) ?? new Map<string, TopicPartition>()
    this.#granted.set(prefix, granted)
    return granted
  }

  /** What is not ours any more, by the unit that has to let it go. */
  #taken(list: readonly TopicPartition[]): ReadonlyMap<FleetUnit, readonly TopicPartition[]> {
    const units = new Map<FleetUnit, readonly TopicPartition[]>()
    for (const [prefix, part] of byPrefix(list)) {
      const granted = this.#granted.get(prefix)
      for (const at of part) granted?.delete(nameOf(at))
      const there = this.#unitsAt(prefix)
      for (const { unit } of there) units.set(unit, part)
      // units that are there keep their map
      if (there.length === 0 && granted?.size === 0) this.#granted.delete(prefix)
    }
    return units
  }
}

/** What is gone after it was known is not what it was: only its lowest partition is of use. */
function unknownOf({ wanted, share }: Joined): readonly TopicPartition[] {
  const known = new Set(share?.partitions.map(({ topic }) => topic))
  return [...wanted()].flatMap(([topic, partitions]) => {
    if (known.has(topic)) return []
    const count = share === null ? Math.max(1, partitions ?? 1) : 1
    return Array.from({ length: count }, (_, partition) => ({ topic, partition }))
  })
}

/** Prefixes end with a slash, which no name of a topic contains; the main cluster's is ''. */
function byPrefix(list: readonly TopicPartition[]): ReadonlyMap<string, readonly TopicPartition[]> {
  const parts = new Map<string, TopicPartition[]>()
  for (const { topic, partition } of list) {
    const start = topic.lastIndexOf('/') + 1
    const prefix = topic.slice(0, start)
    const part = parts.get(prefix)
    const at = { topic: topic.slice(start), partition }
    if (part === undefined) parts.set(prefix, [at])
    else part.push(at)
  }
  return parts
}
