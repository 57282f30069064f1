import type { StoredReply } from '../../../contract/lineage.ts'
import type { Clock } from '../../../core/clock.ts'
import type { CloudEvent } from '../../../event/cloud-event.ts'
import type { Appended, Appender, NewRecord } from '../../../kafka/log.ts'
import { cut, nameOf } from '../../event-name.ts'
import { Arrivals } from '../../wire/arrival.ts'
import { hopsHeader, hopsLeft, maxHops } from '../../wire/hops.ts'
import { toRecord } from '../../wire/record.ts'
import type { ReplySpans } from './reply-spans.ts'

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
   * @param hops how many Brokers they may pass. @param spans who follows them; undefined: nobody.
   * @returns once all are stored: where, in their order. When it is rejected, some may be stored. @throws (rejects with) Fault as `append` does.
   */
  store(
    replies: readonly CloudEvent[],
    hops: number,
    topic: string,
    spans: ReplySpans | undefined,
  ): Promise<readonly Appended[]> {
    const records = (spans?.events ?? replies).map((reply) => this.#record(reply, hops, topic))
    const stored = Promise.all(records.map((record) => this.#appender.append(record)))
    if (spans !== undefined) spans.follow(stored)
    return stored
  }

  #record(reply: CloudEvent, hops: number, topic: string): NewRecord {
    return toRecord(reply, topic, [hopsHeader(hops), this.#arrivals.header()])
  }
}

/** How many Brokers a reply to this event may pass; 0 or less: it may not be stored, or it would go round for ever. */
export function hopsOfReply({ attributes }: CloudEvent): number {
  return (hopsLeft(attributes) ?? maxHops) - 1
}

/** What lineage says of them. @param places in the order of the replies. */
export function storedReplies(replies: readonly CloudEvent[], places: readonly Appended[]): StoredReply[] {
  return places.map(({ topic, partition, offset }, at) => {
    const attributes = replies[at]?.attributes ?? new Map<string, string>()
    const place = { topic, partition, offset: Number(offset) }
    return { place, ...nameOf(attributes), type: cut(attributes.get('type') ?? '') }
  })
}
