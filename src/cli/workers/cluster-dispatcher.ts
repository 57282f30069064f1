import { createHash } from 'node:crypto'
import type { Outlet } from '../../contract/outlet.ts'
import type { OutletReporter, PositionVault, RouteSet } from '../../contract/route-source.ts'
import type { Clock } from '../../core/clock.ts'
import { createDispatcher } from '../../data-plane/dispatcher/dispatcher.ts'
import type { Dispatcher } from '../../data-plane/dispatcher/parts.ts'
import { openKafkaLog } from '../../kafka/kafka-log.ts'
import type { Appender, Log, LogAdmin, LogReader, Positions } from '../../kafka/log.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { Ownership } from './ownership.ts'

export interface ClusterDispatcherParts {
  /** `host:port,host:port`. */
  readonly bootstrapServers: string
  /** Kafka group of the dispatcher fleet, and our stable name in it. */
  readonly group: string
  readonly instance: string
  readonly outlets: RouteSet<Outlet>
  readonly ownership: Ownership
  readonly reporter: OutletReporter
  readonly vault: PositionVault
  hasStarted(uid: string): boolean
  readonly clock: Clock
  readonly logger: Logger
}

/** A dispatcher on one Kafka cluster, with all that it has opened there. */
export class ClusterDispatcher {
  readonly #log: Log
  readonly #reader: LogReader
  readonly #positions: Positions
  readonly #appender: Appender
  readonly #admin: LogAdmin
  readonly #dispatcher: Dispatcher
  readonly #clock: Clock

  constructor(parts: ClusterDispatcherParts) {
    const { bootstrapServers, group, instance, clock, logger } = parts
    this.#clock = clock
    this.#log = openKafkaLog({ bootstrapServers, clientId: `millrace-dispatcher-${instance}`, clock, logger })
    this.#reader = this.#log.reader()
    this.#positions = this.#log.positions()
    this.#appender = this.#log.appender()
    this.#admin = this.#log.admin()
    this.#dispatcher = createDispatcher({
      ...{ reader: this.#reader, positions: this.#positions, appender: this.#appender, admin: this.#admin },
      ...{ outlets: parts.outlets, reporter: parts.reporter, vault: parts.vault, clock, logger },
      hasStarted: (uid) => parts.hasStarted(uid),
      membership: parts.ownership.listen(bootstrapServers, (handler) =>
        this.#log.membership({ group, instance }, handler),
      ),
    })
  }

  /** Finishes what is in flight and commits, at the latest after `deadlineMs`. @param forGood this process will not come back. */
  async close(deadlineMs: number, forGood: boolean): Promise<void> {
    const until = this.#clock.monotonic() + deadlineMs
    const left = (): number => Math.max(0, until - this.#clock.monotonic())
    await this.#dispatcher.close({ deadlineMs: left(), forGood })
    await this.#appender.close(left())
    await Promise.all([this.#reader.close(), this.#positions.close(), this.#admin.close()])
    await this.#log.close()
  }
}

/**
 * Our name in the fleet of a cluster. One cluster may be named by several addresses, each with a dispatcher of its own: under the same name
 * these would throw each other out of the group for ever. The same for all processes that are told the same `mainCluster`.
 */
export function instanceOn(cluster: string, instance: string, mainCluster: string | undefined): string {
  if (cluster === mainCluster) return instance
  return `${instance}.${createHash('sha256').update(cluster).digest('hex').slice(0, 8)}`
}
