import type { Outlet } from '../../contract/outlet.ts'
import type { OutletReport, OutletReporter, PositionVault, RouteSet } from '../../contract/route-source.ts'
import type { Clock } from '../../core/clock.ts'
import type { Appender, LogAdmin, LogReader, Membership, MembershipHandler, Positions } from '../../kafka/log.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { DispatcherOptions } from './options.ts'

export interface DispatcherParts {
  readonly reader: LogReader
  readonly positions: Positions
  readonly appender: Appender
  readonly admin: LogAdmin
  /** Joins the fleet. Called once; the handler is told which partitions are ours. */
  readonly membership: (handler: MembershipHandler) => Membership
  readonly outlets: RouteSet<Outlet>
  readonly reporter: OutletReporter
  readonly vault: PositionVault
  /**
   * Whether the Outlet has consumed before, whatever its group still holds: a group without positions has lost them then, for example with
   * a topic that was made anew while no dispatcher ran, and goes on at the start of the log. Default: what this process saw itself.
   */
  readonly hasStarted?: (uid: string) => boolean
  readonly clock: Clock
  readonly logger: Logger
  readonly options?: Partial<DispatcherOptions>
}

/** How an Outlet stands in this process. */
export interface OutletSnapshot {
  readonly uid: string
  readonly group: string
  readonly topic: string
  readonly consuming: boolean
  readonly fault: OutletReport['fault']
  /** The partitions that this process works on. Offsets. */
  readonly partitions: readonly {
    readonly partition: number
    /** Everything below is finished. */
    readonly position: number
    readonly committed: number
    readonly end: number
    readonly inFlight: number
  }[]
  /** Events since this process began with the Outlet. */
  readonly delivered: number
  readonly parked: number
  /** Neither delivered nor parked, as the Outlet wants it. */
  readonly dropped: number
  /** Deliveries whose replies were not stored, because they had gone round too often. */
  readonly looped: number
  readonly lost: number
}

export interface DispatcherSnapshot {
  readonly outlets: readonly OutletSnapshot[]
  /** Bytes of rings, catch-up reads and events in flight. */
  readonly memory: number
}

export interface Dispatcher {
  /** Cheap: may be called every second. */
  snapshot(): DispatcherSnapshot
  /**
   * Stops reading, lets finish what is in flight, commits, leaves the fleet; what is not finished by the deadline is aborted and will be
   * delivered by the next owner. The ports stay open. @param options.forGood this member will not come back.
   */
  close(options: { deadlineMs: number; forGood: boolean }): Promise<void>
}
