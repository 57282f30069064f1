import type { Clock } from '../../../core/clock.ts'
import type { LogAdmin } from '../../../kafka/log.ts'

export interface RefresherHost {
  readonly admin: Pick<LogAdmin, 'positionRetentionMs'>
  readonly clock: Clock
  readonly signal: AbortSignal
  /** The longest time between two refreshes, also while nobody can tell how long the log keeps a position. */
  readonly longestMs: number
  /** Commits every position again. */
  refresh(): void
}

/** More often than a quarter of the retention: three refreshes may fail, and the fourth still comes in time. */
const SHARE = 5
/** Brokers may be restarted with another retention. */
const LOOK_MS = 600_000
/** After a look that failed. What was known stays in force. */
const LOOK_AGAIN_MS = 60_000

/**
 * Has every position committed again before the log forgets it, moved or not.
 *
 *     look (now, every 10 min) ─► retention ─► interval = a fifth of it, 12 h at most
 *                                                  └─► refresh, each interval since the last
 */
export class Refresher {
  readonly #host: RefresherHost
  #intervalMs: number
  #refreshedAt: number
  #due: NodeJS.Timeout | undefined
  #look: NodeJS.Timeout | undefined

  constructor(host: RefresherHost) {
    this.#host = host
    this.#intervalMs = host.longestMs
    this.#refreshedAt = host.clock.monotonic()
  }

  /** Runs until the signal aborts. */
  start(): void {
    this.#host.signal.addEventListener('abort', () => this.#end(), { once: true })
    this.#schedule()
    void this.#learn()
  }

  async #learn(): Promise<void> {
    const { admin, signal, longestMs } = this.#host
    let wait = LOOK_MS
    try {
      const retention = await admin.positionRetentionMs(signal)
      this.#intervalMs = Math.min(longestMs, retention === null ? longestMs : retention / SHARE)
    } catch {
      // not allowed to ask, or the log is away: what was known stays in force
      wait = LOOK_AGAIN_MS
    }
    if (signal.aborted) return
    this.#schedule()
    this.#look = setTimeout(() => void this.#learn(), wait)
  }

  #schedule(): void {
    clearTimeout(this.#due)
    const wait = this.#refreshedAt + this.#intervalMs - this.#host.clock.monotonic()
    this.#due = setTimeout(() => this.#refresh(), Math.max(0, wait))
  }

  #refresh(): void {
    this.#refreshedAt = this.#host.clock.monotonic()
    this.#host.refresh()
    this.#schedule()
  }

  #end(): void {
    clearTimeout(this.#due)
    clearTimeout(this.#look)
  }
}
