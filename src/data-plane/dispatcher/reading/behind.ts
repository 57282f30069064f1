import type { Countdown } from '../delivering/countdown.ts'
import type { Entry, Segment } from './segment.ts'

/** What a cursor has while it reads by itself: there are a hundred thousand cursors, and most of them ride the head. */
export class Behind {
  /** Where it stands is known to lie in the log: beyond the head nobody else would notice that it does not. */
  inLog: boolean
  /** What it was given to read, beside the ring. */
  chunk: Segment | null = null
  /** A read for it is on its way. */
  asked = false
  /** Of what is in flight, while it drains. */
  ends: Countdown | null = null
  /** Where in a segment the next record may be. */
  #hint = 0
  #scheduled = false

  constructor(inLog: boolean) {
    this.inLog = inLog
  }

  /** It goes on by itself: in a later turn, or with what was asked for. */
  get waits(): boolean {
    return this.#scheduled || this.asked
  }

  /** The first record there at or after `offset`; null: there is none. @param keep someone else will ask for it too. */
  look(segment: Segment, offset: number, keep: boolean): Entry | null {
    const index = segment.indexOf(offset, this.#hint)
    this.#hint = index + 1
    return index < segment.length ? segment.entry(index, keep) : null
  }

  later(goOn: () => void): void {
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      goOn()
    })
  }
}
