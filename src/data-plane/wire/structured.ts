import { isUtf8 } from 'node:buffer'
import type { CloudEvent } from '../../event/cloud-event.ts'
import { nameIn } from '../event-name.ts'
import { checkAttributes, checkName, requiredAttributes } from './attributes.ts'
import { isAllowedText } from './header-value.ts'
import { membersOf, type Member } from './json-members.ts'
import { isJsonSequence, isJsonType } from './media-type.ts'
import { decodeBase64, decodeOld, encodeText } from './payload.ts'
import { quote, Refusal } from './refusal.ts'

/**
 * One event in the CloudEvents JSON format 1.0.2 (structured mode). Ours and not the SDK's, because the SDK parses the data and writes it
 * anew: big integers and 1.0 become other numbers, binary data becomes a Uint32Array, `null` gets lost. Here JSON data keeps its bytes.
 */
export function readStructured(body: Buffer): CloudEvent | Refusal {
  const parsed = parseJson(body)
  if (parsed instanceof Refusal) return parsed
  if (isObject(parsed)) {
    const { event } = readObject(body, 0, parsed)
    return event instanceof Refusal ? event.naming(() => [nameIn(parsed)]) : event
  }
  const fix = Array.isArray(parsed)
    ? 'send a batch with Content-Type: application/cloudevents-batch+json'
    : 'send one JSON object'
  return new Refusal(
    'NotACloudEvent',
    `application/cloudevents+json is one JSON object with the attributes of the event: ${fix}.`,
  )
}

/**
 * One event that is an object somewhere in a JSON text.
 * @param from where the object begins in `json`.
 * @param parsed what `JSON.parse` made of it.
 * @returns the event, and the byte after it.
 */
export function readObject(
  json: Buffer,
  from: number,
  parsed: JsonObject,
): { readonly event: CloudEvent | Refusal; readonly end: number } {
  const { members, end } = membersOf(json, from)
  return { event: toEvent(json, members, parsed), end }
}

function toEvent(json: Buffer, members: readonly Member[], parsed: JsonObject): CloudEvent | Refusal {
  const attributes = new Map<string, string>()
  const payload: Payload = {}
  // no look at each of a hundred thousand that cannot all be taken anyway
  if (members.length > maxAttributeBytes) return tooLong(`There are ${members.length} of them`)
  for (const member of members) {
    const refusal = takeMember(member, parsed, json, attributes, payload)
    if (refusal !== null) return refusal
  }
  const refusal = checkPlainJson(parsed, attributes) ?? checkSize(attributes) ?? checkAttributes(attributes)
  if (refusal !== null) return refusal
  const data = readData(json, parsed, attributes, payload)
  return data instanceof Refusal ? data : { attributes, data }
}

export type JsonObject = Readonly<Record<string, unknown>>

interface Payload {
  data?: Member
  base64?: string
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A body that promises JSON, parsed. */
export function parseJson(body: Buffer): unknown {
  if (!isUtf8(body)) return new Refusal('InvalidJson', 'The body is not UTF-8, which JSON must be.')
  // a byte order mark may be ignored (RFC 8259 §8.1)
  const start = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0
  try {
    return JSON.parse(body.toString('utf8', start)) as unknown
  } catch (error) {
    const reason = body.length === start ? 'it is empty' : error instanceof Error ? error.message : String(error)
    return new Refusal('InvalidJson', `The Content-Type promises JSON, but the body cannot be parsed: ${reason}.`)
  }
}

/** Sorts one member into attributes or payload; a member that is there twice is refused, since readers differ on which one counts. */
function takeMember(
  { name, start, end }: Member,
  parsed: JsonObject,
  body: Buffer,
  attributes: Map<string, string>,
  payload: Payload,
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
  const literal = body.toString('latin1', start, Math.min(end, start + 16))
  const text = isObject(value) && parsed['specversion'] === '0.3' ? mapOf(name, value) : canonical(name, value, literal)
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
  const fix = typeof value === 'object' ? 'structured values belong into "data"' : 'write it in quotes'
  return new Refusal('InvalidAttribute', `Attribute ${quote(name)} must be ${types}: ${fix}.`, name)
}

/** Version 0.3 (§2.2) also has attributes that are maps; their canonical string is JSON. */
function mapOf(name: string, value: JsonObject): string | Refusal {
  const text = JSON.stringify(value)
  return canonical(name, requiredAttributes.some((one) => one === name) ? value : text, text)
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
    `An object in application/cloudevents+json or -batch+json is a whole event, but this one has none of ${requiredAttributes.join(', ')}` +
      `${members === '' ? '' : ` (only ${members})`}. If it is plain data, send Content-Type: application/json and the headers ` +
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
  return tooLong(`These have ${size}, the largest is ${quote(largest)}`, largest)
}

function tooLong(what: string, largest?: string): Refusal {
  const limit = `All attributes together may have ${maxAttributeBytes} bytes. ${what}: put long content into "data".`
  return new Refusal('InvalidAttribute', limit, largest)
}

/** The bytes of the payload (JSON format §3.1.2); sets the implied `datacontenttype` of JSON data, as the specification asks. */
function readData(
  body: Buffer,
  parsed: JsonObject,
  attributes: Map<string, string>,
  payload: Payload,
): Buffer | null | Refusal {
  if (payload.base64 !== undefined) {
    if (payload.data !== undefined) return new Refusal('InvalidData', 'Send either data or data_base64, not both.')
    return decodeBase64(payload.base64)
  }
  if (payload.data === undefined) return null
  const data = parsed['data']
  const old = attributes.get('specversion') === '0.3'
  if (old) {
    const decoded = decodeOld(data, attributes)
    if (decoded !== null) return decoded
  }
  const contentType = attributes.get('datacontenttype')
  if (contentType === undefined) attributes.set('datacontenttype', 'application/json')
  if (contentType === undefined || isJsonType(contentType) || (old && isJsonSequence(contentType)))
    return body.subarray(payload.data.start, payload.data.end)
  if (typeof data === 'string') return encodeText(data, contentType)
  return new Refusal(
    'InvalidData',
    `With datacontenttype ${quote(contentType)} the member data must be a string; for JSON state application/json, or leave the type out.`,
    'data',
  )
}
