import { toInteger, toText } from './cast.ts'
import type { CesqlValue } from './expression.ts'
import { functionFor, functionProblem, type ParameterType } from './functions.ts'
import { errorOf, fail, type Run, type Scope } from './scope.ts'
import type { Node } from './syntax.ts'

type Call = Extract<Node, { kind: 'call' }>

/**
 * A call. Functions are found when the expression is compiled; one that does not exist is an error where it is evaluated (§3.5), and only there:
 * behind FALSE AND it does no harm.
 *
 *     arguments, from left to right ──► cast to the types of the parameters ──► function
 */
export function compileCall({ name, args }: Call, compile: (node: Node) => Run): Run {
  const found = functionFor(name, args.length)
  if (found === null) {
    const missing = errorOf('missingFunction', functionProblem(name, args.length))
    return (scope) => fail(scope, missing, false)
  }
  const runs = args.map(compile)
  const types = args.map((_, i) => found.parameters[i] ?? found.others ?? 'any')
  // Kept from call to call: a function is never under way twice, and none keeps its arguments.
  const values: CesqlValue[] = args.map(() => false)
  return (scope) => {
    for (let i = 0; i < runs.length; i++) {
      values[i] = (runs[i] as Run)(scope)
      if (scope.error !== null) return found.zero
    }
    for (let i = 0; i < values.length; i++) {
      values[i] = cast(types[i] as ParameterType, values[i] as CesqlValue, scope)
      if (scope.error !== null) return found.zero
    }
    return found.apply(values, scope)
  }
}

function cast(type: ParameterType, value: CesqlValue, scope: Scope): CesqlValue {
  if (type === 'string') return toText(value)
  return type === 'integer' ? toInteger(value, scope) : value
}
