import { isUtf8 } from 'node:buffer'
import type { CloudEvent } from '../../event/cloud-event.ts'
import { checkAttributes, checkName, requiredAttributes } from './attributes.ts'
import { isAllowedText } from './header-value.ts'
import { membersOf, type Member } from './json-members.ts'
import { isJsonType } from './media-type.ts'
import { quote, Refusal } from './refusal.ts'

/**
 * One event in the CloudEvents JSON format 1.0.2 (structured mode). Ours and not the SDK's, because the SDK parses the data and writes it
 * anew: big integers and 1.0 become other numbers, binary data becomes a Uint32Array, `null` gets lost. Here JSON data keeps its bytes.
 */
export function readStructured(body: Buffer): CloudEvent | Refusal {
  const parsed = parseObject(body)
  if (parsed instanceof Refusal) return parsed
  const attributes = new Map<string, string>()
  const payload: { data?: Member; base64?: string } = {}
  for (const member of membersOf(body)) {
    const refusal = takeMember(member, parsed, body, attributes, payload)
    if (refusal !== null) return refusal
  }
  const refusal = checkPlainJson(parsed, attributes) ?? checkSize(attributes) ?? checkAttributes(attributes)
  if (refusal !== null) return refusal
  const data = readData(body, parsed, attributes, payload)
  return data instanceof Refusal ? data : { attributes, data }
}

type JsonObject = Readonly<Record<string, unknown>>

function parseObject(body: Buffer): JsonObject | Refusal {
  if (!isUtf8(body)) return new Refusal('InvalidJson', 'The body is not UTF-8, which JSON must be.')
  let parsed: unknown
  try {
    parsed = JSON.parse(body.toString('utf8'))
  } catch (error) {
    const reason = body.length === 0 ? 'it is empty' : error instanceof Error ? error.message : String(error)
    return new Refusal(
      'InvalidJson',
      `The Content-Type promises an event in JSON, but the body cannot be parsed: ${reason}.`,
    )
  }
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as JsonObject
  const fix = Array.isArray(parsed) ? 'send the events of a batch one by one' : 'send one JSON object'
  return new Refusal(
    'NotACloudEvent',
    `application/cloudevents+json is one JSON object with the attributes of the event: ${fix}.`,
  )
}

/** Sorts one member into attributes or payload; a member that is there twice is refused, since readers differ on which one counts. */
function takeMember(
  { name, start, end }: Member,
  parsed: JsonObject,
  body: Buffer,
  attributes: Map<string, string>,
  payload: { data?: Member; base64?: string },
): Refusal | null {
  const value = parsed[name]
  if (name === 'data') {
    if (payload.data !== undefined) return duplicate(name)
    payload.data = { name, start, end }
    return null
  }
  if (value === null) return null
  if (name === 'data_base64') {
    if (payload.base64 !== undefined) return duplicate(name)
    if (typeof value !== 'string') return new Refusal('InvalidData', 'Member data_base64 must be a string in Base64.')
    payload.base64 = value
    return null
  }
  const text = canonical(name, value, body.toString('latin1', start, Math.min(end, start + 16)))
  if (text instanceof Refusal) return text
  if (attributes.has(name)) return duplicate(name)
  attributes.set(name, text)
  return checkName(name)
}

/** The canonical string of an attribute (CloudEvents 1.0.2 §3, Type System). @param literal how the value begins in the JSON text. */
function canonical(name: string, value: unknown, literal: string): string | Refusal {
  if (typeof value === 'string') {
    if (isAllowedText(value)) return value
    return new Refusal('InvalidAttribute', `Attribute ${quote(name)} holds a character that CloudEvents forbid.`, name)
  }
  const required = requiredAttributes.some((one) => one === name)
  if (!required && typeof value === 'boolean') return String(value)
  if (!required && typeof value === 'number' && /^-?\d{1,10}$/.test(literal) && (value | 0) === value)
    return String(value | 0)
  const types = required ? 'a string' : 'a string, a boolean or an integer of 32 bits'
  return new Refusal(
    'InvalidAttribute',
    `Attribute ${quote(name)} must be ${types}; structured values belong into "data".`,
    name,
  )
}

function duplicate(name: string): Refusal {
  return new Refusal('InvalidAttribute', `Member ${quote(name)} is there more than once.`, name)
}

/** The common mistake: data sent bare under the media type of an event. Said before anything else about single attributes. */
function checkPlainJson(parsed: JsonObject, attributes: ReadonlyMap<string, string>): Refusal | null {
  if (requiredAttributes.some((name) => attributes.has(name))) return null
  const members = Object.keys(parsed).slice(0, 5).map(quote).join(', ')
  return new Refusal(
    'NotACloudEvent',
    `The Content-Type application/cloudevents+json says that the body is a whole event, but it has none of ${requiredAttributes.join(', ')}` +
      `${members === '' ? '' : ` (only ${members})`}. If the body is plain data, send Content-Type: application/json and the headers ` +
      'ce-specversion: 1.0, ce-id, ce-source and ce-type; or wrap it: {"specversion":"1.0","id":…,"source":…,"type":…,"data":<your JSON>}.',
  )
}

/**
 * All names and values together, in bytes of UTF-8. In binary mode the size of the head bounds them; an event that came in structured mode
 * must fit into the headers of a delivery too.
 */
const maxAttributeBytes = 16 * 1024

function checkSize(attributes: ReadonlyMap<string, string>): Refusal | null {
  let size = 0
  let largest = ''
  for (const [name, value] of attributes) {
    size += name.length + Buffer.byteLength(value)
    if (value.length > (attributes.get(largest)?.length ?? -1)) largest = name
  }
  if (size <= maxAttributeBytes) return null
  return new Refusal(
    'InvalidAttribute',
    `The attributes together have ${size} bytes; at most ${maxAttributeBytes} are taken. The largest is ${quote(largest)}: put long content into "data".`,
    largest,
  )
}

const base64 = /^[A-Za-z0-9+/]*={0,2}$/

/** The bytes of the payload (JSON format §3.1.2); sets the implied `datacontenttype` of JSON data, as the specification asks. */
function readData(
  body: Buffer,
  parsed: JsonObject,
  attributes: Map<string, string>,
  payload: { data?: Member; base64?: string },
): Buffer | null | Refusal {
  if (payload.base64 !== undefined) {
    if (payload.data !== undefined) return new Refusal('InvalidData', 'Send either data or data_base64, not both.')
    return decodeBase64(payload.base64)
  }
  if (payload.data === undefined) return null
  const data = parsed['data']
  if (attributes.get('specversion') === '0.3' && attributes.get('datacontentencoding')?.toLowerCase() === 'base64') {
    // 0.3 §3.1: the encoding of the JSON form only; the bytes travel decoded, so the attribute would lie from here on
    attributes.delete('datacontentencoding')
    return typeof data === 'string' ? decodeBase64(data) : new Refusal('InvalidData', 'Base64 data must be a string.')
  }
  const contentType = attributes.get('datacontenttype')
  if (contentType === undefined) attributes.set('datacontenttype', 'application/json')
  if (contentType === undefined || isJsonType(contentType)) return body.subarray(payload.data.start, payload.data.end)
  if (typeof data === 'string') return Buffer.from(data, 'utf8')
  return new Refusal(
    'InvalidData',
    `With datacontenttype ${quote(contentType)} the member data must be a string.`,
    'data',
  )
}

function decodeBase64(text: string): Buffer | Refusal {
  if (text.length % 4 === 0 && base64.test(text)) return Buffer.from(text, 'base64')
  return new Refusal('InvalidData', 'The data is not Base64 (RFC 4648 §4: A-Z a-z 0-9 + /, padded with =).')
}
