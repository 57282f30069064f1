import type { CloudEvent } from '../../../event/cloud-event.ts'
import type { Appended } from '../../../kafka/log.ts'
import type { Span, Spans, TraceContext } from '../../../telemetry/spans.ts'
import { eventAttributes, placeAttributes, topicAttributes } from '../../span-attributes.ts'
import { messageOf } from './no-answer.ts'

/** The traces of the events in one answer: below the request that was answered, unless the subscriber sent a trace of its own. */
export class ReplySpans {
  /** As they are to be stored: each in its trace. */
  readonly events: readonly CloudEvent[]
  readonly #spans: readonly (Span | null)[]

  /** @param context of the request. @param kept whether its trace is. */
  constructor(spans: Spans, events: readonly CloudEvent[], topic: string, context: TraceContext, kept: boolean) {
    this.#spans = events.map(({ trace, attributes }) => {
      if (trace === undefined && !kept) return null
      const span = spans.start('reply', 'producer', trace ?? context)
      if (span.kept) span.say({ ...topicAttributes(topic, 'reply', 'send'), ...eventAttributes(attributes) })
      return span
    })
    this.events = events.map((event, at) => ({ ...event, trace: this.#spans[at]?.context ?? context }))
  }

  /** @param stored where, in the order of the events. */
  follow(stored: Promise<readonly Appended[]>): void {
    stored.then(
      (places) => this.#stored(places),
      (error: unknown) => this.#failed(messageOf(error)),
    )
  }

  #stored(places: readonly Appended[]): void {
    for (const [at, span] of this.#spans.entries()) {
      const place = places[at]
      if (span?.kept === true && place !== undefined) span.say(placeAttributes(place.partition, place.offset))
      span?.end()
    }
  }

  #failed(reason: string): void {
    for (const span of this.#spans) span?.end(reason)
  }
}
