import type { Clock } from '../../../core/clock.ts'
import type { Outlet } from '../../../contract/outlet.ts'
import type { AllStarted, OutletFaultReason, OutletReport, OutletReporter } from '../../../contract/route-source.ts'
import { sourceName } from '../../../contract/source.ts'
import { Fault } from '../../../core/fault.ts'
import type { Logger } from '../../../telemetry/logger.ts'
import type { Cursor } from '../reading/cursor.ts'
import type { Consumer, Services } from './deliver.ts'
import type { Failure } from './failure.ts'
import type { FaultLines } from '../fault-lines.ts'
import { faultSource } from '../fault-source.ts'
import { dismiss, prepare, type Prepared } from './prepared.ts'
import { unknownStart, type FirstStart } from '../reading/progress.ts'
import type { Origins } from './origins.ts'

/** The gravest first: the one that is reported when there are several. */
const order: readonly OutletFaultReason[] = [
  'TopicNotFound',
  'GroupInUse',
  'NotAuthorized',
  'LogUnavailable',
  'LoopDetected',
  'DeliveryFailed',
  'EventsExpired',
]

/** Reports that differ only in their numbers are not sent more often than this. */
const REPORT_MS = 1000
/** What became of events that nobody took is told as a fault for this long after the last of them. */
const TOLD_MS = 600_000
/** Each drop is worth a line, but not more than one in this time. */
const DROP_LINE_MS = 1000

/** One Outlet at work in this process: its compiled parts, its cursors, and what is said about it. */
export class OutletRun implements Consumer {
  prepared: Prepared
  readonly services: Services
  /** By partition. */
  readonly cursors = new Map<number, Cursor>()
  firstStart: FirstStart = unknownStart
  /** Its group was found, or made, one that keeps its offsets. */
  adopted = false
  /** Known while the lowest partition is ours. */
  allStarted: AllStarted | null = null
  /** Paused: the group belongs to someone else at the moment. */
  inUse = false
  released = false
  deliveredCount = 0
  parkedCount = 0
  droppedCount = 0
  loopedCount = 0
  lostCount = 0
  readonly #origins: Origins
  readonly #reporter: OutletReporter
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #lines: FaultLines
  /** What is wrong, by who says so: one source may be well again while another is not. Null before the first: there are ten thousand of us. */
  #faults: Map<string, { reason: OutletFaultReason; message: string }> | null = null
  #consuming = false
  #reported: OutletReport | null = null
  #reportedAt = -Infinity
  #timer: NodeJS.Timeout | undefined
  /** By source: when what is told is over. */
  #telling: Map<string, NodeJS.Timeout> | null = null
  #dropLineAt = -Infinity

  constructor(
    outlet: Outlet,
    parts: {
      services: Services
      origins: Origins
      reporter: OutletReporter
      clock: Clock
      logger: Logger
      lines: FaultLines
    },
  ) {
    this.services = parts.services
    this.#origins = parts.origins
    this.#reporter = parts.reporter
    this.#clock = parts.clock
    this.#logger = parts.logger
    this.#lines = parts.lines
    this.prepared = prepare(outlet, parts.origins, parts.services.options.window)
  }

  get outlet(): Outlet {
    return this.prepared.outlet
  }

  get window(): number {
    return this.services.budget.tight ? 1 : this.prepared.window
  }

  get room(): number {
    return this.services.budget.roomy ? this.prepared.room : this.window
  }

  get consuming(): boolean {
    return this.#consuming
  }

  /** The fault that counts most. */
  get fault(): OutletReport['fault'] {
    let worst: OutletReport['fault'] = null
    for (const fault of this.#faults?.values() ?? []) {
      if (worst === null || order.indexOf(fault.reason) < order.indexOf(worst.reason)) worst = fault
    }
    return worst
  }

  /** Swaps the compiled parts. @returns whether cursors must be filed anew. */
  change(outlet: Outlet): boolean {
    const before = this.prepared
    this.prepared = prepare(outlet, this.#origins, this.services.options.window)
    dismiss(before)
    // what became of events was told for the version that is gone
    if (outlet.generation !== before.outlet.generation) {
      for (const source of ['expired', 'parked', 'dropped', 'looped']) this.#faults?.delete(source)
    }
    this.report()
    return JSON.stringify(before.outlet.filter) !== JSON.stringify(outlet.filter)
  }

  /** Starting positions are committed on all partitions that are ours. */
  started(): void {
    this.#consuming = true
    this.report()
  }

  delivered(): void {
    this.deliveredCount++
  }

  parked(topic: string, failure: Failure): void {
    this.parkedCount++
    this.#faults?.delete(faultSource.unparked)
    const events = this.parkedCount === 1 ? 'An event that' : `${this.parkedCount} events that`
    const message = `${events} could not be delivered: parked in topic ${topic}. Last: ${failure.destination}: ${failure.reason}.`
    this.#tell('parked', 'DeliveryFailed', message)
  }

  dropped(failure: Failure): void {
    this.droppedCount++
    const events = this.droppedCount === 1 ? 'An event that' : `${this.droppedCount} events that`
    const message = `${events} could not be delivered: dropped, as onExhausted: Drop asks for. Last: ${failure.destination}: ${failure.reason}.`
    const now = this.#clock.monotonic()
    if (now - this.#dropLineAt >= DROP_LINE_MS) {
      this.#dropLineAt = now
      this.#logger.warn({ outlet: sourceName(this.outlet.source), dropped: this.droppedCount }, message)
    }
    this.#tell('dropped', 'DeliveryFailed', message)
  }

  looped(): void {
    this.loopedCount++
    const replies = this.loopedCount === 1 ? 'A reply was' : `${this.loopedCount} replies were`
    this.#tell(
      'looped',
      'LoopDetected',
      `${replies} not stored, because events and replies go round in a circle (knativebrokerttl ran out). Give replies a type that the filter ` +
        'of this Trigger, and of those that answer them, does not let through.',
    )
  }

  unparked(error: unknown): void {
    const { topic } = this.outlet.parking
    this.setFault(
      faultSource.unparked,
      'DeliveryFailed',
      `Events that could not be delivered wait, because topic ${topic} does not take them: ${text(error)}`,
    )
  }

  lost(count: number, topic: string): void {
    this.lostCount += count
    this.setFault(
      'expired',
      'EventsExpired',
      `${this.lostCount} events of topic ${topic} were removed by its retention before they were delivered. Give the topic a longer retention, or the subscriber more capacity.`,
    )
  }

  /** An error of the log, translated; null: it is over. @param source who says so. */
  logState(source: string, error: unknown): void {
    if (error === null) return this.clearFault(source)
    const code = error instanceof Fault ? error.code : 'LogUnavailable'
    const known = order.find((reason) => reason === code)
    this.setFault(source, known ?? 'LogUnavailable', text(error))
  }

  setFault(source: string, reason: OutletFaultReason, message: string): void {
    const known = this.#faults?.get(source)
    if (known?.reason === reason && known.message === message) return
    if (known?.reason !== reason) this.#lines.tell(sourceName(this.outlet.source), reason, message)
    this.#faults ??= new Map()
    this.#faults.set(source, { reason, message })
    this.report()
  }

  /** A fault that is over when it did not happen again for a while. */
  #tell(source: string, reason: OutletFaultReason, message: string): void {
    this.setFault(source, reason, message)
    this.#telling ??= new Map()
    clearTimeout(this.#telling.get(source))
    this.#telling.set(source, setTimeout(() => this.clearFault(source), TOLD_MS).unref())
  }

  clearFault(source: string): void {
    if (this.#faults?.delete(source) === true) this.report()
  }

  /** Says what changed; numbers that go on changing at most once a second. */
  report(): void {
    if (this.released) return
    const report: OutletReport = {
      uid: this.outlet.uid,
      generation: this.outlet.generation,
      state: this.#consuming ? 'consuming' : 'starting',
      fault: this.fault,
      ...(this.allStarted === null ? {} : { allStarted: this.allStarted }),
    }
    const last = this.#reported
    if (last !== null && same(last, report) && last.fault?.message === report.fault?.message) return
    const wait = this.#reportedAt + REPORT_MS - this.#clock.monotonic()
    if (last !== null && same(last, report) && wait > 0) {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined
        this.report()
      }, wait)
      return
    }
    this.#send(report)
  }

  /** No more reports; connections are given back once nothing is under way. */
  release(): void {
    if (this.released) return
    this.released = true
    clearTimeout(this.#timer)
    for (const timer of this.#telling?.values() ?? []) clearTimeout(timer)
    dismiss(this.prepared)
  }

  /** After `release`, once nothing of this Outlet will be committed any more: its group may be deleted. */
  tellReleased(): void {
    this.#send({ uid: this.outlet.uid, generation: this.outlet.generation, state: 'released', fault: null })
  }

  #send(report: OutletReport): void {
    this.#reported = report
    this.#reportedAt = this.#clock.monotonic()
    this.#reporter.report(report)
  }
}

function same(a: OutletReport, b: OutletReport): boolean {
  const alike = a.generation === b.generation && a.state === b.state && a.fault?.reason === b.fault?.reason
  return alike && a.allStarted === b.allStarted
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
