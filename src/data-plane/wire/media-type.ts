import { Refusal } from './refusal.ts'

/** How a message says that it carries an event. */
export type Mode = 'binary' | 'structured' | 'batch' | Refusal

const prefix = 'application/cloudevents'
const utf8 = /^(?:utf-?8|us-ascii)$/i

/**
 * The content mode by Content-Type (CloudEvents HTTP binding 1.0.2 §3): everything that starts with `application/cloudevents` is an
 * event format, anything else is the type of the data in binary mode. A format that we do not know is refused.
 */
export function modeOf(contentType: string | undefined): Mode {
  // 'c' of "cloudevents": tells nearly all other types apart without lower-casing them
  if (contentType === undefined || (contentType.charCodeAt(12) | 0x20) !== 0x63) return 'binary'
  const lower = contentType.toLowerCase()
  if (!lower.startsWith(prefix)) return 'binary'
  const semicolon = lower.indexOf(';')
  const format = lower.slice(prefix.length, semicolon === -1 ? undefined : semicolon).trim()
  if (format !== '+json' && format !== '-batch+json') {
    return new Refusal(
      'UnsupportedMediaType',
      `The event format ${prefix}${format} is not supported: send application/cloudevents+json, or binary mode with ce- headers.`,
    )
  }
  const charset = charsetOf(lower)
  if (charset !== undefined && !utf8.test(charset)) {
    return new Refusal('UnsupportedMediaType', `JSON events are UTF-8: drop charset=${charset} and send UTF-8.`)
  }
  return format === '+json' ? 'structured' : 'batch'
}

/** Whether data of this type is JSON: the subtype is `json` or ends in `+json` (CloudEvents JSON format 1.0.2 §3.1.1). */
export function isJsonType(contentType: string): boolean {
  return /^[^/;\s]+\/(?:[^;\s]+\+)?json\s*(?:;|$)/i.test(contentType)
}

/** Whether data of this type is JSON by the rules of version 0.3 alone, which counts sequences in (0.3 JSON format §3.1). */
export function isJsonSequence(contentType: string): boolean {
  return /^[^/;\s]+\/(?:[^;\s]+\+)?json-seq\s*(?:;|$)/i.test(contentType)
}

/** The charset that a media type states, in lower case; undefined when it states none. */
export function charsetOf(contentType: string): string | undefined {
  return /;\s*charset\s*=\s*"?([^\s;"]*)/i.exec(contentType)?.[1]?.toLowerCase()
}
