import type { CesqlAttributes, CesqlError, CesqlErrorClass, CesqlValue } from './expression.ts'

const nothing: CesqlAttributes = new Map()

/** The scratchpad of one evaluation: the event's attributes, and the first error. */
export class Scope {
  attributes: CesqlAttributes = nothing
  error: CesqlError | null = null

  begin(attributes: CesqlAttributes): void {
    this.attributes = attributes
    this.error = null
  }

  /** Lets the event go. */
  end(): void {
    this.attributes = nothing
  }
}

/**
 * A part of an expression, compiled: gives its value, or notes an error in the scope and gives the zero value of its type (what type an
 * attribute would have had nobody knows: then it is false, §3.2). Who runs it looks at `scope.error` before anything else.
 */
export type Run = (scope: Scope) => CesqlValue

/** Notes an error and gives back the value that goes with it. */
export function fail<Value extends CesqlValue>(scope: Scope, error: CesqlError, value: Value): Value {
  scope.error = error
  return value
}

export const errorOf = (errorClass: CesqlErrorClass, message: string): CesqlError => ({ class: errorClass, message })
