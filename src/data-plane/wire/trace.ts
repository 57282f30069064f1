import type { CloudEvent } from '../../event/cloud-event.ts'

type Trace = NonNullable<CloudEvent['trace']>

/** Version ff is none, version 00 has nothing behind its flags, and ids of zeros alone are of nobody. */
const traceparentRule =
  /^(?!ff|00.{54})[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-[\x21-\x7e]*)?$/
const tracestateRule = /^[\t\x20-\x7e]+$/

/** W3C trace context as it is carried on: null when the parent is not valid, as the recommendation asks (§3.2, §3.3). */
export function traceOf(traceparent: string, tracestate: string | undefined): Trace | null {
  if (!traceparentRule.test(traceparent)) return null
  return tracestate !== undefined && tracestateRule.test(tracestate) ? { traceparent, tracestate } : { traceparent }
}
