import { setTimeout as sleep } from 'node:timers/promises'
import { retryBackoffMs } from '../core/backoff.ts'
import type { Clock } from '../core/clock.ts'
import { inTime } from '../core/deadline.ts'
import { Fault } from '../core/fault.ts'
import type { Logger } from '../telemetry/logger.ts'

const TIMEOUT_MS = 30_000

interface AdminRetryOptions {
  readonly clock: Clock
  readonly logger: Logger
  /** Any error of the client library as a Fault. @param what the start of the sentence for people. */
  toFault(error: unknown, what: string): Fault
  /** A try failed, not by a word of ours: what it went by may be half dead. */
  failed?(): void
}

/**
 * Goes on trying, as LogAdmin promises.
 *
 *     work ─► answer
 *       ▲  │ transient fault: backoff, until the signal aborts, 30 s have passed or `close`
 *       └──┘
 */
export class AdminRetry {
  readonly #options: AdminRetryOptions
  readonly #closing = new AbortController()

  constructor(options: AdminRetryOptions) {
    this.#options = options
  }

  /** Runs `work` until it is answered. @throws Fault as the catalogue says, also when the signal is a timeout; any other reason of the signal; Closed. */
  async run<T>(what: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    const { clock, logger } = this.#options
    const closing = this.#closing.signal
    // no timer of its own: ten thousand of these may be under way
    const until = clock.monotonic() + TIMEOUT_MS
    const stop = signal === undefined ? closing : AbortSignal.any([closing, signal])
    let last: Fault | undefined
    for (let attempt = 1; ; attempt += 1) {
      const ms = until - clock.monotonic()
      if (stop.aborted || ms <= 0) throw reasonToStop(stop, what, last)
      try {
        const outcome = await inTime(work(), { ms, signal: stop })
        if (!outcome.late) return outcome.value
      } catch (error) {
        last = this.#options.toFault(error, what)
        if (last.code !== 'LogUnavailable') throw last
        logger.debug({ attempt, error: last.message }, 'administration of Kafka failed; trying again')
        if (!(error instanceof Fault)) this.#options.failed?.()
        await sleep(retryBackoffMs(attempt, { capMs: 2_000 }), undefined, { signal: stop }).catch(() => undefined)
      }
    }
  }

  /** Whoever waits is told Closed, and whoever comes later. */
  close(): void {
    this.#closing.abort(new Fault('Closed', 'The administration of Kafka was closed.'))
  }
}

/** Out of time, the caller's or ours: what went wrong last says more than that. Otherwise whoever stopped us says why. */
function reasonToStop(stop: AbortSignal, what: string, last: Fault | undefined): Error {
  const reason = stop.reason as Error | undefined
  if (reason !== undefined && reason.name !== 'TimeoutError') return reason
  return last ?? new Fault('LogUnavailable', `${what}: Kafka did not answer in time.`, { cause: reason })
}
