/** A value of CloudEvents SQL 1.0 §3.1: Boolean, Integer (signed, 32 bits) or String. */
export type CesqlValue = boolean | number | string

/** The classes of error of CloudEvents SQL 1.0 §3.3. */
export type CesqlErrorClass =
  'parse' | 'math' | 'cast' | 'missingFunction' | 'functionEvaluation' | 'missingAttribute' | 'generic'

/** What went wrong, for people, with its class. */
export interface CesqlError {
  readonly class: CesqlErrorClass
  readonly message: string
  /** Of an error of class `parse`: where in the expression, in characters, the first is 1. The message says it too. */
  readonly position?: number
}

/**
 * What an evaluation gives: a value always, and the first error on the way, if there was one. We work in the fail fast mode of §4.1, which
 * §1.2 asks of filters: an operator with an operand in error gives the zero value of its type (false, 0, '') and the error, and so on upwards.
 */
export interface CesqlResult {
  readonly value: CesqlValue
  readonly error: CesqlError | null
}

/** Attributes by lower-case name, as an expression sees them. Those that come through Kafka are all strings. */
export type CesqlAttributes = ReadonlyMap<string, CesqlValue>

/** The attribute is there and, as a string, is exactly this. */
export interface CesqlEquality {
  readonly attribute: string
  readonly value: string
}

/** The attribute is there and, as a string, begins with this, which is not empty. */
export interface CesqlPrefix {
  readonly attribute: string
  readonly prefix: string
}

/** At least one of these holds. */
export interface CesqlAlternatives {
  readonly equalities: readonly CesqlEquality[]
  readonly prefixes: readonly CesqlPrefix[]
}

/** An expression that was parsed: made when a filter changes, only called per event. Not to be called from within itself: it has one scratchpad. */
export interface CesqlExpression {
  /** The value and the first error. Never throws. */
  evaluate(attributes: CesqlAttributes): CesqlResult
  /** Whether an event passes a filter (§1.2): the value is the Boolean true, and there was no error. Allocates nothing unless a function does. */
  passes(attributes: CesqlAttributes): boolean
  /**
   * Conditions without which no event passes: one of them unmet means `passes` is false, whatever the types of the attributes. An index may
   * look any of them up and ask no expression of the events that do not meet it.
   */
  readonly equalities: readonly CesqlEquality[]
  /** The same for beginnings: of `LIKE 'abc%'`. */
  readonly prefixes: readonly CesqlPrefix[]
  /** The same for sets and for OR: of each of these one must hold. */
  readonly alternatives: readonly CesqlAlternatives[]
  /** True when `equalities` are the whole expression: for attributes that are strings, all of them met means `passes` is true. */
  readonly equalitiesAreAll: boolean
  /**
   * What is legal and probably not meant, or sure to fail, as sentences with a position: a function that does not exist, `NOT a = b`, AND beside
   * OR without parentheses. For people who write expressions; evaluation does not care.
   */
  readonly notices: readonly string[]
}
