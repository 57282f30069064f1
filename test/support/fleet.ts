import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../src/core/clock.ts'
import type { Membership, TopicPartition } from '../../src/kafka/log.ts'
import type { Cluster } from '../../src/kafka/platformatic/cluster.ts'
import { createMembership } from '../../src/kafka/platformatic/membership/membership.ts'
import { createLogger } from '../../src/telemetry/logger.ts'

/** What a member was told, in order. `done` is when its `revoked` had let go. */
export interface Told {
  readonly member: string
  readonly what: 'assigned' | 'revoked' | 'done' | 'lost'
  readonly partitions: readonly string[]
  /** Monotonic milliseconds. */
  readonly at: number
}

export interface MemberOptions {
  readonly sessionTimeoutMs?: number
  readonly rebalanceTimeoutMs?: number
  /** What `revoked` does; by default it lets go at once. */
  readonly letGo?: () => Promise<void>
  /** What `assigned` does besides being recorded. */
  readonly onAssigned?: () => void
}

/** Members of one group in this process, and who owns what as they were told. An overlap is recorded at the moment when it begins. */
export class ObservedFleet {
  readonly told: Told[] = []
  readonly overlaps: string[] = []
  readonly #cluster: Cluster
  readonly #group: string
  readonly #members = new Map<string, Membership>()
  readonly #owners = new Map<string, string>()

  constructor(cluster: Cluster, group: string) {
    this.#cluster = cluster
    this.#group = group
  }

  start(name: string, partitions: readonly TopicPartition[], options: MemberOptions = {}): Membership {
    const member = createMembership(
      this.#cluster,
      {
        group: this.#group,
        instance: name,
        sessionTimeoutMs: options.sessionTimeoutMs ?? 20_000,
        ...(options.rebalanceTimeoutMs === undefined ? {} : { rebalanceTimeoutMs: options.rebalanceTimeoutMs }),
      },
      {
        assigned: (added) => {
          this.#begin(name, this.#tell(name, 'assigned', added))
          options.onAssigned?.()
        },
        revoked: async (gone) => {
          const partitions = this.#tell(name, 'revoked', gone)
          await options.letGo?.()
          this.#end(name, partitions)
          this.#tell(name, 'done', gone)
        },
        lost: (gone) => this.#end(name, this.#tell(name, 'lost', gone)),
      },
      { clock: systemClock, logger: createLogger('silent') },
    )
    this.#members.set(name, member)
    member.share(partitions)
    return member
  }

  ownedBy(name: string): readonly string[] {
    return [...this.#owners].filter(([, owner]) => owner === name).map(([partition]) => partition)
  }

  /** How many partitions each named member owns. */
  counts(...names: readonly string[]): readonly number[] {
    return names.map((name) => this.ownedBy(name).length)
  }

  toldSince(index: number, name?: string): readonly Told[] {
    return this.told.slice(index).filter(({ member }) => name === undefined || member === name)
  }

  async stop(): Promise<void> {
    const all = [...this.#members.values()]
    await Promise.all(all.map((member) => member.close({ forGood: true, deadlineMs: 2_000 })))
  }

  #tell(member: string, what: Told['what'], partitions: readonly TopicPartition[]): readonly string[] {
    const names = partitions.map(({ topic, partition }) => `${topic}/${partition}`)
    this.told.push({ member, what, partitions: names, at: performance.now() })
    return names
  }

  #begin(name: string, partitions: readonly string[]): void {
    for (const partition of partitions) {
      const owner = this.#owners.get(partition)
      if (owner !== undefined) this.overlaps.push(`${partition}: ${owner} and ${name}`)
      this.#owners.set(partition, name)
    }
  }

  #end(name: string, partitions: readonly string[]): void {
    for (const partition of partitions) if (this.#owners.get(partition) === name) this.#owners.delete(partition)
  }
}

export function partitionsOf(topic: string, count: number): readonly TopicPartition[] {
  return Array.from({ length: count }, (_, partition) => ({ topic, partition }))
}

/** `revoked` that takes its time, as deliveries in flight do. */
export const takes = (ms: number) => async (): Promise<void> => {
  await sleep(ms)
}
