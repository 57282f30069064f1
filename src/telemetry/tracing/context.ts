import { createTraceState, TraceFlags, type SpanContext } from '@opentelemetry/api'
import type { TraceContext } from '../spans.ts'

const rule = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/
const zeros = /^0+$/
/** What a span keeps of a tracestate at most, characters: the least that everybody has to carry on (W3C trace context §3.3.1.5). */
const keptState = 512

/**
 * Reads a W3C trace context. Null: not well formed, or of nobody (§3.2.2). Versions to come are read by what they have in common with ours (§3.2.2.6).
 * @param remote whether it came from another process.
 */
export function readContext({ traceparent, tracestate }: TraceContext, remote: boolean): SpanContext | null {
  const [, version, traceId = '', spanId = '', flags = '', more] = rule.exec(traceparent) ?? []
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) return null
  if (zeros.test(traceId) || zeros.test(spanId)) return null
  const traceFlags = Number.parseInt(flags, 16)
  const context = { traceId, spanId, traceFlags, isRemote: remote }
  const known = tracestate !== undefined && tracestate.length <= keptState
  return known ? { ...context, traceState: createTraceState(tracestate) } : context
}

export function isSampled({ traceFlags }: SpanContext): boolean {
  return (traceFlags & TraceFlags.SAMPLED) !== 0
}

/** Says that the trace id is random: goes along as it came (W3C trace context level 2, §2.2.5.2). */
const randomFlag = 2

/** The context of a span, to be handed on: a tracestate goes on as it came. */
export function writeContext(
  { traceId, spanId, traceFlags }: SpanContext,
  parent: SpanContext | null,
  tracestate: string | undefined,
): TraceContext {
  const flags = traceFlags | ((parent?.traceFlags ?? 0) & randomFlag)
  const traceparent = `00-${traceId}-${spanId}-0${flags}`
  return parent === null || tracestate === undefined ? { traceparent } : { traceparent, tracestate }
}
