import type { Settled } from '../../../contract/lineage.ts'
import type { Outlet } from '../../../contract/outlet.ts'
import type { CloudEvent } from '../../../event/cloud-event.ts'
import type { Span, SpanAttributes, Spans, TraceContext } from '../../../telemetry/spans.ts'
import {
  eventAttributes,
  objectAttributes,
  placeAttributes,
  serverAttributes,
  topicAttributes,
} from '../../span-attributes.ts'
import type { Entry } from '../reading/segment.ts'
import { ReplySpans } from './reply-spans.ts'

/**
 * The trace of one delivery.
 *
 *     record's traceparent ─► deliver ─► attempt, one for each request ─► subscriber's traceparent
 *                                           └─► reply, one for each event of the answer ─► its record's traceparent
 */
export class DeliverySpans {
  readonly #spans: Spans
  readonly #deliver: Span
  /** The request under way. */
  #attempt: Span | null = null
  /** What was handed to who was asked last. */
  #context: TraceContext

  constructor(spans: Spans, entry: Entry, outlet: Outlet) {
    this.#spans = spans
    this.#deliver = spans.start('deliver', 'consumer', entry.event?.trace)
    this.#context = this.#deliver.context
    if (this.#deliver.kept) this.#deliver.say(deliverAttributes(entry, outlet))
  }

  /** A request begins. @param earlier how many there were before it. @returns the trace that it is to carry. */
  attempt(url: string, earlier: number): TraceContext {
    if (!this.#deliver.kept) return this.#context
    this.#attempt = this.#spans.start('attempt', 'client', this.#deliver.context)
    this.#attempt.say(attemptAttributes(url, earlier))
    return (this.#context = this.#attempt.context)
  }

  answered(status: number): void {
    this.#attempt?.say({ 'http.response.status_code': status, ...(status >= 300 && { 'error.type': String(status) }) })
  }

  /** The request under way, if there is one, is over. @param failure why it failed. */
  over(failure?: string): void {
    this.#attempt?.end(failure)
    this.#attempt = null
  }

  /** The answer has events, which are about to be stored. */
  replies(events: readonly CloudEvent[], topic: string): ReplySpans {
    return new ReplySpans(this.#spans, events, topic, this.#context, this.#deliver.kept)
  }

  /** Settled. @param failure why the subscriber did not take it. */
  settled(outcome: Settled['outcome'], attempts: number, failure?: string): void {
    if (this.#deliver.kept) this.#deliver.say({ 'millrace.outcome': outcome, 'millrace.attempts': attempts })
    this.over()
    this.#deliver.end(outcome === 'delivered' ? undefined : failure)
  }

  /** Not settled here. */
  end(failure: string): void {
    this.over(failure)
    this.#deliver.end(failure)
  }
}

function deliverAttributes({ event, at, offset }: Entry, { topic, group, source }: Outlet): SpanAttributes {
  return {
    ...topicAttributes(topic, 'deliver', 'process'),
    ...placeAttributes(at.partition, offset),
    'messaging.consumer.group.name': group,
    ...objectAttributes(source),
    ...(event !== null && eventAttributes(event.attributes)),
  }
}

function attemptAttributes(url: string, earlier: number): SpanAttributes {
  const to = new URL(url)
  return {
    'http.request.method': 'POST',
    // what signs in there may stand in the query too, and is nobody's business
    'url.full': to.origin + to.pathname,
    ...serverAttributes(to),
    ...(earlier > 0 && { 'http.request.resend_count': earlier }),
  }
}
