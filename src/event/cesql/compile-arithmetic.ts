import { never } from '../../core/never.ts'
import { maxInteger, minInteger, toInteger } from './cast.ts'
import { errorOf, fail, type Run, type Scope } from './scope.ts'
import type { ArithmeticOperator, Node } from './syntax.ts'

type Arithmetic = Extract<Node, { kind: 'arithmetic' }>

/**
 * A chain from left to right, in one loop. Operands are evaluated before any is cast: an attribute that is missing is the error, whatever stands
 * beside it (§3.2). A result that does not fit into 32 bits is an error of class `math` and 0: never a number that wrapped around.
 */
export function compileArithmetic({ first, rest }: Arithmetic, compile: (node: Node) => Run): Run {
  const start = compile(first)
  const operands = rest.map(({ operand }) => compile(operand))
  const operators = rest.map(({ operator }) => operator)
  return (scope) => {
    let value = start(scope)
    if (scope.error !== null) return 0
    for (let i = 0; i < operands.length; i++) {
      const right = (operands[i] as Run)(scope)
      if (scope.error !== null) return 0
      const x = toInteger(value, scope)
      if (scope.error !== null) return 0
      const y = toInteger(right, scope)
      if (scope.error !== null) return 0
      value = calculate(operators[i] as ArithmeticOperator, x, y, scope)
      if (scope.error !== null) return 0
    }
    return value
  }
}

export function compileNegate(operand: Run): Run {
  return (scope) => {
    const value = operand(scope)
    if (scope.error !== null) return 0
    const x = toInteger(value, scope)
    return scope.error === null ? calculate('-', 0, x, scope) : 0
  }
}

function calculate(operator: ArithmeticOperator, x: number, y: number, scope: Scope): number {
  if (y === 0 && (operator === '/' || operator === '%')) {
    return fail(scope, errorOf('math', `${x} ${operator} 0 divides by zero`), 0)
  }
  const result = exact(operator, x, y)
  // Products beyond 53 bits are not exact, but then they do not fit either.
  if (result >= minInteger && result <= maxInteger) return result | 0
  return fail(
    scope,
    errorOf('math', `${x} ${operator} ${y} is no Integer: those are from ${minInteger} to ${maxInteger}`),
    0,
  )
}

function exact(operator: ArithmeticOperator, x: number, y: number): number {
  switch (operator) {
    case '*':
      return x * y
    case '/':
      return Math.trunc(x / y)
    case '%':
      return x % y
    case '+':
      return x + y
    case '-':
      return x - y
    default:
      return never(operator)
  }
}
