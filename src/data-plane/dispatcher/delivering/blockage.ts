import type { Outlet } from '../../../contract/outlet.ts'
import type { Blocked } from './consumer.ts'

/** The events of one Outlet that nobody takes, and that wait until somebody does. */
export class Blockage {
  /** With what was answered last. Null before the first: there are ten thousand of us. */
  #events: Map<Blocked, string> | null = null

  get count(): number {
    return this.#events?.size ?? 0
  }

  add(event: Blocked, why: string): void {
    this.#events ??= new Map()
    this.#events.set(event, why)
  }

  remove(event: Blocked): void {
    this.#events?.delete(event)
  }

  /** What to say of the one that waits longest; null: none waits. */
  message({ topic, delivery, order }: Outlet): string | null {
    const [first] = this.#events ?? []
    if (first === undefined) return null
    const [{ entry }, why] = first
    const others = (this.#events?.size ?? 1) - 1
    const more = others === 0 ? '' : ` So ${others === 1 ? 'does 1 other' : `do ${others} others`}.`
    const halt = order === 'ordered' ? ', and its partition with it' : ''
    const mend = delivery.deadLetter === undefined ? 'Mend it, set delivery.deadLetterSink' : 'Mend it'
    return (
      `The event at offset ${entry.offset} of partition ${entry.at.partition} of topic ${topic} is not taken and waits${halt}. ` +
      `It is tried again and again. Last: ${why}.${more} ${mend}, or let such events be dropped with the annotation eventing.millrace.dev/onExhausted: Drop.`
    )
  }
}
