import { Fault } from '../../../core/fault.ts'
import type { Appended, NewRecord } from '../../log.ts'
import type { Encodable } from './append-batch.ts'

/** A caller's record until the caller has its answer. */
export interface Pending extends Encodable {
  readonly record: NewRecord
  /** Monotonic time of the caller's deadline. */
  readonly due: number
  readonly resolve: (appended: Appended) => void
  readonly reject: (fault: Fault) => void
  /** The caller has an answer; the record itself may still be on its way. */
  answered: boolean
}

/** Keeps count of what is accepted and not yet answered. Every answer goes through here. */
export class Ledger {
  #bytes = 0
  #count = 0
  #whenEmpty: (() => void) | null = null

  get bytes(): number {
    return this.#bytes
  }

  get count(): number {
    return this.#count
  }

  accept(pending: Pending): void {
    this.#bytes += pending.size
    this.#count++
  }

  resolve(pending: Pending, appended: Appended): void {
    if (this.#release(pending)) pending.resolve(appended)
  }

  reject(pending: Pending, fault: Fault): void {
    if (this.#release(pending)) pending.reject(fault)
  }

  /** Resolves once nothing is pending. */
  empty(): Promise<void> {
    if (this.#count === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#whenEmpty = resolve
    })
  }

  #release(pending: Pending): boolean {
    if (pending.answered) return false
    pending.answered = true
    this.#bytes -= pending.size
    this.#count--
    if (this.#count === 0) this.#whenEmpty?.()
    return true
  }
}

/** Answers those at the front that are due at `due` or before (deadlines are in order) and returns how many they are. */
export function rejectDue(
  entries: readonly Pending[],
  due: number,
  ledger: Ledger,
  fault: (topic: string) => Fault,
): number {
  let expired = 0
  for (; expired < entries.length; expired++) {
    const pending = entries[expired] as Pending
    if (pending.due > due) break
    ledger.reject(pending, fault(pending.record.topic))
  }
  return expired
}

/** The fault of a record that no broker was ever given: `details.sent` is 0. */
export function neverSent({ code, message, cause }: Fault): Fault {
  return new Fault(code, message, { cause, details: { sent: 0 } })
}

/** The deadline of a record that was not sent has passed. */
export function unsentInTime(topic: string): Fault {
  return neverSent(new Fault('LogTimeout', `topic ${topic}: the record could not be sent in time`))
}

/** The deadline of a record that was sent has passed. */
export function unacknowledged(topic: string): Fault {
  return new Fault('LogTimeout', `topic ${topic}: no acknowledgement in time; the record may be stored or not`)
}
