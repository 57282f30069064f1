import type { Outlet } from '../../contract/outlet.ts'
import type { OutletReport, OutletReporter, PositionVault, RouteSet } from '../../contract/route-source.ts'
import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { ClusterDispatcher, instanceOn } from './cluster-dispatcher.ts'
import type { Ownership } from './ownership.ts'
import { PerCluster } from './per-cluster.ts'

export interface DispatchersParts {
  readonly outlets: RouteSet<Outlet>
  /** The cluster of Outlets that name none. */
  readonly kafka: string | undefined
  readonly group: string
  readonly instance: string
  readonly ownership: Ownership
  readonly reporter: OutletReporter
  readonly vault: PositionVault
  hasStarted(uid: string): boolean
  readonly clock: Clock
  readonly logger: Logger
  readonly lingerMs?: number
}

/** A dispatcher that ends because its cluster is named no more has this long for what is in flight, milliseconds. */
const endMs = 20_000

/** A dispatcher for each Kafka cluster that Outlets name. */
export class Dispatchers {
  readonly #parts: DispatchersParts
  readonly #clusters: PerCluster<Outlet, Unit>

  constructor(parts: DispatchersParts) {
    this.#parts = parts
    const { outlets: routes, lingerMs } = parts
    this.#clusters = new PerCluster<Outlet, Unit>({
      routes,
      clusterOf: (outlet) => this.clusterOf(outlet),
      open: (cluster, outlets) => this.#open(cluster, outlets),
      // after all were told that it is gone
      orphaned: (uid) => setImmediate(() => parts.reporter.report(released(uid))),
      ...(lingerMs === undefined ? {} : { lingerMs }),
    })
  }

  clusterOf(outlet: Outlet): string {
    return outlet.bootstrapServers ?? this.#parts.kafka ?? ''
  }

  /** Finishes what is in flight everywhere and commits. @param forGood this process will not come back. */
  async close(deadlineMs: number, forGood: boolean): Promise<void> {
    const units = this.#clusters.close()
    await Promise.all(units.map(({ dispatcher }) => dispatcher.close(deadlineMs, forGood)))
  }

  #open(cluster: string, outlets: RouteSet<Outlet>): Unit {
    const { kafka, instance, group, ownership, vault, clock, logger, reporter } = this.#parts
    const owed = new Owed(outlets, reporter)
    const dispatcher = new ClusterDispatcher({
      ...{ bootstrapServers: cluster, group, outlets, ownership, vault, clock, logger },
      instance: instanceOn(cluster, instance, kafka),
      reporter: owed,
      hasStarted: (uid) => this.#parts.hasStarted(uid),
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
