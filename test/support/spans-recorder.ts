import { randomBytes } from 'node:crypto'
import type { Span, SpanAttributes, Spans, TraceContext } from '../../src/telemetry/spans.ts'

const wellFormed = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/

/** A span, and what it said. */
export class RecordedSpan implements Span {
  readonly name: string
  readonly kind: string
  readonly traceId: string
  readonly spanId = randomBytes(8).toString('hex')
  /** Id of the span above it; null: the first of its trace. */
  readonly parentId: string | null
  readonly kept: boolean
  readonly context: TraceContext
  readonly attributes: Record<string, string | number | boolean> = {}
  /** Null: not ended yet; '': ended, and nothing failed. */
  failure: string | null = null

  constructor(name: string, kind: string, parent: TraceContext | undefined, sampled: boolean) {
    const [, traceId, parentId, flags = ''] = wellFormed.exec(parent?.traceparent ?? '') ?? []
    this.name = name
    this.kind = kind
    this.traceId = traceId ?? randomBytes(16).toString('hex')
    this.parentId = parentId ?? null
    this.kept = traceId === undefined ? sampled : (Number.parseInt(flags, 16) & 1) === 1
    const traceparent = `00-${this.traceId}-${this.spanId}-${this.kept ? '01' : '00'}`
    const tracestate = traceId === undefined ? undefined : parent?.tracestate
    this.context = tracestate === undefined ? { traceparent } : { traceparent, tracestate }
  }

  say(attributes: SpanAttributes): void {
    if (!this.kept) throw new Error(`span ${this.name} is not kept, and something was said of it`)
    if (this.failure !== null) throw new Error(`span ${this.name} has ended, and something was said of it`)
    Object.assign(this.attributes, attributes)
  }

  end(failure = ''): void {
    if (this.failure !== null) throw new Error(`span ${this.name} ended twice`)
    this.failure = failure
  }
}

/** A tracer that keeps its spans: parents, sampling and ends as W3C and the port ask. What the port forbids throws. */
export class SpansRecorder implements Spans {
  readonly all: RecordedSpan[] = []
  /** Whether traces that begin here are kept. */
  sampled = true

  start(
    name: string,
    kind: 'server' | 'client' | 'producer' | 'consumer',
    parent: TraceContext | undefined,
    attributes: SpanAttributes = {},
  ): RecordedSpan {
    const span = new RecordedSpan(name, kind, parent, this.sampled)
    if (span.kept) span.say(attributes)
    this.all.push(span)
    return span
  }

  /** Those that are kept, in the order of their start. */
  named(name: string): readonly RecordedSpan[] {
    return this.all.filter((span) => span.name === name && span.kept)
  }

  /** Those that have not ended. */
  get open(): readonly RecordedSpan[] {
    return this.all.filter(({ failure }) => failure === null)
  }
}
