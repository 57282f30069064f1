import { ParseFailure } from './parse-failure.ts'
import { symbolSlip } from './slips.ts'

/** A piece of the text from `start` up to, not including, `end` (UTF-16 units). */
export interface Token {
  /** `word`: letters, digits and _, but not digits alone; `end`: behind the last piece. */
  readonly kind: 'word' | 'integer' | 'string' | 'symbol' | 'end'
  /** As written; of a string its value, without quotes and escapes. */
  readonly text: string
  readonly start: number
  readonly end: number
}

const space = /[ \t\r\n]+/y
const word = /[a-zA-Z0-9_]+/y
const symbol = /!=|<>|>=|<=|[()*/%+\-=<>,]/y

/**
 * Cuts an expression into its pieces.
 *
 *     text ──► space? skip ──► word or integer · string · slip of another language? fail with a hint · symbol · else fail
 *
 * @throws ParseFailure
 */
export function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = []
  let at = 0
  while ((at = skipSpace(text, at)) < text.length) {
    const token = next(text, at)
    tokens.push(token)
    at = token.end
  }
  return [...tokens, { kind: 'end', text: '', start: text.length, end: text.length }]
}

function skipSpace(text: string, at: number): number {
  space.lastIndex = at
  return space.test(text) ? space.lastIndex : at
}

function next(text: string, start: number): Token {
  const first = text[start] as string
  if (first === "'" || first === '"') return string(text, start, first)
  const letters = match(word, text, start)
  if (letters !== null) {
    return { kind: /^\d+$/.test(letters) ? 'integer' : 'word', text: letters, start, end: start + letters.length }
  }
  const slip = symbolSlip(text, start)
  const legal = match(symbol, text, start)
  // "!" begins "!=", so what is longer counts.
  if (legal !== null && legal.length >= (slip?.slip.length ?? 0)) {
    return { kind: 'symbol', text: legal, start, end: start + legal.length }
  }
  if (slip !== null) throw new ParseFailure(start, ofSlip(text, start, slip))
  const character = String.fromCodePoint(text.codePointAt(start) as number)
  throw new ParseFailure(start, `${JSON.stringify(character)} has no meaning here; strings are written in ' or "`)
}

function ofSlip(text: string, start: number, { slip, hint }: { readonly slip: string; readonly hint: string }): string {
  if (slip === '.' && /\d/.test(text[start - 1] ?? '')) return 'numbers are whole: there is no decimal point'
  return `"${slip}" has no meaning here: ${hint}`
}

/**
 * A backslash keeps the next character from ending the string (§2.2). Only the quote that the string stands in loses its backslash: all others
 * stay as written, because LIKE has its own meaning for them.
 */
function string(text: string, start: number, quote: string): Token {
  let value = ''
  let from = start + 1
  for (let at = from; at < text.length; at++) {
    if (text[at] === quote) return { kind: 'string', text: value + text.slice(from, at), start, end: at + 1 }
    if (text[at] !== '\\') continue
    if (text[at + 1] === quote) {
      value += text.slice(from, at)
      from = at + 1
    }
    at++
  }
  const escaped = text.endsWith(`\\${quote}`) ? `; \\${quote} is a quote inside of the string and does not end it` : ''
  throw new ParseFailure(start, `the string that begins here has no closing ${quote}${escaped}`)
}

function match(pattern: RegExp, text: string, at: number): string | null {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0] ?? null
}
