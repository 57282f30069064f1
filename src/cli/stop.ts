import type { Clock } from '../core/clock.ts'

/** A ctrl-C reaches us twice when npm or make passes on what the terminal has already sent: one press, milliseconds. */
const onePressMs = 500

/**
 * Aborts on SIGINT or SIGTERM. A second signal ends the process at once, for who does not want to wait for the drain.
 */
export function stopSignal(): AbortSignal {
  const controller = new AbortController()
  let first = 0
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (!controller.signal.aborted) first = performance.now()
      else if (performance.now() - first > onePressMs) process.exit(130)
      controller.abort()
    })
  }
  return controller.signal
}

/** Resolves when `signal` aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** How long a drain may take in all before what is left is abandoned, milliseconds: below the 30 s that Kubernetes gives a pod. */
const drainMs = 20_000

/** What is left of the one deadline that all stages of a drain share, milliseconds. It starts to run when this is called. */
export function drainDeadline(clock: Clock): () => number {
  const end = clock.monotonic() + drainMs
  return () => Math.max(0, end - clock.monotonic())
}
