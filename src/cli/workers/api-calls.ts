import type { Fault } from '../../core/fault.ts'
import { retryBackoffMs } from '../../core/backoff.ts'
import { askedWaitMs } from '../../kube/faults.ts'

/** How workers write to the API server, which may be away for as long as it likes. */

/** One call takes no longer, milliseconds. */
const callMs = 10_000
const longestWaitMs = 5_000

/** Failures in a row after which it is said; fewer pass by themselves. */
export const warnAtFailure = 3

/** For one call: ends with `signal`, or when it took too long. */
export function callSignal(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(callMs)])
}

/** The wait after so many failures in a row: what the API server asked for, within reason, or our own. Milliseconds. */
export function waitMs(fault: Fault, failures: number): number {
  return Math.max(askedWaitMs(fault), retryBackoffMs(failures, { capMs: longestWaitMs }))
}
