import { clusterId, type KafkaCluster } from '../../contract/source.ts'
import type { WorkerStatus } from '../../contract/worker.ts'
import type { Membership, MembershipHandler, TopicPartition } from '../../kafka/log.ts'
import type { FleetHandler } from './fleet-unit.ts'

/** Its owner speaks for all partitions of a topic. */
const lowest = 0

interface Fleet {
  readonly cluster: KafkaCluster
  readonly owned: Map<string, Set<number>>
  /** Topics for which we speak although nobody can read them now. */
  standing: ReadonlySet<string>
  shares: boolean
  membership: Membership | null
}

/**
 * Which partitions this process owns, of all clusters and for each credential there, learnt by listening in on its memberships. A partition is ours until its handover has
 * ended: only then may another own it.
 */
export class Ownership {
  readonly #fleets = new Map<string, Fleet>()
  /** Called after each change, with the topics concerned. */
  readonly #changed: (cluster: KafkaCluster, topics: ReadonlySet<string>) => void

  constructor(changed: (cluster: KafkaCluster, topics: ReadonlySet<string>) => void) {
    this.#changed = changed
  }

  /** Joins the fleet of a cluster as `join` does, and listens in. */
  listen(
    cluster: KafkaCluster,
    join: (handler: FleetHandler) => Membership,
  ): (handler: MembershipHandler) => Membership {
    return (handler) => {
      const id = clusterId(cluster)
      const fleet: Fleet = { cluster, owned: new Map(), standing: new Set(), shares: false, membership: null }
      this.#fleets.set(id, fleet)
      const membership = join(this.#around(fleet, handler))
      fleet.membership = membership
      return {
        share: (partitions, most) => {
          fleet.shares = partitions.length > 0
          membership.share(partitions, most)
        },
        get alive() {
          return membership.alive
        },
        close: async (options) => {
          await membership.close(options)
          if (this.#fleets.get(id) === fleet) this.#fleets.delete(id)
        },
      }
    }
  }

  /** Whether this process speaks for a topic. */
  ownsLowest(cluster: KafkaCluster, topic: string): boolean {
    const fleet = this.#fleets.get(clusterId(cluster))
    return fleet?.owned.get(topic)?.has(lowest) === true || fleet?.standing.has(topic) === true
  }

  /** Whether this process owns a partition of a topic. */
  ownsAny(cluster: KafkaCluster, topic: string): boolean {
    return this.#fleets.get(clusterId(cluster))?.owned.has(topic) === true
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
    return [...this.#fleets].sort(byName).flatMap(([, { cluster, owned }]) =>
      [...owned].sort(byName).map(([topic, partitions]) => ({
        bootstrapServers: cluster.bootstrapServers,
        ...(cluster.credential === undefined ? {} : { credential: cluster.credential }),
        topic,
        partitions: [...partitions].sort((a, b) => a - b),
      })),
    )
  }

  #around(fleet: Fleet, handler: MembershipHandler): FleetHandler {
    const drop = (list: readonly TopicPartition[]): void => {
      for (const { topic, partition } of list) {
        const partitions = fleet.owned.get(topic)
        partitions?.delete(partition)
        if (partitions?.size === 0) fleet.owned.delete(topic)
      }
      this.#tell(fleet.cluster, list)
    }
    return {
      assigned: (list) => {
        for (const { topic, partition } of list) {
          fleet.owned.set(topic, (fleet.owned.get(topic) ?? new Set()).add(partition))
        }
        handler.assigned(list)
        this.#tell(fleet.cluster, list)
      },
      revoked: async (list, deadlineMs) => {
        await handler.revoked(list, deadlineMs).finally(() => drop(list))
      },
      lost: (list) => {
        handler.lost(list)
        drop(list)
      },
      standsFor: (topics) => {
        const changed = topics.symmetricDifference(fleet.standing)
        fleet.standing = topics
        this.#changed(fleet.cluster, changed)
      },
    }
  }

  #tell(cluster: KafkaCluster, list: readonly TopicPartition[]): void {
    this.#changed(cluster, new Set(list.map(({ topic }) => topic)))
  }
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1
}
