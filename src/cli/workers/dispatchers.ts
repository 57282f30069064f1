import type { DeliveryLineage, LogPlace, OutletStanding } from '../../contract/lineage.ts'
import type { Outlet } from '../../contract/outlet.ts'
import type { OutletReport, OutletReporter, PositionVault, RouteSet } from '../../contract/route-source.ts'
import { clusterId, clusterOf, type KafkaCluster } from '../../contract/source.ts'
import { defaultOptions } from '../../data-plane/dispatcher/options.ts'
import { Budget } from '../../data-plane/dispatcher/reading/budget.ts'
import type { Spans } from '../../telemetry/spans.ts'
import { ClusterDispatcher } from './cluster-dispatcher.ts'
import { Fleets } from './fleets.ts'
import type { LogParts } from './open-log.ts'
import type { Ownership } from './ownership.ts'
import { nowhere, PerCluster } from './per-cluster.ts'

export interface DispatchersParts extends LogParts {
  readonly outlets: RouteSet<Outlet>
  /** The main cluster: where the fleet meets, and the cluster of Outlets that name none. */
  readonly kafka: KafkaCluster | undefined
  readonly group: string
  readonly instance: string
  readonly ownership: Ownership
  readonly reporter: OutletReporter
  /** Who remembers how deliveries ended; absent: nobody. */
  readonly lineage?: DeliveryLineage | undefined
  /** Who makes spans of deliveries; absent: nobody. */
  readonly spans?: Spans | undefined
  /** Positions while a group is made anew: groups of two Kafkas may have one name. */
  readonly vaultOf: (bootstrapServers: string) => PositionVault
  hasStarted(uid: string): boolean
  /** How many partitions its topic had when somebody knew. */
  partitionsOf?(uid: string): number | undefined
  readonly lingerMs?: number
}

/** A dispatcher that ends because its cluster is named no more has this long for what is in flight, milliseconds. */
const endMs = 20_000
/** Leaving the fleet comes last and is one request; of the deadline this much is kept for it, milliseconds. */
const leaveMs = 1_000

/** A dispatcher for each Kafka cluster that Outlets name, and for each credential there; all of them in one fleet. */
export class Dispatchers {
  readonly #parts: DispatchersParts
  readonly #fleets: Fleets
  readonly #budget = new Budget(defaultOptions.budgetBytes)
  readonly #clusters: PerCluster<Outlet, Unit>

  constructor(parts: DispatchersParts) {
    this.#parts = parts
    const { outlets: routes, lingerMs } = parts
    this.#fleets = new Fleets({ ...parts, main: parts.kafka })
    this.#clusters = new PerCluster<Outlet, Unit>({
      routes,
      clusterOf: (outlet) => this.clusterOf(outlet),
      open: (cluster, outlets) => this.#open(cluster, outlets),
      // after all were told that it is gone
      orphaned: (uid) => setImmediate(() => parts.reporter.report(released(uid))),
      ...(lingerMs === undefined ? {} : { lingerMs }),
    })
    this.#fleets.begin()
    routes.subscribe(() => this.#fleets.look())
  }

  clusterOf(outlet: Outlet): KafkaCluster {
    return clusterOf(outlet, this.#parts.kafka) ?? nowhere
  }

  /** The Outlets that are served there, with that credential. */
  outletsOn(cluster: KafkaCluster): Iterable<Outlet> {
    return this.#clusters.routesOn(cluster).values()
  }

  /** Where a record stands at the Outlets that read it. @param cluster its `clusterId`; absent: the main one, or where there is none all. */
  standings(place: LogPlace, cluster: string | undefined): readonly OutletStanding[] {
    const { kafka } = this.#parts
    const asked = cluster ?? (kafka === undefined ? undefined : clusterId(kafka))
    const there = this.dispatchers.filter((one) => asked === undefined || clusterId(one.cluster) === asked)
    return there.flatMap((one) => one.standings(place))
  }

  /** Those at work now. */
  get dispatchers(): readonly ClusterDispatcher[] {
    return this.#clusters.units.map(({ dispatcher }) => dispatcher)
  }

  /** Finishes what is in flight everywhere and commits. @param forGood this process will not come back. */
  async close(deadlineMs: number, forGood: boolean): Promise<void> {
    const { clock } = this.#parts
    const end = clock.monotonic() + deadlineMs
    const units = this.#clusters.close()
    this.#fleets.closing()
    const unitsMs = Math.max(0, deadlineMs - leaveMs)
    await Promise.all(units.map(({ dispatcher }) => dispatcher.close(unitsMs, forGood)))
    await this.#fleets.close({ forGood, deadlineMs: Math.max(0, end - clock.monotonic()) })
  }

  #wanted(outlets: RouteSet<Outlet>): ReadonlyMap<string, number | undefined> {
    const topics = new Map<string, number | undefined>()
    for (const { uid, topic } of outlets.current.values()) {
      if (topics.get(topic) === undefined) topics.set(topic, this.#parts.partitionsOf?.(uid))
    }
    return topics
  }

  #open(cluster: KafkaCluster, outlets: RouteSet<Outlet>): Unit {
    const owed = new Owed(outlets, this.#parts.reporter)
    const dispatcher = new ClusterDispatcher({
      ...{ ...this.#parts, cluster, outlets, budget: this.#budget },
      join: (log, handler) => this.#fleets.join(cluster, log, () => this.#wanted(outlets), handler),
      reporter: owed,
      vault: this.#parts.vaultOf(cluster.bootstrapServers),
    })
    const end = async (): Promise<void> => {
      await dispatcher.close(endMs, true)
      owed.settle()
    }
    return { dispatcher, end }
  }
}

interface Unit {
  readonly dispatcher: ClusterDispatcher
  end(): Promise<void>
}

/** Sees to it that each Outlet that goes is reported as released, also when the dispatcher ends before it says so. */
class Owed implements OutletReporter {
  readonly #reporter: OutletReporter
  readonly #uids = new Set<string>()
  readonly #unsubscribe: () => void

  constructor(outlets: RouteSet<Outlet>, reporter: OutletReporter) {
    this.#reporter = reporter
    this.#unsubscribe = outlets.subscribe((change) => {
      if (change.kind === 'gone') this.#uids.add(change.uid)
    })
  }

  report(report: OutletReport): void {
    if (report.state === 'released') this.#uids.delete(report.uid)
    this.#reporter.report(report)
  }

  /** The dispatcher has ended: nothing is committed any more. */
  settle(): void {
    this.#unsubscribe()
    for (const uid of this.#uids) this.#reporter.report(released(uid))
  }
}

function released(uid: string): OutletReport {
  return { uid, generation: 0, state: 'released', fault: null }
}
