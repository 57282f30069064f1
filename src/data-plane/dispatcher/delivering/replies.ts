import type { Clock } from '../../../core/clock.ts'
import type { CloudEvent } from '../../../event/cloud-event.ts'
import type { Appender, NewRecord } from '../../../kafka/log.ts'
import { Arrivals } from '../../wire/arrival.ts'
import { hopsHeader, hopsLeft, maxHops } from '../../wire/hops.ts'
import { toRecord } from '../../wire/record.ts'

/**
 * Brings replies back into the Broker. Each gets the time of its arrival, and one hop less than the event that it answers: so events that
 * answer each other end some day. What the subscriber said about either does not count.
 */
export class Replies {
  readonly #appender: Appender
  readonly #arrivals: Arrivals

  constructor(appender: Appender, clock: Clock) {
    this.#appender = appender
    this.#arrivals = new Arrivals(clock)
  }

  /**
   * @param event the one that was answered.
   * @returns null when the replies may not be stored: they would go round for ever. Else it resolves once all are stored; when it is
   *   rejected, some may be. @throws (rejects with) Fault as `append` does.
   */
  store(replies: readonly CloudEvent[], event: CloudEvent, topic: string): Promise<unknown> | null {
    const hops = (hopsLeft(event.attributes) ?? maxHops) - 1
    if (hops <= 0) return null
    const [first, ...rest] = replies.map((reply) => this.#record(reply, hops, topic))
    if (first === undefined) return Promise.resolve()
    if (rest.length === 0) return this.#appender.append(first)
    return Promise.all([first, ...rest].map((record) => this.#appender.append(record)))
  }

  #record(reply: CloudEvent, hops: number, topic: string): NewRecord {
    return toRecord(reply, topic, [hopsHeader(hops), this.#arrivals.header()])
  }
}
