import type { Inlet } from '../../contract/inlet.ts'
import type { CloudEvent } from '../../event/cloud-event.ts'
import type { Appended, NewRecord } from '../../kafka/log.ts'
import type { Refusal } from '../wire/refusal.ts'
import { admit, whyNot } from './admit.ts'
import { batchProblem } from './batch-faults.ts'
import { faultProblem } from './faults.ts'
import { tooLarge, type Problem } from './problem.ts'
import type { Shared } from './shared.ts'
import type { Witness } from './witness.ts'

/** What each event of a batch costs in memory beside its bytes: attributes, record, promises. */
export const overheadInBatch = 2048

/**
 * Appends the events of a batch: all of them are admitted, or none is appended; all are appended in one turn, so that they keep their
 * order; settled when each is.
 * @param witness null: nobody asks what became of each.
 * @returns null when all are stored, else what the sender is told.
 * @throws what is no fault of the log.
 */
export async function storeBatch(
  shared: Shared,
  inlet: Inlet,
  events: readonly CloudEvent[],
  witness: Witness | null,
): Promise<Problem | Refusal | null> {
  const arrived = shared.arrivals.header()
  for (const [index, event] of events.entries()) {
    const { maxEventBytes } = shared.limits
    if (event.data !== null && event.data.length > maxEventBytes) return tooLargeAt(index, maxEventBytes)
    const refusal = whyNot(event)
    if (refusal !== null) return refusal.ofEvent(index)
  }
  const appender = shared.appenderOf(inlet)
  const records = events.map((event): NewRecord => admit(witness?.append(event) ?? event, inlet.topic, arrived))
  const results = await Promise.allSettled(records.map((record) => appender.append(record)))
  if (witness !== null) tell(results, witness)
  const outcomes = results.map((result) => (result.status === 'fulfilled' ? null : asError(result.reason)))
  const defect = outcomes.find((outcome) => outcome !== null && faultProblem(outcome, inlet) === null)
  if (defect instanceof Error) throw defect
  return batchProblem(outcomes, inlet)
}

function tell(results: readonly PromiseSettledResult<Appended>[], witness: Witness): void {
  for (const [index, result] of results.entries()) {
    if (result.status === 'fulfilled') witness.stored(index, result.value)
    else witness.unstored(index, result.reason)
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason))
}

function tooLargeAt(index: number, limit: number): Problem {
  const problem = tooLarge(limit)
  const detail = `Event ${index} of the batch, counted from 0: ${problem.detail} None of the batch is stored.`
  return { ...problem, detail, more: { ...problem.more, index } }
}
