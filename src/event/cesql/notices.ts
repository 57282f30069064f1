import { quoted } from './quoted.ts'
import { functionFor, functionProblem } from './functions.ts'
import { place } from './parse-failure.ts'
import type { Link, LogicOperator, Node } from './syntax.ts'
import type { Token } from './tokens.ts'

/** Notices of one expression: what is behind them is looked at when these are mended. Each costs a look at the whole text, for its place. */
const mostNotices = 10

/** Collects what is legal and probably not meant, as sentences with a place; the first of them when there are many. */
export class Notices {
  readonly all: string[] = []
  readonly #text: string
  /** Those that stood in parentheses: their writer knew what binds what. */
  readonly #grouped = new Set<Node>()

  constructor(text: string) {
    this.#text = text
  }

  grouped(node: Node): void {
    this.#grouped.add(node)
  }

  /** `NOT type = 'a'` is (NOT type) = 'a', which nobody means. */
  operand(left: Node, operator: Token): void {
    if (left.kind !== 'not' || this.#grouped.has(left)) return
    const written = operator.text.toUpperCase()
    this.#add(
      operator,
      `NOT binds stronger than ${written}, so that it negates only what is between them: write NOT (a ${written} b)`,
    )
  }

  /** `"type" = 'a'` compares two strings, always with the same result. */
  compared(left: Node, right: Node, operator: Token): void {
    if (left.kind !== 'literal' || right.kind !== 'literal') return
    if (typeof left.value !== 'string' || typeof right.value !== 'string') return
    this.#add(
      operator,
      `${quoted(left.value)} and ${quoted(right.value)} are both strings: the name of an attribute is written without quotes`,
    )
  }

  chained(rest: readonly Link<LogicOperator>[], start: Token): void {
    const first = rest[0]?.operator
    const other = rest.find(({ operator }) => operator !== first)?.operator
    if (first === undefined || other === undefined) return
    this.#add(
      start,
      `${first} and ${other} bind equally and go from left to right, a OR b AND c is (a OR b) AND c: say with parentheses what you mean`,
    )
  }

  attribute(name: Token): void {
    if (/^null$/i.test(name.text)) {
      this.#add(name, `${name.text} is read as an attribute: whether an attribute is there is asked with EXISTS`)
    }
  }

  called(name: Token, args: number): void {
    if (this.#isFull || functionFor(name.text.toUpperCase(), args) !== null) return
    this.#add(name, functionProblem(name.text.toUpperCase(), args))
  }

  get #isFull(): boolean {
    return this.all.length >= mostNotices
  }

  #add(at: Token, sentence: string): void {
    if (!this.#isFull) this.all.push(`${place(this.#text, at.start)}: ${sentence}`)
  }
}
