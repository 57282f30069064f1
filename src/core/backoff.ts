/** The longest that a timer can wait (2^31 - 1 ms, about 24.8 days): beyond it Node would fire at once. */
export const longestTimerMs = 2 ** 31 - 1

/**
 * How long a delivery waits before retry `n` (1 for the first): linear d·n, exponential d·2^n, so the first exponential wait is 2·d. Knative
 * knows neither cap nor jitter here, and its conformance tests measure these waits; we only cap at what a timer can wait.
 */
export function deliveryBackoffMs(policy: 'linear' | 'exponential', delayMs: number, n: number): number {
  const wait = policy === 'linear' ? delayMs * n : delayMs * 2 ** n
  return delayMs === 0 ? 0 : Math.min(wait, longestTimerMs)
}

/** How our own loops (connections, administration, watches) wait before they try again. */
export interface RetryBackoff {
  /** Upper bound of the first wait. Default 100 ms. */
  readonly baseMs?: number
  /** Upper bound of any wait. Default 30,000 ms. */
  readonly capMs?: number
}

/**
 * The wait before try `attempt` + 1, where `attempt` (from 1) tries have failed: drawn evenly from the upper half of an interval that
 * doubles up to the cap. Jitter keeps many processes that lost the same broker from coming back at one moment; the lower half is left out
 * so that no loop ever spins.
 */
export function retryBackoffMs(
  attempt: number,
  { baseMs = 100, capMs = 30_000 }: RetryBackoff = {},
  random: () => number = Math.random,
): number {
  const bound = Math.min(capMs, baseMs * 2 ** Math.max(0, attempt - 1))
  return bound / 2 + (bound / 2) * random()
}
