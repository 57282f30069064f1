import type { z } from 'zod'
import { didYouMean } from '../core/edit-distance.ts'
import { attributeName, attributeNameAdvice, mostAttributes } from './attribute-name.ts'
import { cesqlCondition } from './cesql-condition.ts'

/** The dialects, in the order in which messages name them. */
export const dialects = ['exact', 'prefix', 'suffix', 'all', 'any', 'not', 'cesql'] as const
type Dialect = (typeof dialects)[number] | 'attributes'

/** How deep `all`, `any` and `not` may stand in each other: whatever works on filters goes down level by level. */
export const deepest = 32
/** Items of `filters`. */
export const mostFilters = 64
/** Names that one map has wrong and that are told. */
const mostNames = 10
/** Filters and asked attributes of a whole tree. */
export const mostConditions = 1024

type Issue = z.core.$ZodRawIssue
type Path = readonly PropertyKey[]

/**
 * Says all that is wrong with a tree of filters that may come from anybody. By hand and not by a schema that contains itself: so a tree of any
 * depth costs a bounded stack, and messages are those of a person who sees the whole filter.
 */
export class FilterCheck {
  readonly issues: Issue[] = []
  readonly #legacy: boolean
  #conditions = 0

  /** @param legacy whether `attributes` is a dialect. */
  constructor({ legacy }: { readonly legacy: boolean }) {
    this.#legacy = legacy
  }

  /** Whether it is one filter. */
  filter(value: unknown, path: Path = [], level = 0): boolean {
    if (!this.#isBounded(path, level)) return false
    if (!isMap(value)) return this.#wrongType('object', value, path)
    const names = Object.keys(value)
    const unknown = names.filter((name) => !this.#isDialect(name))
    for (const name of unknown.slice(0, mostNames))
      this.#wrong([...path, name], unknownDialect(name, value[name], this.#legacy), 'key')
    if (unknown.length > 0) return false
    const [name, second] = names as Dialect[]
    if (name === undefined) return this.#wrong(path, noDialect)
    if (second !== undefined) return this.#wrong(path, twoDialects(name, second))
    return this.#dialect(name, value[name], [...path, name], level)
  }

  /** Whether these are filters that together are one `all`, which counts as a filter: or what is allowed here would be too much there. */
  list(values: readonly unknown[]): boolean {
    this.#conditions++
    if (values.length > mostFilters) {
      return this.#wrong([], `may have ${mostFilters} filters: put more below all or any of one of them`)
    }
    return this.#each(values, [], 1)
  }

  #dialect(name: Dialect, value: unknown, path: Path, level: number): boolean {
    if (name === 'not') return this.filter(value, path, level + 1)
    if (name === 'cesql') return this.#expression(value, path)
    if (name !== 'all' && name !== 'any') return this.#attributes(name, value, path)
    if (!Array.isArray(value)) return this.#wrongType('array', value, path)
    if (value.length === 0) return this.#wrong(path, `is empty: below ${name} there must be at least one filter`)
    return this.#each(value, path, level + 1)
  }

  #each(values: readonly unknown[], path: Path, level: number): boolean {
    let right = true
    for (const [i, value] of values.entries()) {
      if (this.#conditions > mostConditions) return false
      right = this.filter(value, [...path, i], level) && right
    }
    return right
  }

  #attributes(dialect: Dialect, value: unknown, path: Path): boolean {
    if (!isMap(value)) return this.#wrongType('record', value, path)
    const entries = Object.entries(value)
    if (entries.length > mostAttributes) return this.#wrong(path, `may have ${mostAttributes} attributes`)
    if (!this.#counts(entries.length, path)) return false
    const mayBeEmpty = dialect === 'attributes'
    if (entries.length === 0 && !mayBeEmpty) {
      return this.#wrong(path, 'is empty: name an attribute and its value, indented below it, e.g. type: a.b.c')
    }
    const named = entries.map(([name]) => this.#name([...path, name], name))
    const valued = entries.map(([name, text]) => this.#value([...path, name], name, text, mayBeEmpty))
    return [...named, ...valued].every(Boolean)
  }

  #name(path: Path, name: string): boolean {
    return attributeName.test(name) || this.#wrong(path, `${quote(name)} ${attributeNameAdvice}`, 'key')
  }

  #value(path: Path, name: string, text: unknown, mayBeEmpty: boolean): boolean {
    if (text === null) return this.#wrong(path, 'has no value; write the text to compare with')
    if (typeof text !== 'string') return this.#wrongType('string', text, path)
    return text !== '' || mayBeEmpty || this.#wrong(path, emptyValue(name))
  }

  #expression(value: unknown, path: Path): boolean {
    if (typeof value !== 'string') return this.#wrongType('string', value, path)
    if (value.trim() === '') return this.#wrong(path, "must not be empty; write an expression, e.g. type = 'a.b.c'")
    const condition = cesqlCondition(value)
    return typeof condition !== 'string' || this.#wrong(path, condition)
  }

  #isBounded(path: Path, level: number): boolean {
    if (level <= deepest) return this.#counts(1, path)
    return this.#wrong(path, `is nested too deeply: ${deepest} levels of all, any and not are allowed`)
  }

  /** Whether there may be so many more; who asks after that gets no second message. */
  #counts(more: number, path: Path): boolean {
    const before = this.#conditions
    this.#conditions += more
    if (this.#conditions <= mostConditions) return true
    if (before > mostConditions) return false
    return this.#wrong(path, `is too much: ${mostConditions} filters and attributes together are allowed`)
  }

  #isDialect(name: string): boolean {
    return dialects.some((dialect) => dialect === name) || (this.#legacy && name === 'attributes')
  }

  /** @param of what to point at: the name or the value. */
  #wrong(path: Path, message: string, of: 'key' | 'value' = 'value'): false {
    this.issues.push({ code: 'custom', path: [...path], message, input: undefined, params: { of } })
    return false
  }

  #wrongType(expected: 'object' | 'record' | 'array' | 'string', input: unknown, path: Path): false {
    this.issues.push({ code: 'invalid_type', expected, input, path: [...path] })
    return false
  }
}

const noDialect = `has no dialect: write one of ${dialects.join(', ')}, e.g. exact: { type: a.b.c }`

function twoDialects(first: string, second: string): string {
  const advice = 'begin each with "- ", in filters or below all or any'
  return `has two dialects, ${first} and ${second}, and each needs an item of its own: ${advice}`
}

function emptyValue(name: string): string {
  const advice = attributeName.test(name) ? `; to ask that the attribute is there, write cesql: EXISTS ${name}` : ''
  return `must not be empty${advice}`
}

function unknownDialect(name: string, value: unknown, legacy: boolean): string {
  const quoted = quote(name)
  if (name === 'attributes' && !legacy) {
    return 'attributes belongs below spec.filter; among filters write exact, and the same map below it'
  }
  // That is its name in the CloudEvents Subscriptions API.
  const meant = name.toLowerCase() === 'sql' ? 'cesql' : didYouMean(name, dialects)
  if (meant !== null) return `there is no filter dialect ${quoted}; did you mean ${meant}?`
  if (attributeName.test(name) && typeof value === 'string') {
    const example = `exact: { ${name}: ${quote(value)} }`
    return `there is no filter dialect ${quoted}; an attribute stands below a dialect, e.g. ${example}`
  }
  return `there is no filter dialect ${quoted}; there are ${dialects.join(', ')}`
}

/** Text of a stranger inside our sentence. */
function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
