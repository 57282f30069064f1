import type { IncomingMessage } from 'node:http'
import type { Inlet } from '../../contract/inlet.ts'
import type { CloudEvent } from '../../event/cloud-event.ts'
import type { Appended } from '../../kafka/log.ts'
import type { Span, SpanAttributes, Spans } from '../../telemetry/spans.ts'
import {
  eventAttributes,
  objectAttributes,
  placeAttributes,
  serverAttributes,
  topicAttributes,
} from '../span-attributes.ts'
import { traceOf } from '../wire/trace.ts'
import type { Problem } from './problem.ts'

/**
 * The trace of one request.
 *
 *     sender's traceparent ─► accept ─► append, one for each event ─► record's traceparent
 */
export class RequestSpans {
  readonly #spans: Spans
  readonly #accept: Span
  /** Of the events that are being stored, in their order. */
  #appends: Span[] | null = null

  /** @param inlet null: there is none at this path. */
  constructor(spans: Spans, req: IncomingMessage, path: string, inlet: Inlet | null) {
    this.#spans = spans
    const { traceparent, tracestate } = req.headers
    // one that came twice is joined by a comma, and not well formed
    const parent = traceparent === undefined ? null : traceOf(String(traceparent), tracestate && String(tracestate))
    this.#accept = spans.start('accept', 'server', parent ?? undefined)
    if (this.#accept.kept) this.#accept.say({ ...requestAttributes(req, path), ...(inlet && inletAttributes(inlet)) })
  }

  /** What the request carries is known. */
  reads(events: readonly CloudEvent[], batch: boolean): void {
    if (!this.#accept.kept) return
    if (batch) this.#accept.say({ 'messaging.batch.message_count': events.length })
    else this.#accept.say(eventAttributes(events[0]?.attributes ?? new Map()))
  }

  /** @returns the event as it is stored: in this trace. */
  append(event: CloudEvent, { topic }: Inlet): CloudEvent {
    const { context: trace } = this.#accept.kept ? this.#begin(event, topic) : this.#accept
    return { attributes: event.attributes, data: event.data, trace }
  }

  stored(index: number, { partition, offset }: Appended): void {
    const span = this.#appends?.[index]
    span?.say(placeAttributes(partition, offset))
    span?.end()
  }

  unstored(index: number, reason: string): void {
    this.#appends?.[index]?.end(reason)
  }

  /** @param problem null: it was accepted. A refusal is the sender's fault, and no failure of ours. */
  answered(problem: Pick<Problem, 'status' | 'code' | 'detail'> | null): void {
    const failed = problem !== null && problem.status >= 500
    if (this.#accept.kept) {
      const status = { 'http.response.status_code': problem?.status ?? 202 }
      this.#accept.say(
        problem === null ? status : { ...status, 'millrace.problem': problem.code, ...(failed && errorOf(problem)) },
      )
    }
    this.#accept.end(failed ? problem.detail : undefined)
  }

  #begin(event: CloudEvent, topic: string): Span {
    const span = this.#spans.start('append', 'producer', this.#accept.context)
    span.say({ ...topicAttributes(topic, 'append', 'send'), ...eventAttributes(event.attributes) })
    ;(this.#appends ??= []).push(span)
    return span
  }
}

function errorOf({ code }: Pick<Problem, 'code'>): SpanAttributes {
  return { 'error.type': code }
}

function inletAttributes({ source }: Inlet): SpanAttributes {
  return { 'http.route': '/{namespace}/{name}', ...objectAttributes(source) }
}

function requestAttributes(req: IncomingMessage, path: string): SpanAttributes {
  const { host = '', 'user-agent': agent } = req.headers
  const server = URL.parse(`http://${host}`)
  return {
    'http.request.method': req.method ?? '',
    'url.scheme': 'http',
    'url.path': path,
    'network.protocol.version': req.httpVersion,
    ...(agent === undefined ? {} : { 'user_agent.original': agent }),
    ...(server === null ? {} : serverAttributes(server)),
  }
}
