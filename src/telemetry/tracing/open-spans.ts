import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources'
import { ParentBasedSampler, TraceIdRatioBasedSampler, TracerProvider } from '@opentelemetry/sdk-trace'
import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../logger.ts'
import type { Spans } from '../spans.ts'
import { BatchSpans } from './batch.ts'
import { SpanCounts } from './counts.ts'
import { otlpSender, type CollectorCredentials } from './otlp.ts'
import { SdkSpans } from './sdk-spans.ts'
import { steadyTime } from './steady-time.ts'

export interface TracingOptions {
  /** Of the collector's traces: `http://…:4318/v1/traces`. */
  readonly url: string
  /** Of new traces, so many are kept, 0 to 1; those that begin elsewhere are decided there. */
  readonly ratio: number
  /** Who we are: OpenTelemetry resource attributes, `service.name` among them. */
  readonly resource: Readonly<Record<string, string>>
  readonly version: string
  /** Asked before each request. May throw. */
  readonly credentials: () => CollectorCredentials
  /** A span waits for others at most so long, and the first pause after a failure is about as long, milliseconds. Default 1,000. */
  readonly lingerMs?: number
  readonly clock: Clock
  readonly logger: Logger
}

export interface OpenSpans {
  readonly spans: Spans
  /** To be added to the metrics of the process. */
  readonly counts: SpanCounts
  /** Sends what is left, for `deadlineMs` at most. */
  close(deadlineMs: number): Promise<void>
}

/** Values of attributes are cut to this length, characters: senders of events choose some of them. */
const longestValue = 512

/**
 * Spans by OpenTelemetry, sent by OTLP. Nothing is registered anywhere, so a program that uses OpenTelemetry itself is not disturbed; nothing is read
 * from the environment.
 */
export function openSpans(options: TracingOptions): OpenSpans {
  const { url, credentials, ratio, resource, version, lingerMs = 1_000, clock, logger } = options
  const counts = new SpanCounts()
  const send = otlpSender({ url, credentials, userAgent: `millrace/${version}` })
  const batch = new BatchSpans({ send, counts, lingerMs, clock, logger })
  const provider = new TracerProvider({
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
    resource: defaultResource().merge(resourceFromAttributes(resource)),
    spanProcessors: [batch],
    spanLimits: { attributeValueLengthLimit: longestValue, attributeCountLimit: 64 },
  })
  const close = async (deadlineMs: number): Promise<void> => {
    await batch.close(deadlineMs)
    send[Symbol.dispose]()
  }
  return {
    spans: new SdkSpans(provider.getTracer('millrace', version), steadyTime(clock), longestValue),
    counts,
    close,
  }
}
