import type { CesqlExpression } from './cesql/expression.ts'
import { isCesqlError, parseCesql } from './cesql/parse.ts'

/** The expression of a filter, prepared; or what is wrong with it, a sentence that says where. */
export function cesqlCondition(text: string): CesqlExpression | string {
  const parsed = parseCesql(text)
  return isCesqlError(parsed) ? `is not CloudEvents SQL: ${parsed.message}` : parsed
}
