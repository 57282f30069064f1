import type { CloudEvent } from '../../event/cloud-event.ts'
import { checkAttributes, checkName, familiarAttributes } from './attributes.ts'
import { readBatch } from './batch.ts'
import { decodeHeaderValue, whyUndecodable } from './header-value.ts'
import { modeOf } from './media-type.ts'
import { quote, Refusal } from './refusal.ts'
import { readStructured } from './structured.ts'
import { traceOf } from './trace.ts'

/**
 * One HTTP message read as CloudEvents (HTTP binding 1.0.2 §3). Pure; never throws. The body is not copied: an event keeps it alive.
 *
 *     headers ─► scan ─► attributes · content-type · trace
 *                 │ content-type starts with application/cloudevents
 *                 ├──── no ─────► binary: attributes checked, body is the data, untouched
 *                 ├──── yes ────► structured: attributes and data from the JSON body
 *                 └──── -batch ─► batch: events from the JSON body, in order
 *
 * @param headers name, value, name, value … as they came, one character a byte (Node's `rawHeaders`): only there a header that was sent
 *   twice can be told from one with a comma.
 * @returns an array only for a batch; each of its events has the trace of the message.
 */
export function readMessage(headers: readonly string[], body: Buffer): CloudEvent | CloudEvent[] | Refusal {
  const scan = new Scan()
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] ?? ''
    const slot = slots.get(name) ?? slotOf(name)
    if (slot !== ignored) take(scan, slot, headers[at + 1] ?? '')
  }
  if (scan.encoding !== '' && scan.encoding !== 'identity') {
    return new Refusal(
      'UnsupportedEncoding',
      `Content-Encoding ${quote(scan.encoding)} is not supported: send the body as it is.`,
    )
  }
  if (scan.typedTwice) return new Refusal('InvalidHeader', 'Header Content-Type is there more than once: send it once.')
  const mode = modeOf(scan.contentType)
  if (mode instanceof Refusal) return mode
  const read =
    mode === 'binary' ? readBinary(scan, body) : mode === 'structured' ? readStructured(body) : readBatch(body)
  return scan.traceparent === undefined || read instanceof Refusal ? read : traced(read, scan)
}

/** The same where one event is expected: a batch is refused. */
export function readEvent(headers: readonly string[], body: Buffer): CloudEvent | Refusal {
  const read = readMessage(headers, body)
  if (!Array.isArray(read)) return read
  return new Refusal('UnsupportedMediaType', 'One event is expected here, not a batch.')
}

function traced(read: CloudEvent | CloudEvent[], scan: Scan): CloudEvent | CloudEvent[] {
  const trace = traceOf(scan.traceparent ?? '', scan.tracestate)
  if (trace === null) return read
  const one = ({ attributes, data }: CloudEvent): CloudEvent => ({ attributes, data, trace })
  return Array.isArray(read) ? read.map(one) : one(read)
}

/** What one pass over the headers found. */
class Scan {
  readonly attributes = new Map<string, string>()
  /** The first thing wrong in the `ce-` headers; counts in binary mode only. */
  refusal: Refusal | null = null
  contentType: string | undefined = undefined
  /** Two Content-Types: which mode is meant, nobody knows. */
  typedTwice = false
  encoding = ''
  traceparent: string | undefined = undefined
  tracestate: string | undefined = undefined
}

const ignored = ''

/** Spellings of familiar headers → slot: an attribute's name, `:header` for other headers that we read, '' for those that we do not. */
const slots: ReadonlyMap<string, string> = new Map(
  [
    ...familiarAttributes.map((name) => [`ce-${name}`, name] as const),
    ...['content-type', 'content-encoding', 'traceparent', 'tracestate'].map((name) => [name, `:${name}`] as const),
    ...['host', 'content-length', 'user-agent', 'accept', 'accept-encoding', 'connection'].map(
      (n) => [n, ignored] as const,
    ),
  ].flatMap(([name, slot]) => [
    [name, slot],
    [name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase()), slot],
  ]),
)

/** The slot of a header that is not familiar in this spelling. */
function slotOf(name: string): string {
  const lower = name.toLowerCase()
  if (lower.startsWith('ce-')) return slots.get(lower) ?? (lower.length > 3 ? lower.slice(3) : '-')
  return slots.get(lower) ?? ignored
}

function take(scan: Scan, slot: string, value: string): void {
  if (slot.charCodeAt(0) === 0x3a) return takeHeader(scan, slot, value)
  const text = decodeHeaderValue(value)
  if (text === null) {
    scan.refusal ??= new Refusal('InvalidAttribute', `The value of header ce-${slot} ${whyUndecodable(value)}.`, slot)
    return
  }
  const before = scan.attributes.size
  scan.attributes.set(slot, text)
  if (scan.attributes.size === before) {
    scan.refusal ??= new Refusal('InvalidHeader', `Header ce-${slot} is there more than once: send it once.`, slot)
  }
}

function takeHeader(scan: Scan, slot: string, value: string): void {
  if (slot === ':content-type') {
    scan.typedTwice ||= scan.contentType !== undefined
    scan.contentType = value
  } else if (slot === ':content-encoding') {
    scan.encoding = value.toLowerCase()
  } else if (slot === ':traceparent') {
    // W3C Trace Context: more than one is as good as none
    scan.traceparent = scan.traceparent === undefined ? value : ''
  } else {
    scan.tracestate = scan.tracestate === undefined ? value : `${scan.tracestate},${value}`
  }
}

function readBinary(scan: Scan, body: Buffer): CloudEvent | Refusal {
  const { attributes, contentType } = scan
  if (attributes.size === 0 && scan.refusal === null) return notAnEvent(contentType)
  const refusal = scan.refusal ?? checkNames(attributes)
  if (refusal !== null) return refusal
  if (contentType !== undefined && contentType !== '') attributes.set('datacontenttype', contentType)
  const broken = checkAttributes(attributes)
  return broken ?? { attributes, data: body.length === 0 ? null : body }
}

const familiar: ReadonlySet<string> = new Set(familiarAttributes)

function checkNames(attributes: ReadonlyMap<string, string>): Refusal | null {
  for (const name of attributes.keys()) {
    if (familiar.has(name)) continue
    if (name === 'datacontenttype') {
      return new Refusal('InvalidHeader', 'Header ce-datacontenttype must not be sent: use Content-Type instead.', name)
    }
    const refusal = checkName(name)
    if (refusal !== null) return refusal
  }
  return null
}

/** No `ce-` header at all: most often a plain body, sent as to any web service. */
function notAnEvent(contentType: string | undefined): Refusal {
  const body = contentType === undefined ? 'The request' : `The request has Content-Type ${quote(contentType)} but it`
  return new Refusal(
    'NotACloudEvent',
    `${body} carries no CloudEvent. Add the headers ce-specversion: 1.0, ce-id, ce-source and ce-type and send the data as the body; ` +
      'or send the whole event as JSON with Content-Type: application/cloudevents+json.',
  )
}
