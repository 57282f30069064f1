import type { Clock } from '../../../core/clock.ts'
import type { Outlet } from '../../../contract/outlet.ts'
import type { AllStarted, OutletFaultReason, OutletReport, OutletReporter } from '../../../contract/route-source.ts'
import { sourceName } from '../../../contract/source.ts'
import { Fault } from '../../../core/fault.ts'
import type { Logger } from '../../../telemetry/logger.ts'
import type { Cursor } from '../reading/cursor.ts'
import { Blockage } from './blockage.ts'
import type { Blocked, Consumer, Services } from './consumer.ts'
import type { Failure } from './failure.ts'
import type { FaultLines } from '../fault-lines.ts'
import { faultSource } from '../fault-source.ts'
import { faultOrder, OutletFaults, type FaultsHost } from './outlet-faults.ts'
import { dismiss, prepare, type Prepared } from './prepared.ts'
import type { OutletShare } from '../reading/in-flight.ts'
import { unknownStart, type FirstStart } from '../reading/progress.ts'
import type { Origins } from './origins.ts'
import { Tally } from './tally.ts'

/** Reports that differ only in their numbers are not sent more often than this. */
const REPORT_MS = 1000
/** Each drop is worth a line, but not more than one in this time. */
const DROP_LINE_MS = 1000

/** One Outlet at work in this process: its compiled parts, its cursors, and what is said about it. */
export class OutletRun implements Consumer, FaultsHost {
  prepared: Prepared
  readonly services: Services
  readonly share: OutletShare
  readonly tally: Tally | null
  /** By partition. */
  readonly cursors = new Map<number, Cursor>()
  firstStart: FirstStart = unknownStart
  /** Its group was found, or made, one that keeps its offsets. */
  adopted = false
  /** Its group loses its offsets some day, and may not be made anew. Of those that were adopted. */
  unconverted = false
  /** Known while the lowest partition is ours. */
  allStarted: AllStarted | null = null
  /** Paused: the group belongs to someone else at the moment. */
  inUse = false
  released = false
  deliveredCount = 0
  deadLetteredCount = 0
  repliedCount = 0
  parkedCount = 0
  droppedCount = 0
  loopedCount = 0
  lostCount = 0
  /** When an event was delivered last, milliseconds since 1970. */
  lastDelivery: number | null = null
  #lastError: { readonly at: number; readonly destination: string; readonly reason: string } | null = null
  readonly #blockage = new Blockage()
  readonly #origins: Origins
  readonly #reporter: OutletReporter
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #lines: FaultLines
  readonly #faults = new OutletFaults(this)
  #consuming = false
  #reported: OutletReport | null = null
  #reportedAt = -Infinity
  #timer: NodeJS.Timeout | undefined
  #dropLineAt = -Infinity

  constructor(
    outlet: Outlet,
    parts: {
      services: Services
      share: OutletShare
      origins: Origins
      reporter: OutletReporter
      clock: Clock
      logger: Logger
      lines: FaultLines
    },
  ) {
    this.services = parts.services
    this.share = parts.share
    this.tally = parts.services.options.tallies ? new Tally() : null
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
    return this.share.tight ? 1 : this.prepared.window
  }

  get room(): number {
    return this.share.roomy ? this.prepared.room : this.window
  }

  /** Events that nobody took and that wait until somebody does. */
  get blockedCount(): number {
    return this.#blockage.count
  }

  get consuming(): boolean {
    return this.#consuming
  }

  /** The fault that counts most. */
  get fault(): OutletReport['fault'] {
    return this.#faults.worst
  }

  /** The last try that failed, at the subscriber or the dead letter sink. */
  get lastError(): { readonly at: number; readonly message: string } | null {
    if (this.#lastError === null) return null
    const { at, destination, reason } = this.#lastError
    return { at, message: `${destination}: ${reason}` }
  }

  /** Swaps the compiled parts. @returns whether cursors must be filed anew. */
  change(outlet: Outlet): boolean {
    const before = this.prepared
    this.prepared = prepare(outlet, this.#origins, this.services.options.window)
    dismiss(before)
    // what became of events was told for the version that is gone
    if (outlet.generation !== before.outlet.generation) {
      this.#faults.forget('expired', 'parked', 'dropped', 'looped')
    }
    this.#tellBlocked()
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
    this.lastDelivery = this.#clock.now()
  }

  deadLettered(): void {
    this.deadLetteredCount++
  }

  replied(events: number): void {
    this.repliedCount += events
  }

  tryFailed(destination: string, reason: string): void {
    this.#lastError = { at: this.#clock.now(), destination, reason }
  }

  parked(topic: string, failure: Failure): void {
    this.parkedCount++
    this.#faults.forget(faultSource.unparked)
    const events = this.parkedCount === 1 ? 'An event that' : `${this.parkedCount} events that`
    const message = `${events} could not be delivered: parked in topic ${topic}. Last: ${failure.destination}: ${failure.reason}.`
    this.#faults.tell('parked', 'DeliveryFailed', message)
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
    this.#faults.tell('dropped', 'DeliveryFailed', message)
  }

  looped(): void {
    this.loopedCount++
    const replies = this.loopedCount === 1 ? 'A reply was' : `${this.loopedCount} replies were`
    this.#faults.tell(
      'looped',
      'LoopDetected',
      `${replies} not stored, because events and replies go round in a circle (knativebrokerttl ran out). Give replies a type that the filter ` +
        'of this Trigger, and of those that answer them, does not let through.',
    )
  }

  unparked(error: unknown): void {
    const topic = this.outlet.parking?.topic ?? 'of parked events'
    this.setFault(
      faultSource.unparked,
      'DeliveryFailed',
      `Events that could not be delivered wait, because topic ${topic} does not take them: ${text(error)}`,
    )
  }

  blocked(event: Blocked, why: string): void {
    this.#blockage.add(event, why)
    this.#tellBlocked()
  }

  unblocked(event: Blocked): void {
    this.#blockage.remove(event)
    this.#tellBlocked()
  }

  #tellBlocked(): void {
    const message = this.prepared.paused ? null : this.#blockage.message(this.outlet)
    if (message === null) this.clearFault(faultSource.blocked)
    else this.setFault(faultSource.blocked, 'DeliveryFailed', message)
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
    const known = faultOrder.find((reason) => reason === code)
    this.setFault(source, known ?? 'LogUnavailable', text(error))
  }

  setFault(source: string, reason: OutletFaultReason, message: string): void {
    this.#faults.set(source, reason, message)
  }

  clearFault(source: string): void {
    this.#faults.clear(source)
  }

  faultLine(reason: OutletFaultReason, message: string): void {
    this.#lines.tell(sourceName(this.outlet.source), reason, message)
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
    this.#faults.close()
    this.share.close()
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
