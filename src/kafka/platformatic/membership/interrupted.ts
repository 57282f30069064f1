import type { Verdict } from './heartbeat.ts'

/** Why the loop of a membership stopped what it did. */
export class Interrupted extends Error {
  readonly why: 'closing' | Exclude<Verdict, 'rebalance'>

  constructor(why: Interrupted['why']) {
    super(`interrupted: ${why}`)
    this.why = why
  }
}
