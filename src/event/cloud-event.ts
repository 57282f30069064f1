/**
 * What a CloudEvent is to us: attributes + bytes. Data bytes are never parsed, copied or re-encoded on their way.
 */
export interface CloudEvent {
  /**
   * Context attributes and extensions by lower-case name, values in the canonical string form of the CloudEvents type system
   * (CloudEvents 1.0.2 §3). Includes `specversion`, `id`, `source`, `type` and, when the sender gave it, `datacontenttype`.
   */
  readonly attributes: ReadonlyMap<string, string>
  /** The payload; null when the event has none. */
  readonly data: Buffer | null
  /** W3C trace context of the transport, kept from HTTP through Kafka to HTTP. */
  readonly trace?: { readonly traceparent: string; readonly tracestate?: string }
}
