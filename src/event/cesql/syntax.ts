import type { CesqlValue } from './expression.ts'

export type LogicOperator = 'AND' | 'OR' | 'XOR'
export type ArithmeticOperator = '*' | '/' | '%' | '+' | '-'
export type CompareOperator = '=' | '!=' | '>' | '>=' | '<' | '<='

/** An operator and what stands to its right. */
export interface Link<Operator> {
  readonly operator: Operator
  readonly operand: Node
}

/**
 * The syntax of an expression. Operators of equal precedence associate to the left (§3.6), so that a row of them is one flat chain: `a AND b OR c`
 * is ((a AND b) OR c). A thousand terms are a long chain, not a deep tree, and cost no stack.
 */
export type Node =
  | { readonly kind: 'literal'; readonly value: CesqlValue }
  | { readonly kind: 'attribute'; readonly name: string }
  | { readonly kind: 'exists'; readonly name: string }
  | { readonly kind: 'not'; readonly operand: Node }
  | { readonly kind: 'negate'; readonly operand: Node }
  | { readonly kind: 'like'; readonly operand: Node; readonly pattern: string; readonly negated: boolean }
  | { readonly kind: 'in'; readonly operand: Node; readonly set: readonly Node[]; readonly negated: boolean }
  | { readonly kind: 'arithmetic'; readonly first: Node; readonly rest: readonly Link<ArithmeticOperator>[] }
  | { readonly kind: 'compare'; readonly operator: CompareOperator; readonly left: Node; readonly right: Node }
  | { readonly kind: 'logic'; readonly first: Node; readonly rest: readonly Link<LogicOperator>[] }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Node[] }
