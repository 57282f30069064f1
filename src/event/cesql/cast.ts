import type { CesqlValue } from './expression.ts'
import { quoted } from './quoted.ts'
import { errorOf, fail, type Scope } from './scope.ts'

/** Casts of §3.7: what cannot be cast is an error of class `cast`, and the zero value. */
export function toBoolean(value: CesqlValue, scope: Scope): boolean {
  if (typeof value === 'boolean') return value
  if (typeof value === 'number') return value !== 0
  const parsed = readBoolean(value)
  return parsed ?? fail(scope, errorOf('cast', `${quoted(value)} is no Boolean: true or false, in any case`), false)
}

export function toInteger(value: CesqlValue, scope: Scope): number {
  if (typeof value === 'number') return value
  if (typeof value === 'boolean') return value ? 1 : 0
  const parsed = readInteger(value)
  return (
    parsed ??
    fail(
      scope,
      errorOf('cast', `${quoted(value)} is no Integer: a whole number from ${minInteger} to ${maxInteger}`),
      0,
    )
  )
}

/** Never fails: each value has a string form. */
export const toText = (value: CesqlValue): string => (typeof value === 'string' ? value : String(value))

/** @returns null when the text is neither true nor false, in any case. */
export function readBoolean(text: string): boolean | null {
  if (text === 'true') return true
  if (text === 'false') return false
  if (text.length !== 4 && text.length !== 5) return null
  const lower = text.toLowerCase()
  if (lower === 'true') return true
  return lower === 'false' ? false : null
}

export const minInteger = -2_147_483_648
export const maxInteger = 2_147_483_647
const integer = /^[+-]?[0-9]+$/

/** @returns null when the text is no whole number in base 10, perhaps with a sign, that fits into 32 bits. */
export function readInteger(text: string): number | null {
  if (!integer.test(text)) return null
  const value = Number(text)
  return value >= minInteger && value <= maxInteger ? value | 0 : null
}
