import type { CloudEvent } from '../../event/cloud-event.ts'
import { familiarAttributes } from './attributes.ts'
import { encodeHeaderValue } from './header-value.ts'
import { isNamed } from './overrides.ts'

const headerNames: ReadonlyMap<string, string> = new Map([
  ...familiarAttributes.map((name) => [name, `ce-${name}`] as const),
  ['datacontenttype', 'content-type'],
])

/**
 * An event in binary mode (CloudEvents HTTP binding 1.0.2 §3.1): appends its headers to `into` as name, value, name, value …, as undici's
 * `dispatch` takes them. The body is `event.data` as it is.
 *
 *     into: [prepared: prefer, kn-namespace …]  +  event's attributes but those in `added`  +  added  +  trace
 *
 * @param added attributes that replace or join the event's own: name, value, name, value …
 * @returns `into`
 */
export function writeHeaders(event: CloudEvent, added: readonly string[], into: string[]): string[] {
  event.attributes.forEach((value, name) => {
    if (!isNamed(name, added)) writeAttribute(name, value, into)
  })
  for (let at = 0; at < added.length; at += 2) writeAttribute(added[at] ?? '', added[at + 1] ?? '', into)
  return writeTrace(event, into)
}

/** Appends the trace context that the event came with. @returns `into` */
export function writeTrace(event: CloudEvent, into: string[]): string[] {
  if (event.trace !== undefined) {
    into.push('traceparent', event.trace.traceparent)
    if (event.trace.tracestate !== undefined) into.push('tracestate', event.trace.tracestate)
  }
  return into
}

function writeAttribute(name: string, value: string, into: string[]): void {
  // a media type is printable ASCII already and goes as it is (§3.1.1)
  if (name === 'datacontenttype') into.push('content-type', value)
  else into.push(headerNames.get(name) ?? `ce-${name}`, encodeHeaderValue(value))
}
