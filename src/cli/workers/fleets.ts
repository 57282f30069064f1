import { createHash } from 'node:crypto'
import { clusterId, type KafkaCluster } from '../../contract/source.ts'
import type { Log, Membership } from '../../kafka/log.ts'
import { FleetHub } from './fleet-hub.ts'
import type { FleetHandler, WantedTopics } from './fleet-unit.ts'
import { openLog, type LogParts } from './open-log.ts'

export interface FleetsParts extends LogParts {
  /** Where the fleet meets, for all clusters; absent: on each cluster by itself. */
  readonly main: KafkaCluster | undefined
  /** Kafka group of the fleet, and our stable name in it. */
  readonly group: string
  readonly instance: string
  readonly firstShareMs?: number
}

/**
 * How the units of a process join the dispatcher fleet.
 *
 *     with a main cluster      one membership there, for all units: other clusters need no more of us than to read topics and to keep
 *                              positions. While the main cluster is away everything pauses, after 2/3 of a session timeout.
 *     without one              each unit meets the fleet on its own cluster
 */
export class Fleets {
  readonly #parts: FleetsParts
  readonly #hub: FleetHub | null
  /** Without a main cluster: one a unit. */
  readonly #own = new Set<FleetHub>()
  readonly #log: Log | null

  constructor(parts: FleetsParts) {
    this.#parts = parts
    const { main, group, instance, firstShareMs } = parts
    const log = main === undefined ? null : openLog(main, `millrace-fleet-${instance}`, parts)
    const patience = firstShareMs === undefined ? {} : { firstShareMs }
    this.#log = log
    this.#hub =
      log && new FleetHub({ ...parts, ...patience, join: (handler) => log.membership({ group, instance }, handler) })
  }

  /** The units that are there from the start have joined. */
  begin(): void {
    this.#hub?.begin()
  }

  /** @param log of the unit's cluster. */
  join(cluster: KafkaCluster, log: Log, wanted: WantedTopics, handler: FleetHandler): Membership {
    const { main, group, instance, clock, logger } = this.#parts
    if (this.#hub !== null) return this.#hub.join(prefixOf(cluster, main), wanted)(handler)
    const member = { group, instance: instanceOn(cluster, instance, main) }
    const own = new FleetHub({ join: (told) => log.membership(member, told), firstShareMs: 0, clock, logger })
    this.#own.add(own)
    // members of a version that knew no credentials name their topics without a prefix
    const membership = own.join(cluster.credential === undefined ? '' : prefixOf(cluster, main), wanted)(handler)
    own.begin()
    return {
      share: (partitions, most) => membership.share(partitions, most),
      get alive() {
        return membership.alive
      },
      close: async (options) => {
        this.#own.delete(own)
        own.closing()
        await membership.close(options)
        await own.close(options)
      },
    }
  }

  /** What units want has changed. */
  look(): void {
    this.#hub?.look()
    for (const hub of this.#own) hub.look()
  }

  /** All units end with the process: what they share is left as it is. */
  closing(): void {
    this.#hub?.closing()
  }

  /** The units have closed. */
  async close(options: { forGood: boolean; deadlineMs: number }): Promise<void> {
    await this.#hub?.close(options)
    await this.#log?.close()
  }
}

/**
 * What the names of a unit's topics begin with in the fleet: two clusters may have topics of the same name. Whatever the credential is at the
 * main cluster it is the same: while that is added or changed, processes that were told so and such that were not yet share one fleet, and no
 * partition shall have two names in it. No name of a topic contains a slash.
 */
export function prefixOf(cluster: KafkaCluster, main: KafkaCluster | undefined): string {
  return cluster.bootstrapServers === main?.bootstrapServers ? '' : `${hashOf(cluster)}/`
}

/**
 * Our name in the fleet of a cluster, where that is not the main one. One cluster may be named by several addresses and credentials, each with a
 * dispatcher of its own: under the same name these would throw each other out of the group for ever.
 */
export function instanceOn(cluster: KafkaCluster, instance: string, main: KafkaCluster | undefined): string {
  if (main !== undefined && clusterId(cluster) === clusterId(main)) return instance
  return `${instance}.${hashOf(cluster)}`
}

/** Users choose addresses: it is too long to find one by trying that has the hash of another. */
function hashOf(cluster: KafkaCluster): string {
  return createHash('sha256').update(clusterId(cluster)).digest('hex').slice(0, 16)
}
