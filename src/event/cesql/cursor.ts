import { ParseFailure, place } from './parse-failure.ts'
import { quoted } from './quoted.ts'
import { tokenize, type Token } from './tokens.ts'

/** The words that mean something in any case, and so name no attribute. */
export const reserved: ReadonlySet<string> = new Set([
  'AND',
  'OR',
  'XOR',
  'NOT',
  'LIKE',
  'IN',
  'EXISTS',
  'TRUE',
  'FALSE',
])

/** Walks over the pieces of an expression. */
export class Cursor {
  readonly #text: string
  readonly #tokens: readonly Token[]
  #index = 0

  /** @throws ParseFailure when the text has what is no piece of an expression. */
  constructor(text: string) {
    this.#text = text
    this.#tokens = tokenize(text)
  }

  get token(): Token {
    return this.#tokens[this.#index] as Token
  }

  /** The one behind, if there is one. */
  get next(): Token | undefined {
    return this.#tokens[this.#index + 1]
  }

  /** The symbol or, in upper case, the reserved word that stands here; '' when it is something else. */
  get operator(): string {
    const { kind, text } = this.token
    if (kind === 'symbol') return text
    const upper = kind === 'word' ? text.toUpperCase() : ''
    return reserved.has(upper) ? upper : ''
  }

  get atEnd(): boolean {
    return this.token.kind === 'end'
  }

  /** The first of all. */
  get first(): Token {
    return this.#tokens[0] as Token
  }

  /** Goes on, and returns what stood here. */
  take(): Token {
    const { token } = this
    if (!this.atEnd) this.#index++
    return token
  }

  /** What stands here, for people. */
  get found(): string {
    const { kind, text } = this.token
    switch (kind) {
      case 'end':
        return 'the end'
      case 'string':
        return `the string ${quoted(text)}`
      case 'integer':
        return `the number ${text}`
      case 'word':
      case 'symbol':
        return quoted(text)
    }
  }

  /** A failure here: what was expected, then what was found, then what helps. */
  expected(what: string, hint?: string | null): ParseFailure {
    return this.failure(`expected ${what}, found ${this.found}${hint == null ? '' : `; ${hint}`}`)
  }

  failure(message: string): ParseFailure {
    return new ParseFailure(this.token.start, message)
  }

  /** Where a piece begins, for people. */
  placeOf({ start }: Token): string {
    return place(this.#text, start)
  }
}
