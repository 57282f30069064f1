import type { Clock } from '../../../core/clock.ts'
import type { OffsetMoved } from '../../../kafka/log.ts'
import type { Cursor } from './cursor.ts'
import type { Partition } from './partition.ts'

/** Outlets that start one after the other, with gaps no longer than this … */
const GAP_MS = 250
/** … are let run together, but none waits longer than this. */
const LONGEST_MS = 2000

/** Cursors that do not run yet: they are let run together, so that Outlets that start together read together. */
export class Arrivals {
  readonly #clock: Clock
  readonly #opened: (partition: Partition) => void
  readonly #waiting = new Map<Partition, Cursor[]>()
  #timer: NodeJS.Timeout | undefined
  /** When the first of them came. Monotonic milliseconds. */
  #since = 0

  /** @param opened told when those of a partition run. */
  constructor(clock: Clock, opened: (partition: Partition) => void) {
    this.#clock = clock
    this.#opened = opened
  }

  get cursors(): ReadonlySet<Cursor> {
    return new Set([...this.#waiting.values()].flat())
  }

  /** It will run with the next `admit`, at the latest a moment later. */
  add(cursor: Cursor, partition: Partition): void {
    const waiting = this.#waiting.get(partition)
    if (waiting === undefined) this.#waiting.set(partition, [cursor])
    else waiting.push(cursor)
    const now = this.#clock.monotonic()
    if (this.#timer === undefined) this.#since = now
    else clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.admit(), Math.max(0, Math.min(GAP_MS, this.#since + LONGEST_MS - now)))
  }

  /** Lets run who is here. */
  admit(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const arriving = [...this.#waiting]
    this.#waiting.clear()
    for (const [partition, cursors] of arriving) {
      if (partition.closed) continue
      partition.open(cursors.filter((cursor) => !cursor.released))
      this.#opened(partition)
    }
  }

  /** The log was cut, or made anew: nobody tells them again when they run. */
  moved(partition: Partition, { kind, next }: OffsetMoved): void {
    if (kind === 'expired') return
    for (const cursor of this.#waiting.get(partition) ?? []) {
      if (!cursor.released) cursor.rewind(Number(next), kind === 'recreated')
    }
  }

  close(): void {
    clearTimeout(this.#timer)
  }
}
