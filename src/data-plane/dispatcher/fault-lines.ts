import type { OutletFaultReason } from '../../contract/route-source.ts'
import type { Logger } from '../../telemetry/logger.ts'

/** What is met by all Outlets in the same moment, each on each partition, and has one cause. */
const ofTheLog: ReadonlySet<OutletFaultReason> = new Set(['LogUnavailable', 'TopicNotFound', 'NotAuthorized'])
/** How long those who meet it too are counted. */
const COUNT_MS = 2000

interface Cause {
  readonly outlets: Set<string>
  readonly timer: NodeJS.Timeout
  /** Of who met it last. */
  message: string
}

/**
 * What goes wrong with Outlets, for the log of the process: a line a cause, not a line for each of those who meet it.
 *
 *     fault ─► an Outlet's own ─────────────► line
 *          └─► the log's ── new ────────────► line, and from now on count
 *                        └─ already counted ─► … ─► a moment later: one line for all the others
 */
export class FaultLines {
  readonly #logger: Logger
  readonly #causes = new Map<string, Cause>()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  tell(outlet: string, reason: OutletFaultReason, message: string): void {
    if (!ofTheLog.has(reason)) return this.#logger.warn({ outlet, reason }, message)
    // a log that is away is described in as many ways as there are brokers, partitions and groups
    const key = reason === 'LogUnavailable' ? reason : message
    const known = this.#causes.get(key)
    if (known !== undefined) {
      known.outlets.add(outlet)
      known.message = message
      return
    }
    this.#logger.warn({ outlet, reason }, message)
    const timer = setTimeout(() => this.#sum(key, reason), COUNT_MS).unref()
    this.#causes.set(key, { outlets: new Set([outlet]), timer, message })
  }

  close(): void {
    for (const { timer } of this.#causes.values()) clearTimeout(timer)
  }

  #sum(key: string, reason: OutletFaultReason): void {
    const cause = this.#causes.get(key)
    this.#causes.delete(key)
    const others = (cause?.outlets.size ?? 0) - 1
    if (cause !== undefined && others > 0) this.#logger.warn({ reason, others }, `${others} more: ${cause.message}`)
  }
}
