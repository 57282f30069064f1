import type { Inlet } from '../../contract/inlet.ts'
import { Fault } from '../../core/fault.ts'
import { faultProblem } from './faults.ts'
import { tooBusy, type Problem } from './problem.ts'

/** What became of the events of a batch, in their order: null when stored, else the fault. */
type Outcomes = readonly (Error | null)[]

/**
 * The one answer to a batch.
 *
 *     all are stored                          ─► null
 *     one is too large for the topic          ─► 413: the same batch will never pass
 *     none was taken, the log has no room     ─► 429
 *     else                                    ─► 503, with what is stored
 */
export function batchProblem(outcomes: Outcomes, inlet: Inlet): Problem | null {
  const unconfirmed = outcomes.flatMap((outcome, index) => (outcome === null ? [] : [index]))
  if (unconfirmed.length === 0) return null
  const faults = unconfirmed.map((index) => outcomes[index])
  if (unconfirmed.length === outcomes.length && faults.every((fault) => is(fault, 'LogOverloaded'))) {
    return tooBusy('More events wait for the log than it takes. The batch was not stored: send it again later.')
  }
  const first = Math.max(
    0,
    faults.findIndex((fault) => is(fault, 'RecordTooLarge')),
  )
  const problem = faultProblem(faults[first], inlet)
  if (problem === null) return null
  const index = unconfirmed[first]
  const stored = outcomes.length - unconfirmed.length
  const none = stored === 0 && faults.every(neverSent)
  const detail = `Event ${index} of the batch, counted from 0: ${problem.detail} ${none ? noneStored : someStored(stored, outcomes.length)}`
  const more = { ...problem.more, index, stored, unconfirmed }
  return problem.status === 413 ? { ...problem, detail, more } : { ...unavailable, detail, more }
}

const unavailable = {
  status: 503,
  code: 'Unavailable',
  title: 'The batch cannot be taken as a whole now',
  headers: ['retry-after', '5'],
}

const noneStored = 'None of the batch is stored.'

function someStored(stored: number, all: number): string {
  return (
    `Of ${all} events ${stored} are stored: sending the whole batch again may repeat events. ` +
    'The member "unconfirmed" lists those that are not known to be stored.'
  )
}

function is(fault: unknown, code: Fault['code']): boolean {
  return fault instanceof Fault && fault.code === code
}

/** Whether a fault says surely that its event is not stored. */
function neverSent(fault: Error | null | undefined): boolean {
  if (!(fault instanceof Fault)) return false
  return fault.details['sent'] === 0 || fault.code === 'LogOverloaded' || fault.code === 'RecordTooLarge'
}
