import { modeOf } from './media-type.ts'
import { quote, Refusal } from './refusal.ts'

/** Names of the attributes that the CloudEvents specifications 1.0 and 0.3 define, and of the extensions that we meet most. */
export const familiarAttributes: readonly string[] = [
  ...['specversion', 'id', 'source', 'type', 'subject', 'time', 'dataschema', 'schemaurl', 'partitionkey'],
  ...['traceparent', 'tracestate', 'knativearrivaltime', 'knativekafkapartition', 'knativekafkaoffset'],
  ...['knativeerrordest', 'knativeerrorcode', 'knativeerrordata', 'knativebrokerttl', 'datacontentencoding'],
]

export const requiredAttributes = ['specversion', 'id', 'source', 'type'] as const

const nameRule = /^[a-z0-9]+$/
const pchar = String.raw`(?:[\w.~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*`
const query = String.raw`(?:[\w.~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*`
const authority = String.raw`(?:(?:[\w.~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2})*@)?(?:\[[\w:.]+\]|(?:[\w.~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)(?::\d*)?`
/** RFC 3986 §4.1: with a scheme, or a relative reference whose first segment has no colon. */
const uriReference = new RegExp(
  `^(?:[A-Za-z][A-Za-z0-9+.-]*:|(?![^/?#]*:))(?://${authority}(?=[/?#]|$)|(?!//))${pchar}(?:\\?${query})?(?:#${query})?$`,
)
const scheme = /^[A-Za-z][A-Za-z0-9+.-]*:/
const rfc3339 =
  /^(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[Tt](?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/
const mediaType = /^[!#$%&'*+.^`|~\w-]+\/[!#$%&'*+.^`|~\w-]+[\t ]*(?:;[\t\x20-\x7e]*)?$/

/** Whether an attribute may have this name (CloudEvents 1.0.2 §3, Naming Conventions); `data` never is one. */
export function checkName(name: string): Refusal | null {
  if (nameRule.test(name) && name !== 'data') return null
  const fix = name === 'data' ? 'the data of an event is not an attribute' : 'use only a to z and 0 to 9 in the name'
  return new Refusal('InvalidAttribute', `No attribute may be named ${quote(name)}: ${fix}.`, name)
}

/**
 * What must hold for the attributes of every event, however it came: the required ones are there, and those of the specification
 * are of their type (CloudEvents 1.0.2 §3.1 and 0.3 §3). The version is kept as sent.
 */
export function checkAttributes(attributes: ReadonlyMap<string, string>): Refusal | null {
  const version = attributes.get('specversion')
  const source = attributes.get('source')
  if (!version || !source || !attributes.get('id') || !attributes.get('type')) return missing(attributes)
  if (version !== '1.0' && version !== '0.3') {
    return invalid('specversion', version, 'send 1.0 (or 0.3)')
  }
  if (!uriReference.test(source)) {
    return invalid(
      'source',
      source,
      'it must be a URI-reference (RFC 3986), e.g. /orders or https://shop.example/orders',
    )
  }
  return checkOptional(attributes)
}

function checkOptional(attributes: ReadonlyMap<string, string>): Refusal | null {
  const time = attributes.get('time')
  if (time !== undefined && !isTimestamp(time)) {
    return invalid('time', time, 'it must be a timestamp of RFC 3339, e.g. 2026-04-05T17:31:00Z')
  }
  if (attributes.get('subject') === '') return invalid('subject', '', 'leave it out when there is none')
  return checkDataType(attributes) ?? checkSchema(attributes)
}

function checkDataType(attributes: ReadonlyMap<string, string>): Refusal | null {
  const type = attributes.get('datacontenttype')
  if (type === undefined) return null
  if (!mediaType.test(type)) return invalid('datacontenttype', type, 'it must be a media type, e.g. application/json')
  if (modeOf(type) === 'binary') return null
  // as Content-Type of a message in binary mode it would turn the data into the event: so says the CloudEvents primer too (Nesting)
  return invalid('datacontenttype', type, 'an event cannot be the data of an event; use application/json')
}

/** `dataschema` is of version 1.0, `schemaurl` of 0.3; in the other version each is an extension. */
function checkSchema(attributes: ReadonlyMap<string, string>): Refusal | null {
  if (attributes.get('specversion') === '1.0') {
    const schema = attributes.get('dataschema')
    if (schema === undefined || (uriReference.test(schema) && scheme.test(schema))) return null
    return invalid('dataschema', schema, 'it must be an absolute URI, e.g. https://shop.example/order.json')
  }
  const schema = attributes.get('schemaurl')
  if (schema === undefined || uriReference.test(schema)) return null
  return invalid('schemaurl', schema, 'it must be a URI-reference (RFC 3986)')
}

/** RFC 3339 §5.6, with the length of the month checked. */
function isTimestamp(text: string): boolean {
  const match = rfc3339.exec(text)
  if (match === null) return false
  const day = Number(match[3])
  return day <= 28 || day <= new Date(Date.UTC(Number(match[1]), Number(match[2]), 0)).getUTCDate()
}

/** Whether a Content-Type may travel as `datacontenttype`: a media type in printable ASCII, safe in any header. */
export function isMediaType(text: string): boolean {
  return mediaType.test(text)
}

function invalid(attribute: string, value: string, fix: string): Refusal {
  return new Refusal('InvalidAttribute', `Attribute ${attribute} is ${quote(value)}: ${fix}.`, attribute)
}

function missing(attributes: ReadonlyMap<string, string>): Refusal {
  const absent = requiredAttributes.filter((name) => !attributes.get(name))
  const first = absent[0] ?? 'id'
  const many = absent.length > 1 ? 'attributes' : 'attribute'
  const detail = `The event lacks the required ${many} ${absent.join(', ')} (missing or empty; in binary mode the header ce-${first}, in JSON the member "${first}").`
  return new Refusal('MissingAttribute', detail, first)
}
