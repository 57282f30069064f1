import type { PositionVault } from '../../../contract/route-source.ts'
import type { Clock } from '../../../core/clock.ts'
import { inTime } from '../../../core/deadline.ts'
import { Fault } from '../../../core/fault.ts'
import type { LogAdmin, LogReader, Positions } from '../../../kafka/log.ts'
import type { Logger } from '../../../telemetry/logger.ts'
import { Adopter } from './adopter.ts'
import { BatchedPositions } from './batched-positions.ts'
import { Coverage } from './coverage.ts'
import { faultSource } from '../fault-source.ts'
import type { OutletRun } from '../delivering/outlet-run.ts'
import type { Partition } from '../reading/partition.ts'
import type { FirstStart, Progress } from '../reading/progress.ts'
import { lostIn, Placing, positionOf, type Placed } from './placing.ts'
import { planStart, type StartPlan } from './start-plan.ts'
import { Turnstile } from './turnstile.ts'

/** The partitions of a process, as the start of an Outlet sees them. */
export interface StartHost {
  readonly reader: LogReader
  readonly positions: Positions
  readonly admin: LogAdmin
  readonly vault: PositionVault
  readonly clock: Clock
  readonly logger: Logger
  readonly retryMs: number
  readonly graceMs: number
  readonly signal: AbortSignal
  mayAct(): boolean
  /** Partitions that the topic has; undefined while that is not known. */
  partitionsOf(topic: string): number | undefined
  /** Kafka's id of the topic. */
  idOf(topic: string): string | undefined
  /** Whether the Outlet's status says that it has consumed before. */
  hasStarted(uid: string): boolean
  /** Owned partitions of the Outlet's topic on which it has no cursor yet. */
  missing(run: OutletRun): readonly Partition[]
  ownsLowest(topic: string): boolean
  /** The Outlets of this process that share the group. */
  siblings(group: string): readonly OutletRun[]
  /** Whether this process is the one that makes the group anew where it must be. */
  speaksFor(group: string): boolean
  /** Resolves when nothing is being committed for this group. */
  idle(group: string): Promise<void>
  /** Works while nothing else is committed for the group. */
  exclusively<T>(group: string, work: () => Promise<T>): Promise<T>
  open(run: OutletRun, partition: Partition, progress: Progress, leaderEpoch: number): void
  /** Nobody is starting any more. */
  quiet(): void
  /** The group has live members of someone else. */
  inUse(run: OutletRun, error: Fault): void
}

/** A commit of starting positions that is under way. */
interface Flight {
  readonly places: readonly Partition[]
  readonly abort: AbortController
  readonly ended: Promise<void>
}

interface Running {
  again: boolean
  wake: () => void
  flight: Flight | null
  readonly ended: Promise<void>
}

/**
 * Brings Outlets to work on the partitions of this process. Nothing is delivered before its position is committed: so a foreign owner of the
 * group is noticed before the first event, and a position exists before anybody is told that the Outlet consumes.
 *
 *     wanted ─► group keeps its offsets? (adopt) ─► positions of the group ─► plan ─► log's range for what is missing
 *                                                        ─► commit ─► cursors run ─► consuming
 */
export class Starter {
  readonly #host: StartHost
  readonly #positions: BatchedPositions
  readonly #coverage: Coverage
  readonly #adopter: Adopter
  readonly #placing: Placing
  readonly #commits = new Turnstile(32)
  readonly #running = new Map<OutletRun, Running>()

  constructor(host: StartHost) {
    this.#host = host
    this.#positions = new BatchedPositions(host.positions)
    this.#coverage = new Coverage({ ...host, positions: this.#positions })
    this.#adopter = new Adopter(host)
    this.#placing = new Placing(host)
  }

  /** How many partitions the Outlet's topic has, or which topic it is, may have changed: whether all have a start is looked at anew. */
  look(run: OutletRun): void {
    if (run.consuming) this.#coverage.check(run)
  }

  /** Partitions were added, or the Outlet is new: see to it that it works on all of them. */
  want(run: OutletRun): void {
    const running = this.#running.get(run)
    if (running !== undefined) {
      running.again = true
      running.wake()
      return
    }
    // all are asked for each time that topics were looked at, and most of them are at work
    if (this.#host.missing(run).length === 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const state: Running = { again: true, wake: () => {}, flight: null, ended: promise }
    this.#running.set(run, state)
    void this.#loop(run, state).finally(resolve)
  }

  /** Resolves when nothing is being done for this Outlet; it was released before. */
  async settled(run: OutletRun): Promise<void> {
    const running = this.#running.get(run)
    running?.wake()
    running?.flight?.abort.abort()
    await running?.ended
  }

  /**
   * Partitions were taken away: a commit of where Outlets start on them would undo what the next owner commits. Resolves when none is under
   * way; what is left after `ms` is not tried again.
   */
  async leave(ms: number): Promise<void> {
    const flights = this.#flights().filter(({ places }) => places.some(({ closed }) => closed))
    if (flights.length === 0) return
    if (ms > 0) await inTime(Promise.all(flights.map(({ ended }) => ended)), { ms })
    for (const { abort } of flights) abort.abort()
  }

  /** This process may act no more: commits that are under way are not tried again. */
  suspend(): void {
    for (const { abort } of this.#flights()) abort.abort()
  }

  #flights(): readonly Flight[] {
    return Array.from(this.#running.values(), ({ flight }) => flight).filter((flight) => flight !== null)
  }

  /** Nobody waits any more; the signal was aborted before. */
  async close(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((run) => this.settled(run)))
  }

  async #loop(run: OutletRun, state: Running): Promise<void> {
    const { retryMs, signal } = this.#host
    let wait = retryMs
    while (state.again && !run.released && !run.inUse && !signal.aborted) {
      state.again = false
      try {
        if (await this.#start(run, state)) wait = retryMs
        else {
          await pause(wait, state, run, signal)
          wait = Math.min(wait * 2, 10_000)
        }
        run.clearFault('start')
      } catch (error) {
        if (run.released || signal.aborted) break
        if (error instanceof Fault && error.code === 'GroupInUse') {
          this.#host.inUse(run, error)
          break
        }
        run.logState('start', error)
        await pause(wait, state, run, signal)
        wait = Math.min(wait * 2, 10_000)
      }
    }
    this.#running.delete(run)
    if (this.#running.size === 0) this.#host.quiet()
  }

  /** @returns false: not done, come back later (`again` is set by the pause). */
  async #start(run: OutletRun, state: Running): Promise<boolean> {
    const { group, topic } = run.outlet
    const total = this.#host.partitionsOf(topic)
    if (total === undefined || this.#host.missing(run).length === 0) return true
    await this.#host.idle(group)
    if (!(await this.#adopter.adopted(run))) return false
    const all = Array.from({ length: total }, (_, partition) => ({ topic, partition }))
    // before the look: of a partition that is given back after it, the look says nothing
    const partitions = this.#host.missing(run)
    const known = await this.#positions.fetch(group, all)
    if (!(await this.#adopter.stillHolds(run))) return false
    const now = Math.floor(this.#host.clock.now() / 1000)
    const owned = partitions.map(({ at }) => at.partition)
    const plan = planStart(owned, total, known, now, this.#host.graceMs / 1000, this.#before(run, total))
    const placed = await this.#placing.place(run.outlet, plan, partitions)
    const commit = () => this.#host.exclusively(group, () => this.#commit(run, plan, placed, state))
    if (!(await this.#commits.pass(commit))) return run.released
    // not before: a first start that was never committed is none
    run.firstStart = plan.firstStart
    run.clearFault(faultSource.commit)
    if (run.released) return true
    this.#open(run, placed)
    if (this.#host.missing(run).length > 0) return false
    // both at once, for they are one report
    this.#coverage.check(run, [...known, ...placed])
    run.started()
    return true
  }

  /** When it first started, as far as this process or, of what was before it, the Outlet's status knows. */
  #before({ firstStart, outlet }: OutletRun, total: number): FirstStart {
    return firstStart.at === 0 && this.#host.hasStarted(outlet.uid) ? { at: 1, partitions: total } : firstStart
  }

  /** @returns false: nothing was committed, and nothing went wrong. */
  async #commit(run: OutletRun, plan: StartPlan, placed: readonly Placed[], state: Running): Promise<boolean> {
    const { group, topic } = run.outlet
    const ours = placed.filter(({ place }) => !place.closed)
    if (ours.length === 0 || run.released || !this.#host.mayAct()) return false
    const abort = new AbortController()
    const positions = ours.map((one) => positionOf(one, topic, plan))
    const { promise: ended, resolve } = Promise.withResolvers<void>()
    state.flight = { places: ours.map(({ place }) => place), abort, ended }
    try {
      await this.#host.positions.commit(group, positions, abort.signal)
      return true
    } catch (error) {
      if (abort.signal.aborted) return false
      throw error
    } finally {
      state.flight = null
      resolve()
    }
  }

  #open(run: OutletRun, placed: readonly Placed[]): void {
    const missing = this.#host.missing(run)
    for (const one of placed) {
      if (!missing.includes(one.place)) continue
      const lost = lostIn(one, run.outlet)
      if (lost !== null) run.setFault('expired', 'EventsExpired', lost)
      this.#host.open(run, one.place, one.progress, one.leaderEpoch)
    }
  }
}

/** Waits, at most until someone wakes it or there is nothing to wait for; then another round is due. */
async function pause(ms: number, state: Running, run: OutletRun, signal: AbortSignal): Promise<void> {
  // whoever asked meanwhile had nobody to wake
  const woken = state.again || run.released
  state.again = true
  if (woken) return
  const { promise, resolve } = Promise.withResolvers<void>()
  state.wake = resolve
  await inTime(promise, { ms, signal })
  state.wake = () => {}
}
