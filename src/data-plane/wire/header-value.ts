import { isUtf8 } from 'node:buffer'

/**
 * Attribute values in HTTP headers (CloudEvents HTTP binding 1.0.2 §3.1.3.2): space, `"`, `%` and everything outside printable ASCII
 * travel percent-encoded as UTF-8. On the way in one pair of double quotes is undone first and one round of percent-decoding follows.
 */

/** A value in which nothing is encoded and nothing needs to be: by far the most. */
const plain = /^[\x21\x23\x24\x26-\x7e]*$/
/** A complete quoted-string of RFC 9110 §5.6.4. */
const quoted = /^"(?:[^"\\]|\\.)*"$/
/** Not allowed in a CloudEvents String (1.0.2 §3): controls, noncharacters, lone surrogates. */
const forbidden = /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u

/** Whether a CloudEvents String may hold this text. */
export function isAllowedText(text: string): boolean {
  return plain.test(text) || !forbidden.test(text)
}

const forbiddenAll = new RegExp(forbidden, 'gu')

/** The text with a replacement character (U+FFFD) for each character that a CloudEvents String may not hold. */
export function allowedText(text: string): string {
  return isAllowedText(text) ? text : text.replace(forbiddenAll, '\ufffd')
}

/**
 * @param raw the value as HTTP parsers give it: one character a byte.
 * @returns the attribute's value, null when it cannot be decoded: {@link whyUndecodable} says why.
 */
export function decodeHeaderValue(raw: string): string | null {
  if (plain.test(raw)) return raw
  const text = percentDecode(quoted.test(raw) ? raw.slice(1, -1).replace(/\\(.)/gs, '$1') : raw)
  return text === null || forbidden.test(text) ? null : text
}

/** Bytes that percent escapes and raw bytes stand for, read as UTF-8; null for a broken escape or what is not UTF-8. */
function percentDecode(text: string): string | null {
  const bytes = Buffer.allocUnsafe(text.length)
  let length = 0
  for (let at = 0; at < text.length; at++) {
    let byte = text.charCodeAt(at)
    if (byte === 0x25) {
      byte = hexDigit(text.charCodeAt(at + 1)) * 16 + hexDigit(text.charCodeAt(at + 2))
      at += 2
    }
    if (!(byte <= 0xff)) return null
    bytes[length++] = byte
  }
  const used = bytes.subarray(0, length)
  return isUtf8(used) ? used.toString('utf8') : null
}

/** Value of a hexadecimal digit, NaN for anything else (also past the end). */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : NaN
}

/** For people: why {@link decodeHeaderValue} gave null. */
export function whyUndecodable(raw: string): string {
  if (/%(?![0-9a-fA-F]{2})/.test(raw)) return 'has a broken percent escape; write a percent sign itself as %25'
  const text = percentDecode(raw)
  return text === null
    ? 'is not UTF-8; percent-encode its UTF-8 bytes'
    : 'holds a control character or another one that CloudEvents forbid'
}

const hex = Array.from({ length: 256 }, (_, byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)

/** The value as it goes into a header. */
export function encodeHeaderValue(value: string): string {
  if (plain.test(value)) return value
  let encoded = ''
  for (const byte of Buffer.from(value, 'utf8')) {
    const asIs = byte > 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x25
    encoded += asIs ? String.fromCharCode(byte) : (hex[byte] ?? '')
  }
  return encoded
}
