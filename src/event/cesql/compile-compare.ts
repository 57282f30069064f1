import { never } from '../../core/never.ts'
import { toBoolean, toInteger, toText } from './cast.ts'
import type { CesqlValue } from './expression.ts'
import { errorOf, fail, type Run, type Scope } from './scope.ts'
import type { CompareOperator, Node } from './syntax.ts'

type Compare = Extract<Node, { kind: 'compare' }>

/** Comparisons. In error, all of them are false, `!=` too. */
export function compileCompare({ operator, left, right }: Compare, compile: (node: Node) => Run): Run {
  if (operator !== '=' && operator !== '!=') return order(operator, compile(left), compile(right))
  if (left.kind === 'attribute' && right.kind === 'literal' && typeof right.value === 'string') {
    return attributeIs(left.name, right.value, operator === '=')
  }
  return equality(compile(left), compile(right), operator === '=')
}

/** The most frequent condition of all, in one step: a literal on the right is a string, so the attribute is compared as one. */
function attributeIs(name: string, wanted: string, equal: boolean): Run {
  const missing = errorOf('missingAttribute', `the event has no attribute ${name}`)
  return (scope) => {
    const value = scope.attributes.get(name)
    if (value === undefined) return fail(scope, missing, false)
    return (toText(value) === wanted) === equal
  }
}

/** The type of the right operand says what the left one is cast to (§3.7). */
function equality(left: Run, right: Run, equal: boolean): Run {
  return (scope) => {
    const x = left(scope)
    if (scope.error !== null) return false
    const y = right(scope)
    if (scope.error !== null) return false
    const same = castLike(y, x, scope) === y
    return scope.error === null && same === equal
  }
}

/** The value, cast to the type of the model. */
export function castLike(model: CesqlValue, value: CesqlValue, scope: Scope): CesqlValue {
  if (typeof model === typeof value) return value
  if (typeof model === 'string') return toText(value)
  return typeof model === 'number' ? toInteger(value, scope) : toBoolean(value, scope)
}

function order(operator: Exclude<CompareOperator, '=' | '!='>, left: Run, right: Run): Run {
  return (scope) => {
    const x = left(scope)
    if (scope.error !== null) return false
    const y = right(scope)
    if (scope.error !== null) return false
    const a = toInteger(x, scope)
    if (scope.error !== null) return false
    const b = toInteger(y, scope)
    return scope.error === null && holds(operator, a, b)
  }
}

function holds(operator: Exclude<CompareOperator, '=' | '!='>, a: number, b: number): boolean {
  switch (operator) {
    case '<':
      return a < b
    case '<=':
      return a <= b
    case '>':
      return a > b
    case '>=':
      return a >= b
    default:
      return never(operator)
  }
}
