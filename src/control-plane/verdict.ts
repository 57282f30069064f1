import type { Condition } from '../api/meta/condition.ts'

/** What a user is told about an object. */
export interface Verdict {
  /** Sorted by type, with Ready. */
  readonly conditions: readonly Condition[]
  /** Of the condition Ready. */
  readonly ready: Condition['status']
  readonly reason: string
  readonly message: string
}

/** Conditions and the Ready that was computed from them, as one value. */
export function verdictOf(conditions: readonly Condition[], decisive: Condition): Verdict {
  const { status, reason, message } = decisive
  const sorted = [...conditions, decisive].toSorted((a, b) => (a.type < b.type ? -1 : 1))
  return { conditions: sorted, ready: status, reason, message }
}

/**
 * Reasons that pass by themselves within seconds as a rule: an object on its way up, a worker that is replaced. Saying them at once would cost
 * two writes an object each time.
 */
const passing = new Set([
  'Pending',
  'Starting',
  'NotYetKnown',
  'BrokerNotReady',
  'PartitionsUnowned',
  'DispatcherNotConsuming',
  'IngressNotListening',
  'IngressNotReady',
])

/** Whether a verdict may be held back for a moment. What a user must mend is said at once. */
export function isPassing({ ready, reason }: Verdict): boolean {
  return ready === 'Unknown' || (ready === 'False' && passing.has(reason))
}
