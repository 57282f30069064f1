import { isUtf8 } from 'node:buffer'
import type { CloudEvent } from '../../event/cloud-event.ts'
import type { Header, LogRecord, NewRecord } from '../../kafka/log.ts'
import { checkName, familiarAttributes, isMediaType, requiredAttributes } from './attributes.ts'
import { modeOf } from './media-type.ts'
import { Refusal } from './refusal.ts'
import { readStructured } from './structured.ts'
import { traceOf } from './trace.ts'

/** A record that holds no CloudEvent; `reason` is a sentence for people. */
export class NotAnEvent {
  readonly reason: string
  constructor(reason: string) {
    this.reason = reason
  }
}

const toHeader: ReadonlyMap<string, string> = new Map([
  ...familiarAttributes.map((name) => [name, `ce_${name}`] as const),
  ['datacontenttype', 'content-type'],
])
const toAttribute: ReadonlyMap<string, string> = new Map([...toHeader].map(([name, header]) => [header, name]))

const nothing: readonly Header[] = []

/**
 * An event as a record in binary mode (CloudEvents Kafka binding 1.0.2 §3.2): attributes in `ce_` headers, the extension `partitionkey` as
 * key too, the data as value, untouched.
 * @param added headers that replace or join those of the event's attributes.
 */
export function toRecord(event: CloudEvent, topic: string, added: readonly Header[] = nothing): NewRecord {
  const headers: Header[] = []
  for (const [attribute, value] of event.attributes) {
    const name = toHeader.get(attribute) ?? `ce_${attribute}`
    if (!replaced(name, added)) headers.push([name, Buffer.from(value)])
  }
  for (const header of added) headers.push(header)
  if (event.trace !== undefined) {
    headers.push(['traceparent', Buffer.from(event.trace.traceparent)])
    if (event.trace.tracestate !== undefined) headers.push(['tracestate', Buffer.from(event.trace.tracestate)])
  }
  const key = event.attributes.get('partitionkey')
  return { topic, key: key === undefined ? null : Buffer.from(key), value: event.data, headers }
}

function replaced(name: string, added: readonly Header[]): boolean {
  for (const header of added) if (header[0] === name) return true
  return false
}

/**
 * The event in a record, binary or structured. Foreign producers write here too: what could not be sent on as an event is refused, while
 * types of attributes are theirs to keep. A header that is there twice: the last counts, as for Kafka clients.
 *
 *     headers ─► ce_* → attributes ─► content-type an event format? ─► value read as JSON
 *                                 └─► no: name rules, required four ─► attributes + value
 */
export function fromRecord(record: LogRecord): CloudEvent | NotAnEvent {
  const attributes = new Map<string, string>()
  let traceparent: string | undefined
  let tracestate: string | undefined
  eachHeader(record, (header, value) => {
    if (value === null) return
    const name = toAttribute.get(header)
    if (name !== undefined) attributes.set(name, value)
    else if (header.startsWith('ce_')) attributes.set(header.slice(3), value)
    else if (header === 'traceparent') traceparent = value
    else if (header === 'tracestate') tracestate = value
  })
  const event = decode(record, attributes)
  if (traceparent === undefined || event instanceof NotAnEvent) return event
  const trace = traceOf(traceparent, tracestate)
  return trace === null ? event : { attributes: event.attributes, data: event.data, trace }
}

function eachHeader(record: LogRecord, visit: (name: string, value: string | null) => void): void {
  if (record.eachHeader !== undefined) return record.eachHeader(visit)
  for (const [name, value] of record.headers) visit(name, value?.toString() ?? null)
}

function decode(record: LogRecord, attributes: Map<string, string>): CloudEvent | NotAnEvent {
  const mode = modeOf(attributes.get('datacontenttype'))
  if (mode === 'structured') {
    const event =
      record.value === null ? new NotAnEvent('structured mode without a value') : readStructured(record.value)
    return event instanceof Refusal ? new NotAnEvent(event.detail) : event
  }
  if (mode !== 'binary') return new NotAnEvent(mode === 'batch' ? 'a record cannot hold a batch' : mode.detail)
  const reason = whyNoEvent(attributes, record)
  return reason === null ? { attributes, data: record.value } : new NotAnEvent(reason)
}

function whyNoEvent(attributes: ReadonlyMap<string, string>, record: LogRecord): string | null {
  for (const name of requiredAttributes) if (!attributes.get(name)) return `header ce_${name} is missing or empty`
  let reason: string | null = null
  attributes.forEach((value, name) => {
    if (!toHeader.has(name)) reason ??= checkName(name)?.detail ?? null
    // a replacement character may stand for bytes that were no UTF-8
    if (value.includes('\ufffd') && !isAllUtf8(record)) reason ??= `header of attribute ${name} is not UTF-8`
  })
  if (reason !== null) return reason
  const contentType = attributes.get('datacontenttype')
  return contentType === undefined || isMediaType(contentType) ? null : 'header content-type is not a media type'
}

function isAllUtf8(record: LogRecord): boolean {
  return record.headers.every((header) => header[1] === null || isUtf8(header[1]))
}
