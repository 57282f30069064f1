import { noValue, notClosed, notTheEnd } from './complaints.ts'
import { Cursor } from './cursor.ts'
import { Notices } from './notices.ts'
import type { ParseFailure } from './parse-failure.ts'
import { quoted } from './quoted.ts'
import type { ArithmeticOperator, CompareOperator, Link, LogicOperator, Node } from './syntax.ts'
import type { Token } from './tokens.ts'

/** How deep operators, functions and parentheses may stand in each other: evaluation costs no more of the stack than this. */
const maxDepth = 200
/** Bounds what a pattern costs on a long attribute: both grow together in the worst case. */
const maxPattern = 1_024
const maxInteger = 2_147_483_647

const logic: ReadonlySet<string> = new Set<LogicOperator>(['AND', 'OR', 'XOR'])
const additive: ReadonlySet<string> = new Set<ArithmeticOperator>(['+', '-'])
const multiplicative: ReadonlySet<string> = new Set<ArithmeticOperator>(['*', '/', '%'])
const comparison: ReadonlySet<string> = new Set<CompareOperator | '<>'>(['=', '!=', '<>', '>=', '<=', '<', '>'])

/** What an expression says, and what its writer probably did not mean. */
export interface Parsed {
  readonly root: Node
  readonly notices: readonly string[]
}

/** Parses an expression. @throws ParseFailure */
export function parseSyntax(text: string): Parsed {
  return new Parser(text).parse()
}

/**
 * Recursive descent: a method for each step of precedence (§3.6), the loosest first.
 *
 *     logic             AND OR XOR: equals, from left to right
 *       comparison        = != <> >= <= > <
 *         additive          + -
 *           multiplicative    * / %
 *             suffixed          [NOT] LIKE, [NOT] IN
 *               prefixed          NOT -
 *                 primary           literal, attribute, EXISTS attribute, function( ), ( logic )
 */
class Parser {
  readonly #cursor: Cursor
  readonly #notices: Notices
  readonly #depths = new Map<Node, number>()
  #nesting = 0

  constructor(text: string) {
    this.#cursor = new Cursor(text)
    this.#notices = new Notices(text)
  }

  parse(): Parsed {
    const cursor = this.#cursor
    if (cursor.atEnd) {
      throw cursor.failure("the expression is empty: write a condition, e.g. type = 'order.created'")
    }
    const root = this.#logic()
    if (!cursor.atEnd) throw notTheEnd(cursor)
    return { root, notices: this.#notices.all }
  }

  #logic(): Node {
    const start = this.#cursor.token
    const { first, rest } = this.#chain<LogicOperator>(logic, () => this.#comparison())
    if (rest.length === 0) return first
    this.#notices.chained(rest, start)
    return this.#made({ kind: 'logic', first, rest }, [first, ...rest.map(({ operand }) => operand)])
  }

  #comparison(): Node {
    let left = this.#additive()
    while (comparison.has(this.#cursor.operator)) {
      const written = this.#cursor.take()
      this.#notices.operand(left, written)
      const right = this.#additive()
      this.#notices.compared(left, right, written)
      const operator = (written.text === '<>' ? '!=' : written.text) as CompareOperator
      left = this.#made({ kind: 'compare', operator, left, right }, [left, right])
    }
    return left
  }

  #additive(): Node {
    return this.#arithmetic(additive, () => this.#arithmetic(multiplicative, () => this.#suffixed()))
  }

  #arithmetic(operators: ReadonlySet<string>, next: () => Node): Node {
    const { first, rest } = this.#chain<ArithmeticOperator>(operators, next)
    if (rest.length === 0) return first
    return this.#made({ kind: 'arithmetic', first, rest }, [first, ...rest.map(({ operand }) => operand)])
  }

  #chain<O extends string>(operators: ReadonlySet<string>, next: () => Node): { first: Node; rest: Link<O>[] } {
    const first = next()
    const rest: Link<O>[] = []
    while (operators.has(this.#cursor.operator)) {
      const operator = this.#cursor.operator as O
      this.#cursor.take()
      rest.push({ operator, operand: next() })
    }
    return { first, rest }
  }

  #suffixed(): Node {
    const cursor = this.#cursor
    let operand = this.#prefixed()
    for (;;) {
      const negated = cursor.operator === 'NOT'
      if (negated) cursor.take()
      const { operator } = cursor
      if (operator !== 'LIKE' && operator !== 'IN') {
        if (negated) throw cursor.expected('LIKE or IN after NOT', 'two values are unequal with !=')
        return operand
      }
      this.#notices.operand(operand, cursor.take())
      operand = operator === 'LIKE' ? this.#like(operand, negated) : this.#in(operand, negated)
    }
  }

  #like(operand: Node, negated: boolean): Node {
    const { kind, text } = this.#cursor.token
    if (kind !== 'string') {
      const hint = "e.g. LIKE 'order.%', where % is any text and _ any character"
      throw this.#cursor.expected('a pattern in quotes after LIKE', hint)
    }
    if (text.length > maxPattern) {
      throw this.#cursor.failure(`this pattern has ${text.length} characters; it may have ${maxPattern}`)
    }
    this.#cursor.take()
    return this.#made({ kind: 'like', operand, pattern: text, negated }, [operand])
  }

  #in(operand: Node, negated: boolean): Node {
    const example = "e.g. IN ('a', 'b')"
    if (this.#cursor.operator !== '(') throw this.#cursor.expected('a set in parentheses after IN', example)
    if (this.#cursor.next?.kind === 'symbol' && this.#cursor.next.text === ')') {
      this.#cursor.take()
      throw this.#cursor.expected('a value: a set has at least one', example)
    }
    const set = this.#list(this.#cursor.take())
    return this.#made({ kind: 'in', operand, set, negated }, [operand, ...set])
  }

  #prefixed(): Node {
    const cursor = this.#cursor
    const { operator } = cursor
    if (operator === '-' || operator === '+') {
      const { next } = cursor
      if (next?.kind === 'integer' && next.start === cursor.token.end) {
        cursor.take()
        return this.#integer(operator)
      }
    }
    if (operator !== 'NOT' && operator !== '-') return this.#primary()
    cursor.take()
    const operand = this.#nested(() => this.#prefixed())
    return this.#made({ kind: operator === 'NOT' ? 'not' : 'negate', operand }, [operand])
  }

  /** A sign directly before a number belongs to it: or the smallest Integer could not be written. */
  #integer(sign: '' | '+' | '-' = ''): Node {
    const { text } = this.#cursor.token
    const value = Number(sign + text)
    if (value > maxInteger || value < -maxInteger - 1) {
      throw this.#cursor.failure(`${quoted(sign + text)} is too large: an Integer is from -2147483648 to 2147483647`)
    }
    this.#cursor.take()
    return { kind: 'literal', value: value | 0 }
  }

  #primary(): Node {
    const { token, operator } = this.#cursor
    if (token.kind === 'integer') return this.#integer()
    if (token.kind === 'string') {
      this.#cursor.take()
      return { kind: 'literal', value: token.text }
    }
    if (operator === '(') return this.#group()
    if (operator === 'EXISTS') return this.#exists()
    if (operator === 'TRUE' || operator === 'FALSE') {
      this.#cursor.take()
      return { kind: 'literal', value: operator === 'TRUE' }
    }
    if (token.kind !== 'word' || operator !== '') throw noValue(this.#cursor)
    const { next } = this.#cursor
    if (next?.kind === 'symbol' && next.text === '(') return this.#call()
    return { kind: 'attribute', name: this.#attributeName() }
  }

  #group(): Node {
    const open = this.#cursor.take()
    const inner = this.#nested(() => this.#logic())
    if (this.#cursor.operator !== ')') throw notClosed(this.#cursor, open)
    this.#cursor.take()
    this.#notices.grouped(inner)
    return inner
  }

  #exists(): Node {
    this.#cursor.take()
    if (this.#cursor.token.kind !== 'word' || this.#cursor.operator !== '') {
      const hint = 'it stands there without quotes and parentheses, e.g. EXISTS subject'
      throw this.#cursor.expected('the name of an attribute after EXISTS', hint)
    }
    return { kind: 'exists', name: this.#attributeName() }
  }

  /** In any case, as the headers of HTTP are: attributes themselves are in lower case. */
  #attributeName(): string {
    const { token } = this.#cursor
    if (token.text.includes('_')) {
      throw this.#cursor.failure(`${quoted(token.text)} is no name of an attribute: those have letters and digits only`)
    }
    this.#notices.attribute(token)
    this.#cursor.take()
    return token.text.toLowerCase()
  }

  #call(): Node {
    const name = this.#cursor.token
    if (!/^[a-zA-Z][a-zA-Z_]*$/.test(name.text)) {
      throw this.#cursor.failure(`${quoted(name.text)} is no name of a function: those have letters and _ only`)
    }
    this.#cursor.take()
    const args = this.#list(this.#cursor.take())
    this.#notices.called(name, args.length)
    return this.#made({ kind: 'call', name: name.text.toUpperCase(), args }, args)
  }

  /** Expressions between commas, perhaps none, up to and with the closing parenthesis. */
  #list(open: Token): readonly Node[] {
    const cursor = this.#cursor
    const nodes: Node[] = []
    while (nodes.length > 0 || cursor.operator !== ')') {
      nodes.push(this.#nested(() => this.#logic()))
      if (cursor.operator === ')') break
      if (cursor.operator !== ',') throw notClosed(cursor, open, '"," or ")"')
      cursor.take()
    }
    cursor.take()
    return nodes
  }

  #nested(parse: () => Node): Node {
    if (++this.#nesting > maxDepth) throw this.#tooDeep()
    const node = parse()
    this.#nesting--
    return node
  }

  #made(node: Node, children: readonly Node[]): Node {
    let depth = 0
    for (const child of children) depth = Math.max(depth, this.#depths.get(child) ?? 0)
    if (depth >= maxDepth) throw this.#tooDeep()
    this.#depths.set(node, depth + 1)
    return node
  }

  #tooDeep(): ParseFailure {
    return this.#cursor.failure(
      `operators, functions or parentheses stand in each other more than ${maxDepth} deep here`,
    )
  }
}
