import type { LastUndelivered } from '../../api/meta/progress.ts'
import { OutletShare, type OutletStatus } from '../../contract/outlet.ts'
import type { Clock } from '../../core/clock.ts'
import { pause } from '../../kube/pause.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { dueOf, isStored, type Standing } from './progress-due.ts'
import { ProgressUnit, type Stands, type UnitAtWork } from './progress-unit.ts'
import { ShareMeter, type Counted } from './share-meter.ts'

export interface ProgressParts {
  /** The dispatchers at work now. */
  units(): readonly UnitAtWork[]
  /** This process, among those that share the work: the name of its pod. */
  readonly instance: string
  /** What is said of an Outlet now; undefined: it does not consume yet. */
  stored(uid: string): Pick<OutletStatus, 'partitions' | 'progress' | 'shares'> | undefined
  /** The last event of an Outlet that nobody took, as far as it is known. */
  lastUndelivered?(uid: string): LastUndelivered | undefined
  /** It shall be written, in its turn: then {@link Progress.of} says what. `first`: before those that have nothing but figures to tell. */
  write(uid: string, first: boolean): void
  readonly clock: Clock
  readonly logger: Logger
  /** Ends it. */
  readonly signal: AbortSignal
}

/** Between two looks while something moves, milliseconds. */
const activeMs = 2_000
/** While nothing does. */
const idleMs = 10_000
/** A look takes at most this part of the time: with tens of thousands of partitions to ask for they become rare. */
const share = 1 / 50
/** A write is remembered for so long, milliseconds. @see dueOf */
const rememberMs = 60_000

/**
 * How far the Outlets are for which this process speaks, and what it did for those on whose partitions it works, for their status.
 *
 *     each unit, every 2 to 10 s ─► ends of its topics (one request) ─► moved? ─► its Outlets are looked at, some a turn ─► due? ─► write
 *                                                                        └── no: only those that are behind, or were busy in the last minute
 */
export class Progress {
  readonly #parts: ProgressParts
  readonly #units = new Map<UnitAtWork, ProgressUnit>()
  /** What is to be written. */
  readonly #due = new Map<string, Standing>()
  /** Of Outlets for which there was anything to do. */
  readonly #shares = new Map<string, ShareMeter>()
  /** Outlets of which there is more to say than is said. */
  readonly #unsaid = new Set<string>()
  /** Monotonic milliseconds. */
  readonly #began: number
  /** When that was decided last. Monotonic milliseconds. */
  readonly #writtenAt = new Map<string, number>()
  readonly #running: Promise<void>

  constructor(parts: ProgressParts) {
    this.#parts = parts
    this.#began = parts.clock.monotonic()
    this.#running = this.#run()
  }

  /** What shall be written of an Outlet; undefined: what is said already. */
  of(uid: string): Standing | undefined {
    return this.#due.get(uid)
  }

  /** The signal was aborted before. */
  async close(): Promise<void> {
    await this.#running
    for (const unit of this.#units.values()) unit.close()
  }

  async #run(): Promise<void> {
    const { clock, signal } = this.#parts
    let wait = activeMs
    while (!signal.aborted) {
      await pause(wait, signal)
      if (signal.aborted) return
      const began = clock.monotonic()
      const moved = await this.#look()
      const tookMs = clock.monotonic() - began
      wait = Math.max(moved ? activeMs : Math.min(idleMs, wait * 1.5), tookMs / share)
    }
  }

  /** @returns whether something moved, or is behind. */
  async #look(): Promise<boolean> {
    this.#follow()
    const looks = await Promise.all(Array.from(this.#units.values(), (unit) => this.#lookAt(unit)))
    const { clock } = this.#parts
    for (const [uid, at] of this.#writtenAt) if (clock.monotonic() - at > rememberMs) this.#writtenAt.delete(uid)
    return looks.some((moved) => moved)
  }

  async #lookAt(unit: ProgressUnit): Promise<boolean> {
    try {
      const { moved, stands } = await unit.look(this.#parts.signal)
      for (const each of stands) if (this.#judge(each)) unit.settled(each.uid)
      return moved
    } catch (error) {
      // the faults of Outlets tell it already; what was known stays
      this.#parts.logger.debug({ err: error }, 'how far Outlets are could not be asked for; trying again')
      return false
    }
  }

  /** @returns whether there is nothing more to see before something new comes. */
  #judge({ uid, lag, behind, quiet, snapshot }: Stands): boolean {
    const { clock, instance } = this.#parts
    const status = this.#parts.stored(uid)
    if (status === undefined) return false
    const read = OutletShare.safeParse(status.shares?.[instance])
    const known = read.success ? read.data : undefined
    const stored = { lag: status.progress?.lag ?? 0, ...(known === undefined ? {} : { share: known }) }
    const now = { lag, share: this.#share(uid, snapshot, known) }
    // its turn has come: what changes from here on is judged anew
    if (isStored(this.#due.get(uid), stored)) this.#due.delete(uid)
    const sinceMs = clock.monotonic() - (this.#writtenAt.get(uid) ?? -Infinity)
    const due = dueOf({ now, stored, quiet, sinceMs })
    if (due === 'same') {
      this.#due.delete(uid)
      this.#unsaid.delete(uid)
      return !behind && now.share.rate === undefined
    }
    this.#unsaid.add(uid)
    // what waits for its turn says what holds then
    if (due !== 'later' || this.#due.has(uid)) {
      if (!this.#due.has(uid)) this.#writtenAt.set(uid, clock.monotonic())
      this.#due.set(uid, now)
      this.#parts.write(uid, due === 'first')
    }
    return false
  }

  #share(uid: string, counted: Counted, stored: OutletShare | undefined): OutletShare {
    const known = this.#shares.get(uid)
    const { delivered, parked, dropped, lost, lastError } = counted
    // of most of ten thousand nothing needs to be remembered
    const idle = delivered + parked + dropped + lost === 0 && lastError === null && stored === undefined
    if (known === undefined && idle) return {}
    const meter = known ?? new ShareMeter(stored, this.#began)
    this.#shares.set(uid, meter)
    return meter.share(this.#parts.clock.monotonic(), counted, stored, this.#parts.lastUndelivered?.(uid))
  }

  /** Units come and go. */
  #follow(): void {
    const atWork = new Set(this.#parts.units())
    for (const [unit, known] of this.#units) {
      if (atWork.has(unit)) continue
      known.close()
      this.#units.delete(unit)
    }
    const host = {
      partitionsOf: (uid: string) => this.#parts.stored(uid)?.partitions,
      unfinished: (uid: string) =>
        this.#unsaid.has(uid) || this.#parts.stored(uid)?.shares?.[this.#parts.instance]?.rate !== undefined,
      gone: (uid: string) => {
        this.#due.delete(uid)
        this.#shares.delete(uid)
        this.#unsaid.delete(uid)
      },
    }
    for (const unit of atWork) if (!this.#units.has(unit)) this.#units.set(unit, new ProgressUnit(unit, host))
  }
}
