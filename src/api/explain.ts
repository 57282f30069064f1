import { z } from 'zod'
import { didYouMean } from '../core/edit-distance.ts'
import { dialects } from '../event/filter-check.ts'
import { valueAt } from './json.ts'
import { notYet } from './not-yet.ts'
import { pathName } from './problem.ts'
import type { Path, YamlObject } from './yaml-text.ts'

/** What is wrong with one field, for a newcomer. */
export interface Explained {
  readonly path: Path
  /** Which part of the text to point at. */
  readonly of: 'key' | 'value'
  readonly message: string
}

type Issue = z.core.$ZodIssue

/** Turns what a schema found into sentences that name the fix. One issue may be several: each unknown field is one. */
export function explain(issue: Issue, schema: z.ZodType, object: Pick<YamlObject, 'value' | 'source'>): Explained[] {
  const { path } = issue
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownField([...path, key], schema))
  if (issue.code === 'invalid_key') {
    const why = issue.issues[0]?.message ?? 'is not a valid name'
    return [{ path, of: 'key', message: `${JSON.stringify(path.at(-1))} ${why}` }]
  }
  const of = issue.code === 'custom' && issue.params?.['of'] === 'key' ? 'key' : 'value'
  return [{ path, of, message: fieldMessage(issue, schema, object) }]
}

function unknownField(path: Path, schema: z.ZodType): Explained {
  const key = String(path.at(-1))
  const later = notYet(path)
  if (later !== null) return { path, of: 'key', message: later }
  const known = fieldsAt(schema, path.slice(0, -1))
  const meant = didYouMean(key, known)
  const hint =
    meant === null
      ? (elsewhere(schema, path.slice(0, -1), key) ?? `known here: ${known.join(', ')}`)
      : `did you mean ${meant}?`
  return { path, of: 'key', message: `there is no such field; ${hint}` }
}

const homes: readonly Path[] = [
  ['spec', 'subscriber', 'ref'],
  ['spec', 'delivery'],
  ['spec', 'filter'],
  ['spec', 'subscriber'],
  ['spec', 'subject'],
  ['spec', 'sink'],
  ['spec', 'sink', 'ref'],
  ['spec'],
  ['metadata'],
  [],
]

/** A field at the wrong depth is the usual slip of indentation. */
function elsewhere(schema: z.ZodType, parent: Path, key: string): string | null {
  const isDialect = dialects.some((dialect) => dialect === key)
  if (isDialect && parent[0] === 'spec') return `it belongs into spec.filters, as an item: "- ${key}: …"`
  if (pathName(parent) === 'spec.filter') return 'attributes of events belong below spec.filter.attributes'
  const below = homes.filter((home) => home.length > parent.length && parent.every((part, i) => part === home[i]))
  const home = [...below, ...homes].find((path) => fieldsAt(schema, path).includes(key))
  if (home === undefined) return null
  return home.length === 0 ? 'it belongs at the top' : `it belongs into ${pathName(home)}`
}

function fieldMessage(issue: Issue, schema: z.ZodType, object: Pick<YamlObject, 'value' | 'source'>): string {
  const value = valueAt(object.value, issue.path)
  if (issue.code === 'invalid_type') return typeMessage(issue.expected, value, issue.path, schema, object)
  if (issue.code === 'invalid_value') return choiceMessage(issue.values, value)
  if (issue.code === 'too_small') {
    if (issue.origin === 'array') return `must not be empty${described(schemaAt(schema, issue.path))}`
    return issue.origin === 'string' ? 'must not be empty' : `must be ${String(issue.minimum)} or more`
  }
  if (issue.code === 'too_big') {
    if (issue.origin === 'array') return `may have ${String(issue.maximum)} items`
    return issue.origin === 'string'
      ? `is too long: ${String(issue.maximum)} characters are allowed`
      : `must be ${String(issue.maximum)} or less`
  }
  // The rest are rules of our own schemas, which bring their sentence.
  return issue.message
}

function described(schema: z.ZodType | null): string {
  return schema?.description === undefined ? '' : `: ${schema.description}`
}

const nouns: Readonly<Record<string, string>> = {
  string: 'text',
  int: 'a whole number',
  number: 'a number',
  array: 'a list (each item begins with "- ")',
  object: 'a map (fields below it, indented)',
  record: 'a map (names and values below it, indented)',
}

function typeMessage(
  expected: string,
  value: unknown,
  path: Path,
  schema: z.ZodType,
  object: Pick<YamlObject, 'source'>,
): string {
  const wanted = nouns[expected] ?? expected
  const text = object.source(path)
  if (value === undefined) {
    return `is missing${described(schemaAt(schema, path))}`
  }
  if (expected === 'string' && value === null) return `has no value; it must be text, and '' stands for empty text`
  if (expected === 'string' && typeof value !== 'object') {
    const quoted = text ?? JSON.stringify(value)
    // Quoting is no help when the text would be refused as well: a bare number as a duration.
    const refused = schemaAt(schema, path)?.safeParse(quoted).error?.issues[0]?.message
    return refused ?? `must be text: quote it, ${JSON.stringify(quoted)}`
  }
  if ((expected === 'int' || expected === 'number') && typeof value === 'string' && /^-?\d+$/.test(value)) {
    return `must be ${wanted}: write ${value} without quotes`
  }
  const hint = expected === 'object' ? described(schemaAt(schema, path)) : ''
  return `must be ${wanted}, not ${describe(value)}${hint}`
}

function choiceMessage(values: readonly unknown[], value: unknown): string {
  const choices = values.map(String)
  const meant = typeof value === 'string' ? didYouMean(value, choices) : null
  return `must be ${choices.join(' or ')}, not ${describe(value)}${meant === null ? '' : `; did you mean ${meant}?`}`
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a map'
  const text = JSON.stringify(value) ?? typeof value
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}

function fieldsAt(schema: z.ZodType, path: Path): string[] {
  const at = schemaAt(schema, path)
  const bare = at === null ? null : unwrap(at)
  return bare instanceof z.ZodObject ? Object.keys(bare.shape) : []
}

/** The schema of the field at `path`, with its description. */
function schemaAt(schema: z.ZodType, path: Path): z.ZodType | null {
  let at: z.ZodType | undefined = schema
  for (const part of path) {
    const bare: z.ZodType = unwrap(at)
    if (bare instanceof z.ZodObject) at = (bare.shape as Record<string, z.ZodType>)[String(part)]
    else if (bare instanceof z.ZodArray) at = bare.element as z.ZodType
    else if (bare instanceof z.ZodRecord) at = bare.valueType as z.ZodType
    else return null
    if (at === undefined) return null
  }
  return at
}

function unwrap(schema: z.ZodType): z.ZodType {
  return schema instanceof z.ZodOptional ? unwrap(schema.unwrap() as z.ZodType) : schema
}
