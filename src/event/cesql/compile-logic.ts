import { toBoolean } from './cast.ts'
import type { Run, Scope } from './scope.ts'
import type { Node } from './syntax.ts'

type Logic = Extract<Node, { kind: 'logic' }>

/**
 * A chain from left to right, in one loop. What AND finds false and OR finds true stays so, and the operand to the right is not evaluated (§3.6).
 *
 *     first ──► AND x: false? skip x ──► OR y: true? skip y ──► XOR z: always z ──► …      an operand in error ends it all: false
 */
export function compileLogic({ first, rest }: Logic, compile: (node: Node) => Run): Run {
  const operands = [compile(first), ...rest.map(({ operand }) => compile(operand))]
  if (rest.every(({ operator }) => operator === 'AND')) return every(operands)
  if (rest.every(({ operator }) => operator === 'OR')) return some(operands)
  return mixed(operands, ['OR', ...rest.map(({ operator }) => operator)])
}

function every(operands: readonly Run[]): Run {
  return (scope) => {
    for (let i = 0; i < operands.length; i++) if (!truth(operands[i] as Run, scope)) return false
    return true
  }
}

function some(operands: readonly Run[]): Run {
  return (scope) => {
    for (let i = 0; i < operands.length; i++) {
      if (truth(operands[i] as Run, scope)) return true
      if (scope.error !== null) return false
    }
    return false
  }
}

function mixed(operands: readonly Run[], operators: readonly string[]): Run {
  return (scope) => {
    let value = false
    for (let i = 0; i < operands.length; i++) {
      const operator = operators[i]
      if (operator === 'AND' ? !value : operator === 'OR' && value) continue
      const right = truth(operands[i] as Run, scope)
      if (scope.error !== null) return false
      value = operator === 'XOR' ? value !== right : right
    }
    return value
  }
}

/** False when there is an error. */
function truth(operand: Run, scope: Scope): boolean {
  const value = operand(scope)
  if (typeof value === 'boolean') return value
  return scope.error === null && toBoolean(value, scope)
}
