import type { Settled, StoredReply } from '../../../contract/lineage.ts'
import { cut } from '../../event-name.ts'

/** Of what went wrong: so much is remembered, characters. */
const mostChars = 512

/** Where a request failed, and why: a sentence's end for people. */
export interface Mishap {
  readonly destination: string
  readonly reason: string
}

/** What is remembered of a delivery that the subscriber did not simply take at the first try. Most never have one. */
export class Account {
  /** HTTP status of the last answer; null: there was none. */
  status: number | null = null
  /** Of the last request that failed. */
  mishap: Mishap | null = null
  /** When it goes on, milliseconds since 1970. Of one that waits. */
  nextAt = 0
  /** Dead letter sink or parking topic that took it. */
  takenBy: string | null = null
  replies: readonly StoredReply[] = []

  /** What lineage says of its end. */
  settled(outcome: Settled['outcome'], attempts: number, tookMs: number): Omit<Settled, 'at'> {
    const { status, takenBy, replies } = this
    return {
      ...{ outcome, attempts, status, tookMs },
      ...(this.mishap === null ? {} : { failure: shortened(this.mishap) }),
      ...(takenBy === null ? {} : { takenBy }),
      ...(replies.length === 0 ? {} : { replies: [...replies] }),
    }
  }
}

/** As it is remembered and told. */
export function shortened({ destination, reason }: Mishap): { destination: string; reason: string } {
  return { destination: cut(destination, mostChars), reason: cut(reason, mostChars) }
}
