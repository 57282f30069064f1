import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { JsonObject } from '../../api/json.ts'
import { jsonPatch, type PatchOperation } from './json-patch.ts'

/** RFC 6902 as the API server reads it, for maps. */
function apply(object: JsonObject, operations: readonly PatchOperation[]): unknown {
  const root = structuredClone(object) as Record<string, unknown>
  for (const operation of operations) {
    const keys = operation.path
      .slice(1)
      .split('/')
      .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
    const last = keys.pop() as string
    const parent = keys.reduce<Record<string, unknown>>((at, key) => at[key] as Record<string, unknown>, root)
    if (operation.op !== 'add') expect(Object.keys(parent)).toContain(last)
    if (operation.op === 'remove') delete parent[last]
    else parent[last] = operation.value
  }
  return root
}

describe('the patch between two objects', () => {
  const name = fc.constantFrom('a', 'b', 'knative.dev/x', '~0', 'a~b/c', '')
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom(0, 1, 'x', null, true),
      fc.array(tie('any'), { maxLength: 2 }),
      tie('map'),
    ),
    map: fc.dictionary(name, tie('any'), { maxKeys: 4, noNullPrototype: true }),
  }))

  test('leads from one to the other', () => {
    fc.assert(
      fc.property(value.map, value.map, (from, to) => {
        expect(apply(from as JsonObject, jsonPatch(from as JsonObject, to as JsonObject))).toEqual(to)
      }),
    )
  })

  test('is empty when nothing differs', () => {
    fc.assert(
      fc.property(value.map, (object) => {
        expect(jsonPatch(object as JsonObject, structuredClone(object) as JsonObject)).toEqual([])
      }),
    )
  })

  test('touches only what differs', () => {
    const before = { metadata: { name: 'x', annotations: { 'a/b': '1' } }, spec: { list: [1, 2] } }
    const after = { metadata: { name: 'x', annotations: { 'a/b': '2' } }, spec: { list: [1, 2] } }
    expect(jsonPatch(before, after)).toEqual([{ op: 'replace', path: '/metadata/annotations/a~1b', value: '2' }])
  })
})
