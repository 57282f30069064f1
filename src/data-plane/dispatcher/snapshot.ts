import type { OutletRun } from './delivering/outlet-run.ts'
import type { Tally } from './delivering/tally.ts'
import type { OutletReport } from '../../contract/route-source.ts'
import type { Outlet } from '../../contract/outlet.ts'
import type { OutletSnapshot, OutletView, PartitionVisit } from './parts.ts'
import type { Cursor } from './reading/cursor.ts'
import type { Worker } from './worker.ts'

/** @param endOf where the partition of a cursor ends, as far as it is known. */
export function snapshotOf(run: OutletRun, endOf: (cursor: Cursor) => number | undefined): OutletSnapshot {
  const { uid, source, group, topic } = run.outlet
  const partitions = Array.from(run.cursors.values(), (cursor) => ({
    partition: cursor.place.at.partition,
    position: cursor.position,
    committed: cursor.committed,
    end: endOf(cursor) ?? cursor.position,
    inFlight: cursor.inFlight,
    oldestAt: cursor.oldestAt,
  }))
  const { consuming, fault, deliveredCount: delivered, parkedCount: parked, lostCount: lost } = run
  const { deadLetteredCount: deadLettered, repliedCount: replied } = run
  const { droppedCount: dropped, loopedCount: looped, blockedCount: blocked, tally, lastDelivery, lastError } = run
  const counts = { delivered, deadLettered, replied, parked, dropped, looped, lost, blocked, tally }
  return { uid, source, group, topic, consuming, fault, partitions, ...counts, lastDelivery, lastError }
}

/** Reads from the run itself: of ten thousand Outlets nothing is copied. */
export class RunView implements OutletView {
  readonly #run: OutletRun
  readonly #worker: Pick<Worker, 'partition'>

  constructor(run: OutletRun, worker: Pick<Worker, 'partition'>) {
    this.#run = run
    this.#worker = worker
  }

  get outlet(): Outlet {
    return this.#run.outlet
  }

  get consuming(): boolean {
    return this.#run.consuming
  }

  get fault(): OutletReport['fault'] {
    return this.#run.fault
  }

  get tally(): Tally | null {
    return this.#run.tally
  }

  get blocked(): number {
    return this.#run.blockedCount
  }

  get counts(): OutletView['counts'] {
    return this.#run
  }

  eachPartition(visit: PartitionVisit): void {
    for (const cursor of this.#run.cursors.values()) {
      const { position } = cursor
      const end = this.#worker.partition(cursor.place.at)?.end ?? position
      visit(cursor.place.at.partition, position, end, cursor.inFlight, cursor.oldestAt)
    }
  }
}
