import { never } from '../../core/never.ts'
import { toBoolean, toText } from './cast.ts'
import { compileArithmetic, compileNegate } from './compile-arithmetic.ts'
import { compileCall } from './compile-call.ts'
import { compileCompare } from './compile-compare.ts'
import { compileIn } from './compile-in.ts'
import { compileLogic } from './compile-logic.ts'
import { compilePattern, readPattern } from './like.ts'
import { errorOf, fail, type Run } from './scope.ts'
import type { Node } from './syntax.ts'

/** Attributes that each event has: an event without them is none (§3.4.4). */
const required: ReadonlySet<string> = new Set(['id', 'source', 'specversion', 'type'])

/** Compiles an expression into closures, one for each operator: evaluation walks no tree and decides nothing that was known before. */
export function compile(node: Node): Run {
  switch (node.kind) {
    case 'literal':
      return () => node.value
    case 'attribute':
      return compileAttribute(node.name)
    case 'exists':
      return required.has(node.name) ? () => true : (scope) => scope.attributes.has(node.name)
    case 'not':
      return compileNot(compile(node.operand))
    case 'negate':
      return compileNegate(compile(node.operand))
    case 'like':
      return compileLike(compile(node.operand), node.pattern, node.negated)
    case 'in':
      return compileIn(node, compile)
    case 'arithmetic':
      return compileArithmetic(node, compile)
    case 'compare':
      return compileCompare(node, compile)
    case 'logic':
      return compileLogic(node, compile)
    case 'call':
      return compileCall(node, compile)
    default:
      return never(node)
  }
}

function compileAttribute(name: string): Run {
  const missing = errorOf('missingAttribute', `the event has no attribute ${name}`)
  return (scope) => {
    const value = scope.attributes.get(name)
    return value === undefined ? fail(scope, missing, false) : value
  }
}

function compileNot(operand: Run): Run {
  return (scope) => {
    const value = operand(scope)
    if (scope.error !== null) return false
    const truth = toBoolean(value, scope)
    return scope.error === null && !truth
  }
}

function compileLike(operand: Run, pattern: string, negated: boolean): Run {
  const matches = compilePattern(readPattern(pattern))
  return (scope) => {
    const value = operand(scope)
    return scope.error === null && matches(toText(value)) !== negated
  }
}
