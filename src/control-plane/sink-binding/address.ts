import { longestCACerts } from '../../api/meta/reference.ts'
import type { SinkBinding } from '../../api/sink-binding.ts'
import type { Resolved } from '../resolve.ts'
import type { ObservedBinding } from './observe.ts'

/** What a status says of the sink. */
export interface AddressStatus {
  readonly sinkUri?: string
  readonly sinkCACerts?: string
}

/** `before`: the address that it had. */
export function addressOf(
  { spec: { sink } }: SinkBinding,
  { url, CACerts }: { url: string; CACerts?: string },
  before: string | undefined,
): AddressStatus {
  const trusted = sink.CACerts ?? CACerts
  // Knative writes what stands in the manifest, without the slash of a path that is empty: nothing rolls for that.
  const sinkUri = before !== undefined && isSameUrl(before, url) ? before : url
  return { sinkUri, ...(trusted === undefined ? {} : { sinkCACerts: trusted }) }
}

/** What `spec.sink` may say is bounded at admission; an address of others is not. */
export function trustable(sink: Resolved, { spec }: SinkBinding): Resolved {
  const { length } = 'url' in sink && spec.sink.CACerts === undefined ? (sink.CACerts ?? '') : ''
  if (length <= longestCACerts) return sink
  const advice = 'give it fewer certificates, or name those that matter in spec.sink.CACerts'
  return {
    missing: `its address has CACerts of ${length} characters, and a variable holds ${longestCACerts}; ${advice}`,
  }
}

function isSameUrl(a: string, b: string): boolean {
  return URL.canParse(a) && URL.canParse(b) && new URL(a).href === new URL(b).href
}

/** While the sink has none. */
export function addressAsItWas({ sinkUri, sinkCACerts }: ObservedBinding): AddressStatus {
  return { ...(sinkUri === undefined ? {} : { sinkUri }), ...(sinkCACerts === undefined ? {} : { sinkCACerts }) }
}
