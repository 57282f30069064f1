import { compile } from './compile.ts'
import { conditionsOf, type Conditions } from './conditions.ts'
import type { CesqlAttributes, CesqlError, CesqlExpression, CesqlResult } from './expression.ts'
import { parseError, ParseFailure } from './parse-failure.ts'
import { parseSyntax, type Parsed } from './parser.ts'
import { Scope, type Run } from './scope.ts'

/** How long an expression may be, in UTF-16 units: what it costs to parse, to keep and to evaluate grows with it. */
export const maxLength = 65_536

/**
 * Parses an expression of CloudEvents SQL 1.0 and compiles it for the hot path. Never throws: what is wrong with the text comes back as an
 * error of class `parse`, in words and with its place.
 */
export function parseCesql(text: string): CesqlExpression | CesqlError {
  if (text.length > maxLength) {
    const message = `the expression has ${text.length} characters; it may have ${maxLength}`
    return { class: 'parse', message, position: 1 }
  }
  try {
    return new Expression(parseSyntax(text))
  } catch (error) {
    if (error instanceof ParseFailure) return parseError(text, error)
    throw error
  }
}

/** Tells the two apart. */
export function isCesqlError(parsed: CesqlExpression | CesqlError): parsed is CesqlError {
  return 'class' in parsed
}

class Expression implements CesqlExpression {
  readonly equalities: Conditions['equalities']
  readonly prefixes: Conditions['prefixes']
  readonly alternatives: Conditions['alternatives']
  readonly equalitiesAreAll: boolean
  readonly notices: readonly string[]
  readonly #run: Run
  readonly #scope = new Scope()

  constructor({ root, notices }: Parsed) {
    const conditions = conditionsOf(root)
    this.equalities = conditions.equalities
    this.prefixes = conditions.prefixes
    this.alternatives = conditions.alternatives
    this.equalitiesAreAll = conditions.equalitiesAreAll
    this.notices = notices
    this.#run = compile(root)
  }

  evaluate(attributes: CesqlAttributes): CesqlResult {
    const scope = this.#scope
    scope.begin(attributes)
    const value = this.#run(scope)
    scope.end()
    return { value, error: scope.error }
  }

  passes(attributes: CesqlAttributes): boolean {
    const scope = this.#scope
    scope.begin(attributes)
    const value = this.#run(scope)
    scope.end()
    return value === true && scope.error === null
  }
}
