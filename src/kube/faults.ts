import { Fault } from '../core/fault.ts'

/** Whatever was thrown, as a Fault. What is none is our own mistake, or one of a library: tried again as if the API server had failed. */
export function asFault(error: unknown): Fault {
  if (error instanceof Fault) return error
  return new Fault('ApiUnavailable', error instanceof Error ? error.message : String(error), { cause: error })
}

/** Whether it is a Fault with one of these codes. */
export function isFault(error: unknown, ...codes: readonly Fault['code'][]): error is Fault {
  return error instanceof Fault && codes.includes(error.code)
}
