import { Fault } from '../core/fault.ts'

/** Whatever was thrown, as a Fault. What is none is our own mistake, or one of a library: tried again as if the API server had failed. */
export function asFault(error: unknown): Fault {
  if (error instanceof Fault) return error
  return new Fault('ApiUnavailable', error instanceof Error ? error.message : String(error), { cause: error })
}

/** Whatever an API server asks for, after this long it is tried again, milliseconds: it, or what stands before it, may have erred. */
const longestAskedMs = 60_000

/** How long the API server asked us to wait, milliseconds; 0 when it did not. */
export function askedWaitMs(fault: Fault | undefined): number {
  const asked = Number(fault?.details['retryAfterMs'] ?? 0)
  return asked > 0 ? Math.min(asked, longestAskedMs) : 0
}

/** Whether it is a Fault with one of these codes. */
export function isFault(error: unknown, ...codes: readonly Fault['code'][]): error is Fault {
  return error instanceof Fault && codes.includes(error.code)
}
