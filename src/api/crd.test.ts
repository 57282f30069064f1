import { describe, expect, it } from 'vitest'
import { brokerDefinition, triggerDefinition } from './crd.ts'
import type { StructuralSchema } from './meta/structural.ts'
import { notYet } from './not-yet.ts'

interface Definition {
  readonly spec: {
    readonly versions: readonly {
      readonly name: string
      readonly schema: { readonly openAPIV3Schema: StructuralSchema }
    }[]
  }
}

const definitions = [brokerDefinition(), triggerDefinition()] as unknown as readonly Definition[]

describe('fields that a definition calls "Not yet"', () => {
  const later = definitions.flatMap(({ spec }) =>
    spec.versions.flatMap(({ schema }) => laterPaths(schema.openAPIV3Schema)),
  )
  const paths = new Map(later.map((path) => [path.join('.'), path]))

  it('are some', () => {
    expect([...paths.keys()]).toEqual(
      expect.arrayContaining(['spec.brokerRef', 'spec.delivery.deadLetterSink.CACerts']),
    )
  })

  it.each([...paths])('%s is refused by name', (_, path) => {
    expect(notYet(path)).toMatch(/^not yet: /)
  })
})

it('required fields, rules and defaults stand in every version', () => {
  for (const { spec } of definitions) {
    const [v1, ...old] = spec.versions.map(({ schema }) => strictness(schema.openAPIV3Schema))
    for (const version of old) expect(version).toEqual(expect.arrayContaining(v1 ?? []))
  }
})

/** The outermost of them only: what is below is refused with them. */
function laterPaths(node: StructuralSchema, path: readonly string[] = []): string[][] {
  return Object.entries(node.properties ?? {}).flatMap(([name, field]) =>
    field.description?.startsWith('Not yet: ') === true ? [[...path, name]] : laterPaths(field, [...path, name]),
  )
}

function strictness(node: StructuralSchema, path = ''): string[] {
  const own = ['required', 'x-kubernetes-validations', 'default', 'enum', 'minimum', 'minLength', 'maxLength']
    .filter((keyword) => keyword in node)
    .map((keyword) => `${path} ${keyword} ${JSON.stringify(node[keyword])}`)
  return [
    ...own,
    ...Object.entries(node.properties ?? {}).flatMap(([name, field]) => strictness(field, `${path}.${name}`)),
  ]
}
