import type { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../core/clock.ts'
import { Fault } from '../core/fault.ts'
import type { Logger } from '../telemetry/logger.ts'
import { closedFault, writeFault } from './embedded-faults.ts'
import type { Store } from './embedded-store.ts'

/** Something to write. Answered exactly once, by `done` or `failed`, and never in the turn that asked for it. */
export interface Work {
  /** What it adds to a turn. */
  readonly bytes: number
  /** `Clock.monotonic()` after which it is not tried again. */
  readonly deadline: number
  /** Set by the owner who answered by itself: then the work is left out. */
  cancelled: boolean
  /** Runs inside the transaction, perhaps more than once. Refuses with a Fault, before it has written anything. */
  apply(): void
  /** The transaction that holds it is committed. */
  done(): void
  failed(fault: Fault): void
}

/** What one turn writes at most: it must end within 20 ms, and so must the commit after it. */
const TURN_BYTES = 1024 * 1024
const TURN_MS = 6
/** After so many bytes the write-ahead log is copied into the database, in a turn of its own. */
const CHECKPOINT_BYTES = 1024 * 1024
const PAGE_BYTES = 8192
const RETRY_MS = 250

/**
 * Writes all that is pending with one transaction a turn of the event loop:
 *
 *     add ─► queue ─► turn: BEGIN · apply… (≤ 1 MiB, ≤ 6 ms) · COMMIT ─► done… ─► committed()
 *              ▲                       │ disk full, I/O error: rolled back, the same again in 250 ms
 *              └───────────────────────┘ (what is past its deadline: LogUnavailable, and surely not stored)
 */
export class Writer {
  readonly #database: DatabaseSync
  readonly #store: Store
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #committed: () => void
  #queue: Work[] = []
  #turn: NodeJS.Immediate | undefined
  #retry: NodeJS.Timeout | undefined
  #sinceCheckpoint = 0
  #failing = false
  #closed = false

  /** @param committed called after each commit, when all its work was told. */
  constructor(database: DatabaseSync, store: Store, clock: Clock, logger: Logger, committed: () => void) {
    this.#database = database
    this.#store = store
    this.#clock = clock
    this.#logger = logger
    this.#committed = committed
  }

  add(work: Work): void {
    if (this.#closed) {
      queueMicrotask(() => work.failed(closedFault()))
      return
    }
    this.#queue.push(work)
    if (this.#retry === undefined) this.#turn ??= setImmediate(() => this.#takeTurn())
  }

  /** Runs `apply` in the next transaction. @throws Fault what `apply` refused with, LogUnavailable, Closed; the signal's reason. */
  run<T>(apply: () => T, withinMs = 30_000, signal?: AbortSignal): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let result: T
      const abort = (): void => {
        work.cancelled = true
        reject(signal?.reason as Error)
      }
      const work: Work = {
        bytes: 256,
        deadline: this.#clock.monotonic() + withinMs,
        cancelled: false,
        apply: () => {
          result = apply()
        },
        done: () => {
          signal?.removeEventListener('abort', abort)
          resolve(result)
        },
        failed: (fault) => {
          signal?.removeEventListener('abort', abort)
          reject(fault)
        },
      }
      if (signal?.aborted === true) return abort()
      signal?.addEventListener('abort', abort, { once: true })
      this.add(work)
    })
  }

  /** Takes no more; what is pending fails with Closed. */
  close(): void {
    this.#closed = true
    clearImmediate(this.#turn)
    clearTimeout(this.#retry)
    for (const work of this.#queue.splice(0)) if (!work.cancelled) work.failed(closedFault())
  }

  #takeTurn(): void {
    this.#turn = undefined
    if (this.#sinceCheckpoint >= CHECKPOINT_BYTES) this.#checkpoint()
    else this.#write()
    if (
      this.#retry === undefined &&
      !this.#closed &&
      (this.#queue.length > 0 || this.#sinceCheckpoint >= CHECKPOINT_BYTES)
    ) {
      this.#turn ??= setImmediate(() => this.#takeTurn())
    }
  }

  #write(): void {
    const applied: Work[] = []
    const refused: [Work, Fault][] = []
    let taken = 0
    try {
      this.#store.transaction(() => {
        const end = performance.now() + TURN_MS
        let bytes = 0
        for (const work of this.#queue) {
          if (taken > 0 && (bytes + work.bytes > TURN_BYTES || performance.now() > end)) break
          taken += 1
          if (work.cancelled) continue
          bytes += work.bytes
          this.#sinceCheckpoint += work.bytes
          apply(work, applied, refused)
        }
      })
      this.#sinceCheckpoint += 2 * PAGE_BYTES
    } catch (error) {
      this.#rolledBack(error, taken)
      return
    }
    this.#queue.splice(0, taken)
    this.#tell(undefined)
    for (const [work, fault] of refused) work.failed(fault)
    for (const work of applied) work.done()
    this.#committed()
  }

  /** Nothing of this turn is stored. */
  #rolledBack(error: unknown, taken: number): void {
    const fault = writeFault(error)
    this.#tell(fault)
    if (!fault.retriable) {
      for (const work of this.#queue.splice(0, taken)) if (!work.cancelled) work.failed(fault)
      return
    }
    const now = this.#clock.monotonic()
    const late = this.#queue.filter((work) => work.deadline <= now && !work.cancelled)
    this.#queue = this.#queue.filter((work) => work.deadline > now && !work.cancelled)
    for (const work of late) work.failed(fault)
    this.#retry = setTimeout(() => {
      this.#retry = undefined
      this.#takeTurn()
    }, RETRY_MS)
  }

  /** Passive: copies what it can, waits for nobody. A failure costs only space, and shows in the next commit. */
  #checkpoint(): void {
    this.#sinceCheckpoint = 0
    try {
      this.#database.exec('PRAGMA wal_checkpoint(PASSIVE)')
    } catch (error) {
      this.#tell(writeFault(error))
    }
  }

  /** Says once that writing fails, and once that it works again. */
  #tell(fault: Fault | undefined): void {
    const failing = fault !== undefined
    if (failing === this.#failing) return
    this.#failing = failing
    if (failing)
      this.#logger.error({ error: fault.message }, 'the embedded log cannot write; trying again until it can')
    else this.#logger.info({}, 'the embedded log writes again')
  }
}

function apply(work: Work, applied: Work[], refused: [Work, Fault][]): void {
  try {
    work.apply()
    applied.push(work)
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    refused.push([work, error])
  }
}
