import type { Inlet } from '../../src/contract/inlet.ts'
import type { DeliveryLineage, IngressLineage, LogPlace, Named, Refused, Settled } from '../../src/contract/lineage.ts'
import type { Outlet } from '../../src/contract/outlet.ts'

/** How a delivery ended, as the dispatcher told it. */
interface Ended {
  readonly outlet: string
  readonly place: LogPlace
  readonly id: string | null
  /** Absent: it was told by `delivered`, the short way. */
  readonly settled?: Omit<Settled, 'at'>
  readonly status?: number
  readonly tookMs: number
}

/** Lineage that remembers all it was told, in order, and nothing else. */
export class LineageRecorder implements IngressLineage, DeliveryLineage {
  readonly taken: {
    readonly inlet: Inlet
    readonly event: Named
    readonly partition: number
    readonly offset: bigint
  }[] = []
  readonly refusals: Omit<Refused, 'at'>[] = []
  readonly ended: Ended[] = []

  accepted(inlet: Inlet, event: Named, partition: number, offset: bigint): void {
    this.taken.push({ inlet, event, partition, offset })
  }

  refused(path: string, events: readonly Named[], problem: Pick<Refused, 'status' | 'code' | 'detail'>): void {
    this.refusals.push(...events.map((event) => ({ path, ...event, ...problem })))
  }

  delivered(outlet: Outlet, place: LogPlace, id: string | null, status: number, tookMs: number): void {
    this.ended.push({ outlet: outlet.uid, place, id, status, tookMs })
  }

  settled(outlet: Outlet, place: LogPlace, id: string | null, settled: Omit<Settled, 'at'>): void {
    this.ended.push({ outlet: outlet.uid, place, id, settled, tookMs: settled.tookMs })
  }
}
