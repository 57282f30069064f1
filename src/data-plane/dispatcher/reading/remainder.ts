import type { Progress } from './progress.ts'

/**
 * What an earlier owner left on a partition: up to `to` everything is finished, except these offsets. A cursor that begins there delivers
 * only those, and reads no stretch that holds none of them.
 */
export class Remainder {
  #to: number
  /** Ascending. */
  #offsets: readonly number[]

  /** Most often nothing is left, and there are a hundred thousand cursors: that is one and the same for all. */
  static of(progress: Progress): Remainder {
    return progress.upTo > progress.position ? new Remainder(progress) : nothing
  }

  constructor(progress: Progress) {
    this.#to = progress.upTo
    this.#offsets = progress.pending
  }

  get to(): number {
    return this.#to
  }

  /** The first offset at or after `next` that is not finished. */
  after(next: number): number {
    if (next >= this.#to) return next
    return this.#offsets.find((offset) => offset >= next) ?? this.#to
  }

  /** Whether the event at this offset is to be delivered. */
  wants(offset: number): boolean {
    return offset >= this.#to || this.#offsets.includes(offset)
  }

  /** What is left at or after `next`. */
  from(next: number): readonly number[] {
    return next >= this.#to ? [] : this.#offsets.filter((offset) => offset >= next)
  }

  /** How many events in [next, end) are not finished, as far as anybody knows: all of them above what was read. */
  countBelow(end: number, next: number): number {
    const left = this.from(next).filter((offset) => offset < end).length
    return left + Math.max(0, end - Math.max(next, this.#to))
  }

  /** How far a cursor is that looks at `next` now, with these in flight. */
  progress(next: number, inFlight: Iterable<{ readonly offset: number }>): Progress {
    const pending = Array.from(inFlight, ({ offset }) => offset)
    pending.push(...this.from(next))
    const upTo = Math.max(next, this.#to)
    return { position: pending[0] ?? upTo, upTo, pending }
  }

  /** Forgets what lies at or above `offset`: it is no more. */
  cut(offset: number): void {
    this.#offsets = this.#offsets.filter((one) => one < offset)
    this.#to = Math.min(this.#to, offset)
  }
}

const nothing = new Remainder({ position: 0, upTo: 0, pending: [] })
