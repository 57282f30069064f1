import { charsetOf } from './media-type.ts'
import { quote, Refusal } from './refusal.ts'

const base64 = /^[A-Za-z0-9+/]*={0,2}$/

/** The bytes of a member `data_base64` (JSON format 1.0.2 §3.1.2). */
export function decodeBase64(text: string): Buffer | Refusal {
  if (text.length % 4 === 0 && base64.test(text)) return Buffer.from(text, 'base64')
  return new Refusal('InvalidData', 'The data is not Base64 (RFC 4648 §4: A-Z a-z 0-9 + /, padded with =).')
}

/** Encodings of RFC 2045 §6.1 that change nothing. */
const identity = /^(?:7bit|8bit|binary)$/i

/**
 * Data of version 0.3 whose encoding is stated (0.3 §3, datacontentencoding): it is an encoding of the JSON form only. The bytes travel
 * decoded, so the attribute would lie from here on and is taken out.
 * @returns null when `data` stands for itself: no encoding, or data that is no string, for which the attribute must be ignored.
 */
export function decodeOld(data: unknown, attributes: Map<string, string>): Buffer | Refusal | null {
  const encoding = attributes.get('datacontentencoding')
  if (encoding === undefined) return null
  attributes.delete('datacontentencoding')
  if (typeof data !== 'string' || identity.test(encoding)) return null
  // lines of at most 76 characters (RFC 2045 §6.8)
  if (encoding.toLowerCase() === 'base64') return decodeBase64(data.replace(/\s+/g, ''))
  return new Refusal(
    'InvalidAttribute',
    `Attribute datacontentencoding is ${quote(encoding)}: send base64, or leave it out.`,
    'datacontentencoding',
  )
}

const utf8 = /^(?:utf-?8|us-ascii)$/
const latin1 = /^(?:iso-8859-1|latin1)$/

/** The bytes of text that is no JSON, in the charset that its type states (JSON format 1.0.2 §3.1.1); UTF-8 when it states none. */
export function encodeText(text: string, contentType: string): Buffer | Refusal {
  const charset = charsetOf(contentType)
  if (charset === undefined || charset === '' || utf8.test(charset)) {
    if (text.isWellFormed()) return Buffer.from(text, 'utf8')
    return new Refusal('InvalidData', 'The data holds half a character (a lone surrogate): send bytes as data_base64.')
  }
  if (latin1.test(charset) && !/[^\0-\xff]/.test(text)) return Buffer.from(text, 'latin1')
  return new Refusal(
    'InvalidData',
    `The text in data cannot be written in the charset ${quote(charset)} of its datacontenttype: send its bytes as data_base64, or state utf-8.`,
    'datacontenttype',
  )
}
