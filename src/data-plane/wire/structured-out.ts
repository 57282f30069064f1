import { isUtf8 } from 'node:buffer'
import type { CloudEvent } from '../../event/cloud-event.ts'
import { charsetOf, isJsonType } from './media-type.ts'
import { isNamed } from './overrides.ts'

/** The Content-Type of an event in structured mode; JSON is UTF-8, so it needs no charset. */
export const structuredType = 'application/cloudevents+json'

/**
 * An event in the CloudEvents JSON format (1.0.2 §3; version 0.3 in its own form), for structured mode. All attributes are strings, as they
 * are in the log. JSON data keeps its bytes: `JSON.parse` and `stringify` would make other numbers of 1.0 and 12345678901234567890.
 *
 *     attributes but those in `added` ─► added ─► data: valid JSON by its type ─► as it is
 *                                                       text in UTF-8 by its type ─► a JSON string
 *                                                       else ─► data_base64 (0.3: data with datacontentencoding)
 *
 * @param added attributes that replace or join the event's own: name, value, name, value …
 */
export function writeStructured(event: CloudEvent, added: readonly string[]): Buffer {
  const members: string[] = []
  const old = event.attributes.get('specversion') === '0.3'
  event.attributes.forEach((value, name) => {
    // it tells how the data is written here, so it is not the event's to say
    if (old && name === 'datacontentencoding') return
    if (!isNamed(name, added)) members.push(member(name, value))
  })
  for (let at = 0; at < added.length; at += 2) members.push(member(added[at] ?? '', added[at + 1] ?? ''))
  const head = `{${members.join(',')}`
  const { data } = event
  if (data === null) return Buffer.from(`${head}}`)
  const type = event.attributes.get('datacontenttype')
  if (type !== undefined && isJsonType(type) && isJson(data)) {
    return Buffer.concat([Buffer.from(`${head},"data":`), data, closing])
  }
  if (type !== undefined && isText(type) && isUtf8(data)) {
    return Buffer.from(`${head},${member('data', data.toString('utf8'))}}`)
  }
  const base64 = data.toString('base64')
  return Buffer.from(
    old ? `${head},"datacontentencoding":"base64","data":"${base64}"}` : `${head},"data_base64":"${base64}"}`,
  )
}

const closing = Buffer.from('}')

function member(name: string, value: string): string {
  return `"${name}":${JSON.stringify(value)}`
}

/** What says that it is JSON may be none; inside our JSON it would break the whole event. */
function isJson(data: Buffer): boolean {
  if (!isUtf8(data)) return false
  try {
    JSON.parse(data.toString('utf8'))
    return true
  } catch {
    return false
  }
}

const textual =
  /^(?:text\/|application\/(?:xml|javascript|yaml|x-www-form-urlencoded|[^;\s]+\+(?:xml|yaml))\s*(?:;|$))/i
const unicode = /^(?:utf-?8|us-ascii)$/

/** Readers write a JSON string back in the charset of its type: only where that is UTF-8 the bytes stay the same. */
function isText(type: string): boolean {
  if (!textual.test(type)) return false
  const charset = charsetOf(type)
  return charset === undefined || unicode.test(charset)
}
