import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, type Span as OtelSpan, type Tracer } from '@opentelemetry/api'
import type { Span, SpanAttributes, Spans, TraceContext } from '../spans.ts'
import { isSampled, readContext, writeContext } from './context.ts'

type Kind = Parameters<Spans['start']>[1]

const kinds: Readonly<Record<Kind, SpanKind>> = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
}

/** Whether what such a span follows happened in another process. */
const fromElsewhere: ReadonlySet<Kind> = new Set(['server', 'consumer'])

/**
 * The port on a tracer of OpenTelemetry. Contexts are handed on explicitly: none is ever active.
 *
 *     parent not sampled ─► it goes on as it is, nothing is made
 *     parent sampled, or none ─► span of the SDK; where the ratio is against it, its context alone goes on
 */
export class SdkSpans implements Spans {
  readonly #tracer: Tracer
  readonly #time: () => number
  readonly #longestValue: number

  /**
   * @param time of day, milliseconds since 1970.
   * @param longestValue of what is said about a failure, characters.
   */
  constructor(tracer: Tracer, time: () => number, longestValue: number) {
    this.#tracer = tracer
    this.#time = time
    this.#longestValue = longestValue
  }

  start(name: string, kind: Kind, parent: TraceContext | undefined, attributes?: SpanAttributes): Span {
    const known = parent === undefined ? null : readContext(parent, fromElsewhere.has(kind))
    if (known !== null && parent !== undefined && !isSampled(known)) return new UnkeptSpan(parent)
    const under = known === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, known)
    const about = attributes === undefined ? {} : { attributes }
    const options = { kind: kinds[kind], startTime: this.#time(), ...about }
    const span = this.#tracer.startSpan(name, options, under)
    const context = writeContext(span.spanContext(), known, parent?.tracestate)
    return span.isRecording() ? new KeptSpan(context, span, this.#time, this.#longestValue) : new UnkeptSpan(context)
  }
}

/** Of a trace that is not kept: only where it stands is handed on, so that others do not keep it either. */
class UnkeptSpan implements Span {
  readonly context: TraceContext
  readonly kept = false

  constructor(context: TraceContext) {
    this.context = context
  }

  say(): void {
    // to nobody
  }

  end(): void {
    // nothing was begun
  }
}

class KeptSpan implements Span {
  readonly context: TraceContext
  readonly kept = true
  readonly #time: () => number
  readonly #longestValue: number
  /** Null: ended. */
  #span: OtelSpan | null

  constructor(context: TraceContext, span: OtelSpan, time: () => number, longestValue: number) {
    this.context = context
    this.#span = span
    this.#time = time
    this.#longestValue = longestValue
  }

  say(attributes: SpanAttributes): void {
    this.#span?.setAttributes(attributes)
  }

  end(failure?: string): void {
    const message = failure?.slice(0, this.#longestValue)
    if (message !== undefined) this.#span?.setStatus({ code: SpanStatusCode.ERROR, message })
    this.#span?.end(this.#time())
    this.#span = null
  }
}
