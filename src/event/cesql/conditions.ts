import { readBoolean, readInteger } from './cast.ts'
import type { CesqlAlternatives, CesqlEquality, CesqlPrefix } from './expression.ts'
import { literalPrefix, readPattern } from './like.ts'
import type { Node } from './syntax.ts'

/** What must hold for the result true, as far as an index can look it up. */
export interface Conditions {
  readonly equalities: readonly CesqlEquality[]
  readonly prefixes: readonly CesqlPrefix[]
  /** Of each of these one. */
  readonly alternatives: readonly CesqlAlternatives[]
  /** True when the equalities say all that the expression says. */
  readonly equalitiesAreAll: boolean
}

/** More alternatives than this cost an index more than they save. */
export const mostAlternatives = 256

const none: Conditions = { equalities: [], prefixes: [], alternatives: [], equalitiesAreAll: false }
const equal = (attribute: string, value: string): Conditions => ({
  equalities: [{ attribute, value }],
  prefixes: [],
  alternatives: [],
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
      return node.negated ? none : ofSet(node.operand, node.set)
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

/**
 * A chain goes from left to right: what stands behind its last OR or XOR, joined by AND, must hold whatever stands before. What stands before
 * says something too when it is joined by nothing but OR.
 */
function ofLogic({ first, rest }: Extract<Node, { kind: 'logic' }>): Conditions {
  const lastOther = rest.findLastIndex(({ operator }) => operator !== 'AND')
  const must = rest.slice(lastOther + 1).map(({ operand }) => operand)
  const found = (lastOther < 0 ? [first, ...must] : must).map(conditionsOf)
  const before = rest.slice(0, lastOther + 1)
  const isOr = before.length > 0 && before.every(({ operator }) => operator === 'OR')
  const either = isOr ? eitherOf([first, ...before.map(({ operand }) => operand)].map(conditionsOf)) : []
  return {
    equalities: found.flatMap(({ equalities }) => equalities),
    prefixes: found.flatMap(({ prefixes }) => prefixes),
    alternatives: [...either, ...found.flatMap(({ alternatives }) => alternatives)],
    equalitiesAreAll: lastOther < 0 && found.every(({ equalitiesAreAll }) => equalitiesAreAll),
  }
}

/** One of these is so. Nothing: one of them may be so whatever is looked up, or they are too many. */
function eitherOf(members: readonly Conditions[]): readonly CesqlAlternatives[] {
  const looked = members.flatMap((member) => narrowest(member) ?? [])
  const equalities = looked.flatMap((one) => one.equalities)
  const prefixes = looked.flatMap((one) => one.prefixes)
  const isUseful = looked.length === members.length && equalities.length + prefixes.length <= mostAlternatives
  return isUseful ? [{ equalities, prefixes }] : []
}

/** One of the conditions that must all hold: probably the one that holds least. */
function narrowest({ equalities, prefixes, alternatives }: Conditions): CesqlAlternatives | undefined {
  if (equalities.length > 0) return { equalities: equalities.slice(0, 1), prefixes: [] }
  if (prefixes.length > 0) return { equalities: [], prefixes: prefixes.slice(0, 1) }
  return alternatives[0]
}

function ofSet(operand: Node, set: readonly Node[]): Conditions {
  const equalities = set.map((element) => ofTyped(operand, element))
  const [only] = equalities
  return only !== undefined && equalities.length === 1 ? only : { ...none, alternatives: eitherOf(equalities) }
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
  return prefix === '' ? none : { ...none, prefixes: [{ attribute, prefix }] }
}
