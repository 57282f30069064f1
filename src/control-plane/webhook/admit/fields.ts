import { isMap, valueAt, type JsonObject } from '../../../api/json.ts'
import { held, isHeld, type HeldKind } from '../../finalizers.ts'

/** The object with `value` at `path`; maps on the way are made. Where something else than a map stands in the way it stays as it is. */
export function withField(object: JsonObject, path: readonly string[], value: unknown): JsonObject {
  const [key, ...rest] = path
  if (key === undefined) return object
  if (rest.length === 0) return { ...object, [key]: value }
  const below = object[key] ?? {}
  return isMap(below) ? { ...object, [key]: withField(below, rest, value) } : object
}

/** The object with a label or annotation; undefined: without it. Equal objects stay equal: no empty map is left or made. */
export function withMark(
  object: JsonObject,
  marks: 'labels' | 'annotations',
  name: string,
  value: string | undefined,
): JsonObject {
  const before = valueAt(object, ['metadata', marks, name])
  if (before === value) return object
  if (value !== undefined) return withField(object, ['metadata', marks, name], value)
  const { [name]: _, ...others } = valueAt(object, ['metadata', marks]) as JsonObject
  return withField(object, ['metadata', marks], others)
}

/** An annotation; undefined when there is none, or it is empty. */
export function annotationOf(object: JsonObject | null, name: string): string | undefined {
  const value = valueAt(object, ['metadata', 'annotations', name])
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** The object with a finalizer, at the end of those that it has. */
export function withFinalizer(object: JsonObject, kind: HeldKind): JsonObject {
  const before = valueAt(object, ['metadata', 'finalizers'])
  const present = Array.isArray(before) ? (before as string[]) : []
  return isHeld(kind, present) ? object : withField(object, ['metadata', 'finalizers'], held(kind, present))
}

/** References without a namespace (`ref` of a Destination at each path) get that of the object which refers. */
export function withRefNamespaces(
  object: JsonObject,
  namespace: string,
  destinations: readonly (readonly string[])[],
): JsonObject {
  return destinations.reduce((changed, path) => {
    const ref = valueAt(changed, [...path, 'ref'])
    const missing = isMap(ref) && (ref['namespace'] ?? '') === ''
    return missing ? withField(changed, [...path, 'ref', 'namespace'], namespace) : changed
  }, object)
}
