import { z } from 'zod'

/** A node of a structural OpenAPI v3 schema, as a CustomResourceDefinition has it. */
export type StructuralSchema = {
  readonly type?: string
  readonly description?: string
  readonly properties?: Readonly<Record<string, StructuralSchema>>
  readonly items?: StructuralSchema
  readonly additionalProperties?: StructuralSchema
  readonly required?: readonly string[]
  readonly [keyword: string]: unknown
}

/** A CEL rule that the API server checks; `message` says the fix. With `oldSelf` it is checked on updates only. */
export interface Rule {
  readonly rule: string
  readonly message: string
  /** Below the node that has the rule, e.g. `.uri`: what the message points at. */
  readonly fieldPath?: string
}

/** What a schema says to a CustomResourceDefinition and zod has no word for. */
interface Hints {
  readonly rules?: readonly Rule[]
  /** Bounds, far above what anybody writes: the API server refuses rules whose cost it cannot bound. */
  readonly maxProperties?: number
  readonly minProperties?: number
  readonly maxItems?: number
  /** Merging by key instead of as a whole, in server-side apply. */
  readonly listKeys?: readonly string[]
  /**
   * Fields that are refused by name until they are served (`api/not-yet.ts`). They stand in the definition so that the API server does not
   * drop them without a word before anybody could refuse them.
   */
  readonly later?: Readonly<Record<string, StructuralSchema>>
  /** In place of what the schema itself says: for values that contain values of their own kind, which no structural schema can say. */
  readonly as?: StructuralSchema
}

const key = 'millrace'

/** For `.meta()`: hints to {@link structural}. */
export function crd(hints: Hints): Record<string, unknown> {
  return { [key]: hints }
}

/**
 * The structural schema of a zod schema: what it takes as input. Strict objects become plain ones, since the API server itself drops or
 * refuses unknown fields; loose ones keep what they do not know. @throws Error for what is not structural: unions, tuples, recursion.
 */
export function structural(schema: z.ZodType): StructuralSchema {
  const json = z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    io: 'input',
    reused: 'inline',
    cycles: 'throw',
    unrepresentable: 'throw',
  })
  return node(json, '')
}

type Json = { readonly [keyword: string]: unknown }

/** Keywords that a structural schema may not have, or that would stand for a construct that it cannot say. */
const notStructural = ['oneOf', 'anyOf', 'allOf', 'not', 'const', '$ref', 'patternProperties', 'prefixItems']

function node(
  { [key]: hints, properties, items, additionalProperties, required, ...rest }: Json,
  at: string,
): StructuralSchema {
  const { description } = rest
  const { as, later = {}, rules, listKeys, ...bounds } = (hints ?? {}) as Hints
  if (as !== undefined) return typeof description === 'string' ? { ...as, description } : as
  const foreign = notStructural.find((keyword) => keyword in rest)
  if (foreign !== undefined) throw new Error(`${at || '.'}: ${foreign} is not structural`)
  const fields = Object.entries((properties ?? {}) as Record<string, Json>)
  const served = fields.map(([name, field]): [string, StructuralSchema] => [name, node(field, `${at}.${name}`)])
  const known = [...served, ...Object.entries(later)]
  return {
    ...rest,
    ...(Array.isArray(required) && required.length > 0 ? { required } : {}),
    ...(known.length === 0 ? {} : { properties: Object.fromEntries(known) }),
    ...unknownFields(additionalProperties as Json | boolean | undefined, at),
    ...(items === undefined ? {} : { items: node(items as Json, `${at}[]`) }),
    ...bounds,
    ...(listKeys === undefined ? {} : { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': listKeys }),
    ...(rules === undefined ? {} : { 'x-kubernetes-validations': rules }),
  }
}

function unknownFields(schema: Json | boolean | undefined, at: string): Json {
  if (schema === undefined || schema === false) return {}
  if (schema === true || Object.keys(schema).length === 0) return { 'x-kubernetes-preserve-unknown-fields': true }
  return { additionalProperties: node(schema, `${at}.*`) }
}
