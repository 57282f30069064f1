import { never } from '../core/never.ts'
import { cesqlCondition } from './cesql-condition.ts'
import type { CesqlExpression } from './cesql/expression.ts'
import { keysOf, type Expressions, type FilterKeys, type Lookup } from './filter-keys.ts'
import type { AttributeMap, FilterSpec } from './filter-spec.ts'

/** A filter prepared for the hot path: made when a route changes, only called per event. */
export interface CompiledFilter extends FilterKeys {
  matches(attributes: ReadonlyMap<string, string>): boolean
}

/** Compiles a filter. One with an expression that cannot be parsed, which no schema lets through, passes nothing, whatever stands around it. */
export function compileFilter(spec: FilterSpec): CompiledFilter {
  const expressions = parseOnce()
  const builder = new Builder(expressions)
  const start = builder.add(spec, PASS, FAIL)
  if (start === null) return new Program([], FAIL, { lookup: null, complete: false })
  return new Program(builder.conditions, start, keysOf(spec, expressions))
}

function parseOnce(): Expressions {
  const known = new Map<string, CesqlExpression | null>()
  return (text) => {
    const before = known.get(text)
    if (before !== undefined) return before
    const condition = cesqlCondition(text)
    const expression = typeof condition === 'string' ? null : condition
    known.set(text, expression)
    return expression
  }
}

/** Where a program goes on that has ended. */
const PASS = -1
const FAIL = -2

/** One shape for all tests: `text` is of those that compare, `expression` of the last. */
interface Condition {
  readonly test: 'exact' | 'prefix' | 'suffix' | 'present' | 'cesql'
  readonly attribute: string
  readonly text: string
  readonly expression: CesqlExpression | null
  /** Number of the condition to go on with when it holds, or PASS or FAIL; below, when it does not. */
  readonly onTrue: number
  readonly onFalse: number
}

/**
 * A filter as a list of conditions, each of which says where to go on: no recursion, no allocation, and one shape for all filters, so that the
 * call stays monomorphic. `any: [a, not: b]`:
 *
 *     ──► a ── holds ────────────────────────► PASS
 *         └─ does not ──► b ── does not ─────► PASS
 *                         └─ holds ──────────► FAIL
 */
class Program implements CompiledFilter {
  readonly lookup: Lookup | null
  readonly complete: boolean
  readonly #conditions: readonly Condition[]
  readonly #start: number

  constructor(conditions: readonly Condition[], start: number, { lookup, complete }: FilterKeys) {
    this.#conditions = conditions
    this.#start = start
    this.lookup = lookup
    this.complete = complete
  }

  matches(attributes: ReadonlyMap<string, string>): boolean {
    let at = this.#start
    while (at >= 0) {
      const condition = this.#conditions[at] as Condition
      at = holds(condition, attributes) ? condition.onTrue : condition.onFalse
    }
    return at === PASS
  }
}

function holds({ test, attribute, text, expression }: Condition, attributes: ReadonlyMap<string, string>): boolean {
  if (expression !== null) return expression.passes(attributes)
  const value = attributes.get(attribute)
  if (value === undefined) return false
  if (test === 'exact') return value === text
  if (test === 'prefix') return value.startsWith(text)
  if (test === 'suffix') return value.endsWith(text)
  return value !== ''
}

/** Makes the conditions of a filter, its last ones first, since each must know where to go on. */
class Builder {
  readonly conditions: Condition[] = []
  readonly #expressions: Expressions

  constructor(expressions: Expressions) {
    this.#expressions = expressions
  }

  /** @returns where the filter begins; null: an expression cannot be parsed. */
  add(spec: FilterSpec, pass: number, fail: number): number | null {
    if ('attributes' in spec) return this.#entries(spec.attributes, 'exact', pass, fail)
    if ('exact' in spec) return this.#entries(spec.exact, 'exact', pass, fail)
    if ('prefix' in spec) return this.#entries(spec.prefix, 'prefix', pass, fail)
    if ('suffix' in spec) return this.#entries(spec.suffix, 'suffix', pass, fail)
    if ('not' in spec) return this.add(spec.not, fail, pass)
    if ('all' in spec) return chain(spec.all, pass, (member, next) => this.add(member, next, fail))
    if ('any' in spec) return chain(spec.any, fail, (member, next) => this.add(member, pass, next))
    if ('cesql' in spec) return this.#expression(spec.cesql, pass, fail)
    return never(spec)
  }

  /** '' is a text of `attributes` only, where it asks for presence. */
  #entries(map: AttributeMap, test: 'exact' | 'prefix' | 'suffix', pass: number, fail: number): number {
    return Object.entries(map).reduceRight((onTrue, [attribute, text]) => {
      const asked = text === '' ? 'present' : test
      return this.conditions.push({ test: asked, attribute, text, expression: null, onTrue, onFalse: fail }) - 1
    }, pass)
  }

  #expression(text: string, pass: number, fail: number): number | null {
    const expression = this.#expressions(text)
    if (expression === null) return null
    return this.conditions.push({ test: 'cesql', attribute: '', text, expression, onTrue: pass, onFalse: fail }) - 1
  }
}

/** Members one after the other, those with an expression last: they cost most. @param end where the last of them goes on. */
function chain(
  members: readonly FilterSpec[],
  end: number,
  add: (member: FilterSpec, next: number) => number | null,
): number | null {
  const ordered = [...members.filter(hasNoExpression), ...members.filter((member) => !hasNoExpression(member))]
  return ordered.reduceRight<number | null>((next, member) => (next === null ? null : add(member, next)), end)
}

function hasNoExpression(spec: FilterSpec): boolean {
  if ('cesql' in spec) return false
  if ('not' in spec) return hasNoExpression(spec.not)
  if ('all' in spec) return spec.all.every(hasNoExpression)
  return !('any' in spec) || spec.any.every(hasNoExpression)
}
