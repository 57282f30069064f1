import type { Budget } from './budget.ts'
import type { Segment } from './segment.ts'

/**
 * The newest part of a partition, for cursors that are a little behind the head. Bounded: what is pushed in at the head falls
 * out at the tail, whoever still wanted it (they read by themselves then).
 *
 *     [ segment │ segment │ segment ] ◄── push
 *       ▲ dropped first        contiguous in offsets
 */
export class Ring {
  bytes = 0
  readonly #segments: Segment[] = []
  readonly #budget: Budget

  constructor(budget: Budget) {
    this.#budget = budget
  }

  get oldest(): Segment | undefined {
    return this.#segments[0]
  }

  push(segment: Segment): void {
    const last = this.#segments.at(-1)
    if (last !== undefined && last.next !== segment.from) this.clear()
    this.#segments.push(segment)
    this.bytes += segment.bytes
    this.#budget.take(segment.bytes)
  }

  dropOldest(): void {
    const segment = this.#segments.shift()
    if (segment === undefined) return
    this.bytes -= segment.bytes
    this.#budget.give(segment.bytes)
  }

  /** Forgets everything that ends at or below `offset`. */
  dropBelow(offset: number): void {
    while (this.oldest !== undefined && this.oldest.next <= offset) this.dropOldest()
  }

  clear(): void {
    while (this.oldest !== undefined) this.dropOldest()
  }

  /** The segment that speaks for `offset`. */
  find(offset: number): Segment | undefined {
    let low = 0
    let high = this.#segments.length - 1
    while (low <= high) {
      const middle = (low + high) >>> 1
      const segment = this.#segments[middle]
      if (segment === undefined || offset < segment.from) high = middle - 1
      else if (offset >= segment.next) low = middle + 1
      else return segment
    }
    return undefined
  }

  /** Bytes in segments that begin after `offset`. */
  bytesAfter(offset: number): number {
    let bytes = 0
    for (let at = this.#segments.length - 1; at >= 0; at--) {
      const segment = this.#segments[at]
      if (segment === undefined || segment.from <= offset) break
      bytes += segment.bytes
    }
    return bytes
  }
}
