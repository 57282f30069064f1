import { longestTimerMs } from '../core/backoff.ts'

/** Waits `ms`, or until `signal` aborts; never throws. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  const waited = Promise.withResolvers<void>()
  const end = (): void => waited.resolve()
  const timer = setTimeout(end, Math.min(ms, longestTimerMs))
  signal.addEventListener('abort', end)
  await waited.promise
  clearTimeout(timer)
  signal.removeEventListener('abort', end)
}
