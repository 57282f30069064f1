import { readBoolean, readInteger } from './cast.ts'
import type { CesqlEquality, CesqlPrefix } from './expression.ts'
import { literalPrefix, readPattern } from './like.ts'
import type { Node } from './syntax.ts'

/** What must hold for the result true, as far as an index can look it up. */
export interface Conditions {
  readonly equalities: readonly CesqlEquality[]
  readonly prefixes: readonly CesqlPrefix[]
  /** True when the equalities say all that the expression says. */
  readonly equalitiesAreAll: boolean
}

const none: Conditions = { equalities: [], prefixes: [], equalitiesAreAll: false }
const equal = (attribute: string, value: string): Conditions => ({
  equalities: [{ attribute, value }],
  prefixes: [],
  equalitiesAreAll: true,
})

/** The conditions of an expression. */
export function conditionsOf(node: Node): Conditions {
  switch (node.kind) {
    case 'logic':
      return ofLogic(node)
    case 'compare':
      return node.operator === '=' ? ofEquality(node.left, node.right) : none
    case 'in':
      return node.negated || node.set.length !== 1 ? none : ofTyped(node.operand, node.set[0] as Node)
    case 'like':
      return node.negated || node.operand.kind !== 'attribute' ? none : ofLike(node.operand.name, node.pattern)
    case 'literal':
    case 'attribute':
    case 'exists':
    case 'not':
    case 'negate':
    case 'arithmetic':
    case 'call':
      return none
  }
}

/** A chain goes from left to right: what stands behind its last OR or XOR, joined by AND, must hold whatever stands before. */
function ofLogic({ first, rest }: Extract<Node, { kind: 'logic' }>): Conditions {
  const lastOther = rest.findLastIndex(({ operator }) => operator !== 'AND')
  const must = rest.slice(lastOther + 1).map(({ operand }) => operand)
  const found = (lastOther < 0 ? [first, ...must] : must).map(conditionsOf)
  return {
    equalities: found.flatMap(({ equalities }) => equalities),
    prefixes: found.flatMap(({ prefixes }) => prefixes),
    equalitiesAreAll: lastOther < 0 && found.every(({ equalitiesAreAll }) => equalitiesAreAll),
  }
}

function ofEquality(left: Node, right: Node): Conditions {
  // With the literal on the right the attribute is cast to a string; on the left, the literal to the type of the attribute.
  if (left.kind === 'attribute' && right.kind === 'literal' && typeof right.value === 'string') {
    return equal(left.name, right.value)
  }
  return ofTyped(right, left)
}

/** The literal is cast to the type that the attribute has: only where this changes nothing is it a matter of strings. */
function ofTyped(attribute: Node, literal: Node): Conditions {
  if (attribute.kind !== 'attribute' || literal.kind !== 'literal' || typeof literal.value !== 'string') return none
  const cast = readInteger(literal.value) ?? readBoolean(literal.value)
  return cast === null || String(cast) === literal.value ? equal(attribute.name, literal.value) : none
}

function ofLike(attribute: string, pattern: string): Conditions {
  const { prefix, isAll } = literalPrefix(readPattern(pattern))
  if (isAll) return equal(attribute, prefix)
  return prefix === '' ? none : { equalities: [], prefixes: [{ attribute, prefix }], equalitiesAreAll: false }
}
