import type { Countdown } from '../delivering/countdown.ts'
import type { Segment } from './segment.ts'

/** What a cursor has while it reads by itself: there are a hundred thousand cursors, and most of them ride the head. */
export class Behind {
  /** Of the records that it looked at last. */
  leaderEpoch: number
  /** Where it stands is known to lie in the log: beyond the head nobody else would notice that it does not. */
  inLog: boolean
  /** What it was given to read, beside the ring. */
  chunk: Segment | null = null
  /** Where in a segment the next record may be. */
  hint = 0
  /** A read for it is on its way. */
  asked = false
  /** Of what is in flight, while it drains. */
  ends: Countdown | null = null
  #scheduled = false

  constructor(leaderEpoch: number, inLog: boolean) {
    this.leaderEpoch = leaderEpoch
    this.inLog = inLog
  }

  /** It goes on by itself: in a later turn, or with what was asked for. */
  get waits(): boolean {
    return this.#scheduled || this.asked
  }

  later(goOn: () => void): void {
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      goOn()
    })
  }
}
