import type { FieldProblem } from '../../../api/validate.ts'
import { sentence, type Verdict } from '../review.ts'

/**
 * Refuses for what this request brings; what the stored object has wrong already is a warning. So an object that was stored before a rule
 * existed can still get labels, finalizers and better fields one by one.
 */
export function ratchet(
  found: readonly FieldProblem[],
  before: readonly FieldProblem[],
  notices: readonly FieldProblem[],
): Verdict {
  const known = new Set(before.map(sentence))
  const problems = found.filter((problem) => !known.has(sentence(problem)))
  const old = found.filter((problem) => known.has(sentence(problem)))
  const warnings = [...old, ...notices].map(sentence)
  return problems.length === 0 ? { kind: 'allowed', warnings } : { kind: 'refused', problems, warnings }
}
