import type { CesqlValue } from '../../event/cesql/expression.ts'

/** Members of an event in JSON that are no attributes (CloudEvents JSON format 1.0.2 §3.1). */
const payload: ReadonlySet<string> = new Set(['data', 'data_base64'])

/**
 * The attributes of an event in the JSON format, with their types: JSON's booleans and whole numbers of 32 bits are Boolean and Integer, all else
 * is a String (CESQL §3.2). A member that is null is not there (§2.2 of the format). @returns a sentence when it is no event.
 */
export function attributesOf(event: object): ReadonlyMap<string, CesqlValue> | string {
  const attributes = new Map<string, CesqlValue>()
  for (const [name, value] of Object.entries(event) as [string, unknown][]) {
    if (payload.has(name) || value === null) continue
    if (!/^[a-z0-9]+$/.test(name)) {
      return `${JSON.stringify(name)} is no name of an attribute: those have lower-case letters and digits only`
    }
    const typed = valueOf(value)
    if (typed === null) return `attribute ${name} is ${kindOf(value)}: it must be a string, a boolean or a whole number`
    attributes.set(name, typed)
  }
  return attributes
}

function valueOf(value: unknown): CesqlValue | null {
  if (typeof value === 'boolean' || typeof value === 'string') return value
  if (typeof value === 'number') return (value | 0) === value ? value | 0 : String(value)
  return null
}

/** What a value is, for people. */
export function kindOf(value: unknown): string {
  if (value === undefined) return 'missing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
