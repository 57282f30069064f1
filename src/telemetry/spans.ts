/** W3C trace context, as headers of HTTP and of Kafka records carry it. */
export interface TraceContext {
  readonly traceparent: string
  readonly tracestate?: string
}

/** What a span may say of itself. OpenTelemetry semantic conventions name them. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>

/** One step of a trace, under way. */
export interface Span {
  /** To be handed on, to the log or to a subscriber; says too when nothing of this trace is kept. */
  readonly context: TraceContext
  /** False: nothing of this trace is kept, so nothing needs to be said of it. */
  readonly kept: boolean
  say(attributes: SpanAttributes): void
  /** Once. @param failure why it failed, in words; absent: it did not. */
  end(failure?: string): void
}

/**
 * Port: makes spans. Absent where tracing is off; then event and trace context go through unchanged and nothing is asked.
 *
 *     POST ─► accept (server) ─► append (producer) ─► record's traceparent ─► deliver (consumer) ─► attempt (client) ─► subscriber's traceparent
 *                                                                                                  └─► reply (producer)
 */
export interface Spans {
  /** @param parent absent or not well formed: a new trace, sampled by our ratio; else its decision holds. */
  start(
    name: string,
    kind: 'server' | 'client' | 'producer' | 'consumer',
    parent: TraceContext | undefined,
    attributes?: SpanAttributes,
  ): Span
}
