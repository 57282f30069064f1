/** A value of CloudEvents SQL 1.0 §2.2: Boolean, Integer (signed, 32 bits) or String. */
export type CesqlValue = boolean | number | string

/** The classes of error of CloudEvents SQL 1.0 §2.4. */
export type CesqlErrorClass =
  'parse' | 'math' | 'cast' | 'missingFunction' | 'functionEvaluation' | 'missingAttribute' | 'generic'

/** What went wrong, for people, with its class. */
export interface CesqlError {
  readonly class: CesqlErrorClass
  readonly message: string
}

/** What an evaluation gives: a value always, and the first error on the way, if there was one (§2.4: both may be there). */
export interface CesqlResult {
  readonly value: CesqlValue
  readonly error: CesqlError | null
}

/** Attributes by name, as an expression sees them. Those that come through Kafka are all strings. */
export type CesqlAttributes = ReadonlyMap<string, CesqlValue>

/** An expression that was parsed: made when a filter changes, only called per event. */
export interface CesqlExpression {
  evaluate(attributes: CesqlAttributes): CesqlResult
}
