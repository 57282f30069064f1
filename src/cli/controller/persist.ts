import { retryBackoffMs } from '../../core/backoff.ts'
import { pause } from '../../kube/pause.ts'

/**
 * Does something until it is done, or `signal` aborts; waits longer after each failure.
 * @param failed told of each failure; what it throws ends the trying, and is thrown.
 */
export async function persist(
  act: () => Promise<void>,
  failed: (error: unknown) => void,
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    try {
      return await act()
    } catch (error) {
      if (signal.aborted) return
      failed(error)
      await pause(retryBackoffMs(attempt), signal)
    }
  }
}
