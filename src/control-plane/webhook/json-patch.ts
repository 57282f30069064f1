import { isDeepStrictEqual } from 'node:util'
import { isMap, type JsonObject } from '../../api/json.ts'

/** RFC 6902, the operations that we use. */
export type PatchOperation =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string }

/** The shortest way from one JSON object to another, map by map; a list that differs is replaced as a whole. Nothing differs: empty. */
export function jsonPatch(from: JsonObject, to: JsonObject, at = ''): PatchOperation[] {
  const gone = Object.keys(from).filter((key) => !Object.hasOwn(to, key))
  const removals = gone.map((key) => ({ op: 'remove', path: `${at}/${token(key)}` }) as const)
  const changes = Object.entries(to).flatMap(([key, value]) => {
    const path = `${at}/${token(key)}`
    if (!Object.hasOwn(from, key)) return [{ op: 'add', path, value } as const]
    const before = from[key]
    if (isMap(before) && isMap(value)) return jsonPatch(before, value, path)
    return isDeepStrictEqual(before, value) ? [] : [{ op: 'replace', path, value } as const]
  })
  return [...removals, ...changes]
}

function token(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1')
}
