/** When to stop waiting: after `ms`, or when `signal` aborts; whichever comes first. */
interface Limit {
  readonly ms?: number | undefined
  readonly signal?: AbortSignal | undefined
}

type Outcome<T> = { readonly late: false; readonly value: T } | { readonly late: true }

/**
 * Waits for `work`, but no longer than the limit. Late work is left to itself: what becomes of it, also an error, is dropped.
 * @throws what `work` throws in time.
 */
export async function inTime<T>(work: Promise<T>, { ms, signal }: Limit): Promise<Outcome<T>> {
  const limit = Promise.withResolvers<Outcome<T>>()
  const expire = (): void => limit.resolve({ late: true })
  const timer = ms === undefined ? undefined : setTimeout(expire, ms)
  signal?.addEventListener('abort', expire)
  if (signal?.aborted === true) expire()
  try {
    return await Promise.race([limit.promise, work.then((value) => ({ late: false, value }) as const)])
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', expire)
  }
}
