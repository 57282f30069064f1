import type { WorkerStatus } from '../../contract/worker.ts'
import type { Membership, MembershipHandler, TopicPartition } from '../../kafka/log.ts'

/** Its owner speaks for all partitions of a topic. */
const lowest = 0

interface Fleet {
  readonly owned: Map<string, Set<number>>
  shares: boolean
  membership: Membership | null
}

/**
 * Which partitions this process owns, of all clusters, learnt by listening in on its memberships. A partition is ours until its handover has
 * ended: only then may another own it.
 */
export class Ownership {
  readonly #fleets = new Map<string, Fleet>()
  /** Called after each change, with the topics concerned. */
  readonly #changed: (cluster: string, topics: ReadonlySet<string>) => void

  constructor(changed: (cluster: string, topics: ReadonlySet<string>) => void) {
    this.#changed = changed
  }

  /** Joins the fleet of a cluster as `join` does, and listens in. */
  listen(
    cluster: string,
    join: (handler: MembershipHandler) => Membership,
  ): (handler: MembershipHandler) => Membership {
    return (handler) => {
      const fleet: Fleet = { owned: new Map(), shares: false, membership: null }
      this.#fleets.set(cluster, fleet)
      const membership = join(this.#around(cluster, fleet, handler))
      fleet.membership = membership
      return {
        share: (partitions) => {
          fleet.shares = partitions.length > 0
          membership.share(partitions)
        },
        get alive() {
          return membership.alive
        },
        close: async (options) => {
          await membership.close(options)
          if (this.#fleets.get(cluster) === fleet) this.#fleets.delete(cluster)
        },
      }
    }
  }

  /** Whether this process speaks for a topic. */
  ownsLowest(cluster: string, topic: string): boolean {
    return this.#fleets.get(cluster)?.owned.get(topic)?.has(lowest) === true
  }

  /**
   * Whether this process has its place in a fleet, or nothing to share. One cluster of several that is away is no reason to take a process
   * out of service that serves the others.
   */
  get joined(): boolean {
    const sharing = [...this.#fleets.values()].filter(({ shares }) => shares)
    return sharing.length === 0 || sharing.some(({ membership }) => membership?.alive === true)
  }

  /** Sorted, so that the same partitions always look the same. */
  get owns(): WorkerStatus['owns'] {
    return [...this.#fleets].sort(byName).flatMap(([bootstrapServers, { owned }]) =>
      [...owned].sort(byName).map(([topic, partitions]) => ({
        bootstrapServers,
        topic,
        partitions: [...partitions].sort((a, b) => a - b),
      })),
    )
  }

  #around(cluster: string, fleet: Fleet, handler: MembershipHandler): MembershipHandler {
    const drop = (list: readonly TopicPartition[]): void => {
      for (const { topic, partition } of list) {
        const partitions = fleet.owned.get(topic)
        partitions?.delete(partition)
        if (partitions?.size === 0) fleet.owned.delete(topic)
      }
      this.#tell(cluster, list)
    }
    return {
      assigned: (list) => {
        for (const { topic, partition } of list) {
          fleet.owned.set(topic, (fleet.owned.get(topic) ?? new Set()).add(partition))
        }
        handler.assigned(list)
        this.#tell(cluster, list)
      },
      revoked: async (list, deadlineMs) => {
        await handler.revoked(list, deadlineMs).finally(() => drop(list))
      },
      lost: (list) => {
        handler.lost(list)
        drop(list)
      },
    }
  }

  #tell(cluster: string, list: readonly TopicPartition[]): void {
    this.#changed(cluster, new Set(list.map(({ topic }) => topic)))
  }
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1
}
