import { toText } from './cast.ts'
import { castLike } from './compile-compare.ts'
import type { Run } from './scope.ts'
import type { Node } from './syntax.ts'

type In = Extract<Node, { kind: 'in' }>

/**
 * `x IN (a, b)`: the elements are cast to the type of x (§3.7) and compared from left to right, up to the first that is equal. What stands behind
 * that one is not evaluated; an element before it that cannot be cast, or is missing, is an error and the result false.
 */
export function compileIn({ operand, set, negated }: In, compile: (node: Node) => Run): Run {
  const left = compile(operand)
  const elements = set.map(compile)
  const texts = literals(set)
  return (scope) => {
    const x = left(scope)
    if (scope.error !== null) return false
    if (texts !== null && typeof x === 'string') return texts.has(x) !== negated
    for (let i = 0; i < elements.length; i++) {
      const value = (elements[i] as Run)(scope)
      if (scope.error !== null) return false
      const same = castLike(x, value, scope) === x
      if (scope.error !== null) return false
      if (same) return !negated
    }
    return negated
  }
}

/** What a string is looked up in when all elements are known: each has a string form, so that nothing can fail. */
function literals(set: readonly Node[]): ReadonlySet<string> | null {
  const texts = new Set<string>()
  for (const node of set) {
    if (node.kind !== 'literal') return null
    texts.add(toText(node.value))
  }
  return texts
}
