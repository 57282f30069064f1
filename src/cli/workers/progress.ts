import type { OutletProgress, OutletStatus } from '../../contract/outlet.ts'
import type { Clock } from '../../core/clock.ts'
import { pause } from '../../kube/pause.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { dueOf } from './progress-due.ts'
import { ProgressUnit, type Stands, type UnitAtWork } from './progress-unit.ts'

export interface ProgressParts {
  /** The dispatchers at work now. */
  units(): readonly UnitAtWork[]
  /** What is said of an Outlet now; undefined: it does not consume yet. */
  stored(uid: string): Pick<OutletStatus, 'partitions' | 'progress'> | undefined
  /** It shall be written, in its turn: then {@link Progress.of} says what. */
  write(uid: string): void
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
 * How far the Outlets are for which this process speaks, for their status.
 *
 *     each unit, every 2 to 10 s ─► ends of its topics (one request) ─► moved? ─► its Outlets are looked at, some a turn ─► due? ─► write
 *                                                                        └── no: only those that are behind
 */
export class Progress {
  readonly #parts: ProgressParts
  readonly #units = new Map<UnitAtWork, ProgressUnit>()
  /** What is to be written. */
  readonly #due = new Map<string, OutletProgress>()
  /** When that was decided last. Monotonic milliseconds. */
  readonly #writtenAt = new Map<string, number>()
  readonly #running: Promise<void>

  constructor(parts: ProgressParts) {
    this.#parts = parts
    this.#running = this.#run()
  }

  /** What shall be written of an Outlet; undefined: what is said already. */
  of(uid: string): OutletProgress | undefined {
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
  #judge({ uid, lag, lastDelivery, lastError, quiet }: Stands): boolean {
    const { clock } = this.#parts
    const stored = this.#parts.stored(uid)
    if (stored === undefined) return false
    const delivered = latest(lastDelivery, stored.progress?.lastDelivery)
    const failed =
      lastError === null ? stored.progress?.lastError : { time: isoOf(lastError.at), message: lastError.message }
    const now: OutletProgress = {
      lag,
      ...(delivered === undefined ? {} : { lastDelivery: delivered }),
      ...(failed === undefined ? {} : { lastError: failed }),
    }
    const sinceMs = clock.monotonic() - (this.#writtenAt.get(uid) ?? -Infinity)
    const due = dueOf({ now, stored: stored.progress, quiet, sinceMs })
    if (due === 'same') {
      this.#due.delete(uid)
      return lag === 0
    }
    // what waits for its turn says what holds then
    if (due === 'now' || this.#due.has(uid)) {
      if (!this.#due.has(uid)) this.#writtenAt.set(uid, clock.monotonic())
      this.#due.set(uid, now)
      this.#parts.write(uid)
    }
    return false
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
      gone: (uid: string) => void this.#due.delete(uid),
    }
    for (const unit of atWork) if (!this.#units.has(unit)) this.#units.set(unit, new ProgressUnit(unit, host))
  }
}

/** The later one of what this process delivered and what was said before it began. */
function latest(at: number | null, said: string | undefined): string | undefined {
  if (at === null) return said
  const now = isoOf(at)
  return said === undefined || now > said ? now : said
}

/** RFC 3339 in whole seconds: more is of no use to people. */
function isoOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`
}
