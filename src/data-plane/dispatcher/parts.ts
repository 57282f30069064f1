import type { DeliveryLineage, LogPlace, OutletStanding } from '../../contract/lineage.ts'
import type { Outlet } from '../../contract/outlet.ts'
import type { OutletReport, OutletReporter, PositionVault, RouteSet } from '../../contract/route-source.ts'
import type { Source } from '../../contract/source.ts'
import type { Clock } from '../../core/clock.ts'
import type { Appender, LogAdmin, LogReader, Membership, MembershipHandler, Positions } from '../../kafka/log.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { Spans } from '../../telemetry/spans.ts'
import type { Tally } from './delivering/tally.ts'
import type { DispatcherOptions } from './options.ts'
import type { Budget } from './reading/budget.ts'

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
  /** Who remembers how deliveries ended; absent: nobody. */
  readonly lineage?: DeliveryLineage | undefined
  /** Who makes spans of them; absent: nobody, and the trace of an event goes through as it came. */
  readonly spans?: Spans | undefined
  /** Bound on what this one and others of the process hold in memory together. Default: one of its own, of `budgetBytes`. */
  readonly budget?: Budget
  readonly clock: Clock
  readonly logger: Logger
  readonly options?: Partial<DispatcherOptions>
}

/** How an Outlet stands in this process. */
export interface OutletSnapshot {
  readonly uid: string
  readonly source: Source
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
    /** When the oldest of those in flight was stored, milliseconds since 1970; null: none is in flight. */
    readonly oldestAt: number | null
  }[]
  /** Events since this process began with the Outlet. */
  readonly delivered: number
  /** Of the delivered: those that the dead letter sink took. */
  readonly deadLettered: number
  /** Events of answers that were stored. */
  readonly replied: number
  readonly parked: number
  /** Neither delivered nor parked, as the Outlet wants it. */
  readonly dropped: number
  /** Deliveries whose replies were not stored, because they had gone round too often. */
  readonly looped: number
  readonly lost: number
  /** Events that nobody took and that wait until somebody does. */
  readonly blocked: number
  /** Null unless the option `tallies` is on. */
  readonly tally: Tally | null
  /** When an event was delivered last, milliseconds since 1970; null: none was. */
  readonly lastDelivery: number | null
  /** The last try that failed, milliseconds since 1970; null: none did. Stays when a later try succeeds. */
  readonly lastError: { readonly at: number; readonly message: string } | null
}

export interface DispatcherSnapshot {
  readonly outlets: readonly OutletSnapshot[]
  /** Bytes of rings, catch-up reads and events in flight. */
  readonly memory: number
}

/** @param oldestAt as in {@link OutletSnapshot}. */
export type PartitionVisit = (
  partition: number,
  position: number,
  end: number,
  inFlight: number,
  oldestAt: number | null,
) => void

/** An Outlet in this process, for who asks for all of them: good until the next one is asked for. */
export interface OutletView {
  readonly outlet: Outlet
  readonly consuming: boolean
  readonly fault: OutletReport['fault']
  readonly tally: Tally | null
  readonly blocked: number
  /** Events since this process began with the Outlet. */
  readonly counts: {
    readonly deliveredCount: number
    readonly deadLetteredCount: number
    readonly repliedCount: number
    readonly parkedCount: number
    readonly droppedCount: number
    readonly loopedCount: number
    readonly lostCount: number
  }
  /** The partitions that this process works on. */
  eachPartition(visit: PartitionVisit): void
}

/** What a dispatcher holds in memory, bytes. */
export interface DispatcherLoad {
  /** The same one for all dispatchers of a process that share it. */
  readonly budget: Pick<Budget, 'used' | 'limit' | 'inFlight'>
  /** Replies and parked events that the log has not acknowledged. */
  readonly appendQueue: number
}

export interface Dispatcher {
  /** Cheap: may be called every second. @param uids of these Outlets alone, as far as they are there. */
  snapshot(uids?: Iterable<string>): DispatcherSnapshot
  /** Each Outlet in its turn, as it stands when it is asked for: others may run in between. */
  outlets(): Iterable<OutletView>
  load(): DispatcherLoad
  /** Where the record there stands at each Outlet of its topic; empty where its partition is not this process's. What is settled is not known here. */
  standings(place: LogPlace): readonly OutletStanding[]
  /**
   * Stops reading, lets finish what is in flight, commits, leaves the fleet; what is not finished by the deadline is aborted and will be
   * delivered by the next owner. The ports stay open. @param options.forGood this member will not come back.
   */
  close(options: { deadlineMs: number; forGood: boolean }): Promise<void>
}
