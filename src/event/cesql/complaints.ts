import { reserved, type Cursor } from './cursor.ts'
import type { ParseFailure } from './parse-failure.ts'
import { operatorSlip } from './slips.ts'
import type { Token } from './tokens.ts'

/** Nothing that begins a value stands here. */
export function noValue(cursor: Cursor): ParseFailure {
  const { operator } = cursor
  const what = 'a value: an attribute, a string in quotes, a number, TRUE or FALSE, a function or "("'
  if (operator === '+') return cursor.expected(what, 'a + stands between two values, or directly before a number')
  return cursor.expected(what, reserved.has(operator) ? `${operator} stands behind a value` : null)
}

/** A value ended, and what could go on with it or close its parenthesis is not here. */
export function notClosed(cursor: Cursor, open: Token, close = '")"'): ParseFailure {
  return cursor.expected(`an operator, or ${close} to close the "(" at ${cursor.placeOf(open)}`, hint(cursor))
}

/** A whole expression ended, and something stands behind it. */
export function notTheEnd(cursor: Cursor): ParseFailure {
  if (cursor.operator === ')') return cursor.failure('this ")" closes nothing: there is no "(" before it')
  return cursor.expected('an operator (AND, OR, =, !=, LIKE, IN …) or the end', hint(cursor))
}

function hint({ token, operator, first }: Cursor): string | null {
  if (/^(select|where|if)$/i.test(first.text)) return `an expression is the condition alone, without ${first.text}`
  if (token.kind === 'string') return String.raw`a quote inside of a string is written \' or \"`
  if (operator === '(') return 'only the name of a function has arguments'
  return token.kind === 'word' ? operatorSlip(token.text) : null
}
