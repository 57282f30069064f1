import type { DeliveryLineage, LogPlace, OutletStanding } from '../../contract/lineage.ts'
import type { Outlet } from '../../contract/outlet.ts'
import type { OutletReporter, PositionVault, RouteSet } from '../../contract/route-source.ts'
import type { KafkaCluster } from '../../contract/source.ts'
import type { Clock } from '../../core/clock.ts'
import { createDispatcher } from '../../data-plane/dispatcher/dispatcher.ts'
import type { Dispatcher, OutletSnapshot } from '../../data-plane/dispatcher/parts.ts'
import type { Budget } from '../../data-plane/dispatcher/reading/budget.ts'
import type { Appender, Log, LogAdmin, LogReader, Membership, Positions } from '../../kafka/log.ts'
import type { Spans } from '../../telemetry/spans.ts'
import type { FleetHandler } from './fleet-unit.ts'
import { openLog, type LogParts } from './open-log.ts'
import type { Ownership } from './ownership.ts'
import type { UnitAtWork } from './progress-unit.ts'

export interface ClusterDispatcherParts extends LogParts {
  readonly cluster: KafkaCluster
  /** How Kafka's logs name this process. */
  readonly instance: string
  /** How it joins the fleet. */
  join(log: Log, handler: FleetHandler): Membership
  readonly outlets: RouteSet<Outlet>
  readonly ownership: Ownership
  /** One for all of the process. */
  readonly budget: Budget
  readonly reporter: OutletReporter
  readonly vault: PositionVault
  hasStarted(uid: string): boolean
  /** Who remembers how deliveries ended; absent: nobody. */
  readonly lineage?: DeliveryLineage | undefined
  /** Who makes spans of deliveries; absent: nobody. */
  readonly spans?: Spans | undefined
}

/** A dispatcher on one Kafka cluster, signed in with one credential, with all that it has opened there. */
export class ClusterDispatcher implements UnitAtWork {
  readonly cluster: KafkaCluster
  readonly outlets: RouteSet<Outlet>
  readonly reader: LogReader
  readonly positions: Positions
  readonly #log: Log
  readonly #appender: Appender
  readonly #admin: LogAdmin
  readonly #dispatcher: Dispatcher
  readonly #ownership: Ownership
  readonly #clock: Clock
  readonly #unwatch: (() => void) | undefined

  constructor(parts: ClusterDispatcherParts) {
    const { cluster, instance, clock, logger, meters } = parts
    this.cluster = cluster
    this.outlets = parts.outlets
    this.#ownership = parts.ownership
    this.#clock = clock
    this.#log = openLog(cluster, `millrace-dispatcher-${instance}`, parts)
    this.reader = this.#log.reader()
    this.positions = this.#log.positions()
    this.#appender = this.#log.appender()
    this.#admin = this.#log.admin()
    this.#dispatcher = createDispatcher({
      ...{ reader: this.reader, positions: this.positions, appender: this.#appender, admin: this.#admin },
      ...{ outlets: parts.outlets, reporter: parts.reporter, vault: parts.vault, clock, logger },
      ...{ lineage: parts.lineage, spans: parts.spans, budget: parts.budget },
      hasStarted: (uid) => parts.hasStarted(uid),
      membership: parts.ownership.listen(cluster, (handler) => parts.join(this.#log, handler)),
      options: { tallies: meters !== undefined },
    })
    this.#unwatch = meters?.dispatchers.watch(this.#dispatcher)
  }

  /** Whether this process owns the lowest partition of a topic there. */
  speaksFor(topic: string): boolean {
    return this.#ownership.ownsLowest(this.cluster, topic)
  }

  /** Whether this process owns a partition of a topic there. */
  worksOn(topic: string): boolean {
    return this.#ownership.ownsAny(this.cluster, topic)
  }

  /** Where a record stands at the Outlets that read it. */
  standings(place: LogPlace): readonly OutletStanding[] {
    return this.#dispatcher.standings(place)
  }

  /** How these Outlets stand, as far as they are there. */
  snapshot(uids: Iterable<string>): readonly OutletSnapshot[] {
    return this.#dispatcher.snapshot(uids).outlets
  }

  /** Finishes what is in flight and commits, at the latest after `deadlineMs`. @param forGood this process will not come back. */
  async close(deadlineMs: number, forGood: boolean): Promise<void> {
    const until = this.#clock.monotonic() + deadlineMs
    const left = (): number => Math.max(0, until - this.#clock.monotonic())
    await this.#dispatcher.close({ deadlineMs: left(), forGood })
    this.#unwatch?.()
    await this.#appender.close(left())
    await Promise.all([this.reader.close(), this.positions.close(), this.#admin.close()])
    await this.#log.close()
  }
}
