import type { Inlet } from '../../contract/inlet.ts'
import type { Outlet, RecordConversion } from '../../contract/outlet.ts'
import type { RouteSet } from '../../contract/route-source.ts'
import { clusterId, clusterOf, type KafkaCluster, type RouteCluster } from '../../contract/source.ts'

/** Where a topic is, and how its records are read. */
export interface Ground {
  readonly cluster: KafkaCluster
  /** Of records that are no events; null: they are none. */
  readonly conversion: RecordConversion | null
}

export interface TerritoryParts {
  readonly inlets?: RouteSet<Inlet>
  readonly outlets?: RouteSet<Outlet>
  /** The main cluster; absent: there is none. */
  readonly main: KafkaCluster | undefined
}

/** What may be looked at in Kafka: the topics that Inlets and Outlets name, and no others. */
export class Territory {
  readonly #parts: TerritoryParts

  constructor(parts: TerritoryParts) {
    this.#parts = parts
  }

  /** @param cluster its `clusterId`; absent: the main one, or where there is none the one that has the topic. @returns null: nobody names it there. */
  ground(topic: string, cluster: string | undefined): Ground | null {
    let found: KafkaCluster | null = null
    for (const route of this.#routes(topic)) {
      const at = clusterOf(route, this.#parts.main)
      if (at === undefined || !this.#isAsked(at, cluster)) continue
      const { conversion } = route
      // all who convert its records give them the same id
      if (conversion !== undefined && route.topic === topic) return { cluster: at, conversion }
      found ??= at
    }
    return found === null ? null : { cluster: found, conversion: null }
  }

  /** The Outlets that read this topic there, by uid. */
  readers(topic: string, cluster: string | undefined): ReadonlyMap<string, Outlet> {
    const readers = new Map<string, Outlet>()
    for (const outlet of this.#parts.outlets?.current.values() ?? []) {
      const at = outlet.topic === topic ? clusterOf(outlet, this.#parts.main) : undefined
      if (at !== undefined && this.#isAsked(at, cluster)) readers.set(outlet.uid, outlet)
    }
    return readers
  }

  #isAsked(at: KafkaCluster, cluster: string | undefined): boolean {
    const { main } = this.#parts
    const asked = cluster ?? (main === undefined ? undefined : clusterId(main))
    return asked === undefined || clusterId(at) === asked
  }

  *#routes(
    topic: string,
  ): Iterable<RouteCluster & { readonly topic: string; readonly conversion?: RecordConversion | undefined }> {
    const { inlets, outlets } = this.#parts
    for (const inlet of inlets?.current.values() ?? []) if (inlet.topic === topic) yield inlet
    for (const outlet of outlets?.current.values() ?? []) {
      if (outlet.topic === topic || outlet.replyTopic === topic || outlet.parking?.topic === topic) yield outlet
    }
  }
}
