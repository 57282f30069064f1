/** A map as JSON or YAML brings it: of nothing in it is known what it is. */
export type JsonObject = Readonly<Record<string, unknown>>

export function isMap(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value at `path`; undefined when there is none. */
export function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value: unknown = root
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = (value as Record<PropertyKey, unknown>)[part]
  }
  return value
}

/** Maps whose null is a mistake of the user rather than "not set". */
const keepsNull: ReadonlySet<string> = new Set(['attributes', 'exact', 'prefix', 'suffix'])

/** Nothing of ours stands deeper: what does is for validation to refuse, which does not follow it down, as nobody's stack is endless. */
const deepest = 200

/** A field without a value is not set. */
export function withoutNulls(value: unknown, levels = deepest): unknown {
  if (levels === 0) return value
  if (Array.isArray(value)) return value.map((item) => withoutNulls(item, levels - 1))
  if (!isMap(value)) return value
  const kept = Object.entries(value).filter(([, field]) => field !== null && field !== undefined)
  return Object.fromEntries(
    kept.map(([name, field]) => [name, keepsNull.has(name) ? field : withoutNulls(field, levels - 1)]),
  )
}
