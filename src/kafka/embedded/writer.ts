import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../../core/clock.ts'
import { Fault } from '../../core/fault.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { DataFile } from './database.ts'
import { closedFault, writeFault } from './faults.ts'
import type { Store } from './store.ts'

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
  /** The transaction that holds it is stored. */
  done(): void
  failed(fault: Fault): void
}

/** What one turn writes at most: it must end within 20 ms. */
const TURN_BYTES = 1024 * 1024
const TURN_MS = 6
/** After so many bytes the write-ahead log is copied into the database, in a turn of its own. */
const CHECKPOINT_BYTES = 1024 * 1024
const PAGE_BYTES = 8192
const RETRY_MS = 250
/** Deadline of what is not an append. */
const RUN_WITHIN_MS = 30_000

/**
 * Writes all that is pending with one transaction a turn of the event loop:
 *
 *     add ─► queue ─► turn: BEGIN · apply… (≤ 1 MiB, ≤ 6 ms) · COMMIT ─► synced, off the loop ─► done… ─► committed()
 *              ▲                       │ disk full, I/O error: rolled back, the same again in 250 ms
 *              └───────────────────────┘ (what is past its deadline: LogUnavailable, and surely not stored)
 *
 * What comes while the disk syncs goes together with the next turn.
 */
export class Writer {
  readonly #data: DataFile
  readonly #store: Store
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #committed: () => void
  readonly #closing = new AbortController()
  #queue: Work[] = []
  #running: Promise<void> | undefined
  #sinceCheckpoint = 0
  #failing = false

  /** @param committed called after each commit, when all its work was told. */
  constructor(data: DataFile, store: Store, clock: Clock, logger: Logger, committed: () => void) {
    this.#data = data
    this.#store = store
    this.#clock = clock
    this.#logger = logger
    this.#committed = committed
  }

  /** @param first before all that waits: for what must keep up with the rest. */
  add(work: Work, first = false): void {
    if (this.#closing.signal.aborted) {
      queueMicrotask(() => work.failed(closedFault()))
      return
    }
    if (first) this.#queue.unshift(work)
    else this.#queue.push(work)
    this.#running ??= this.#run()
  }

  /** Runs `apply` in the next transaction. @throws Fault what `apply` refused with, LogUnavailable, Closed; the signal's reason. */
  run<T>(
    apply: () => T,
    { signal, first = false }: { signal?: AbortSignal | undefined; first?: boolean } = {},
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let result: T
      const abort = (): void => {
        work.cancelled = true
        reject(signal?.reason as Error)
      }
      const work: Work = {
        bytes: 256,
        deadline: this.#clock.monotonic() + RUN_WITHIN_MS,
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
      this.add(work, first)
    })
  }

  /** Takes no more; what was not written fails with Closed. Resolves when nothing is under way. */
  async close(): Promise<void> {
    this.#closing.abort()
    for (const work of this.#queue.splice(0)) if (!work.cancelled) work.failed(closedFault())
    await this.#running
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0 || this.#sinceCheckpoint >= CHECKPOINT_BYTES) {
      await new Promise((resolve) => setImmediate(resolve))
      if (this.#closing.signal.aborted) break
      if (this.#sinceCheckpoint >= CHECKPOINT_BYTES) await this.#checkpoint()
      else await this.#write()
    }
    this.#running = undefined
  }

  async #write(): Promise<void> {
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
    } catch (error) {
      return this.#rolledBack(writeFault(error), taken)
    }
    this.#sinceCheckpoint += 2 * PAGE_BYTES
    this.#queue.splice(0, taken)
    await this.#answer(applied, refused)
  }

  async #answer(applied: readonly Work[], refused: readonly [Work, Fault][]): Promise<void> {
    let fault: Fault | undefined
    try {
      await this.#data.commitSynced()
    } catch (error) {
      fault = writeFault(error)
    }
    this.#tell(fault)
    for (const [work, refusal] of refused) work.failed(refusal)
    for (const work of applied) {
      // Cancelled meanwhile: its owner has answered.
      if (work.cancelled) continue
      if (fault === undefined) work.done()
      else work.failed(fault)
    }
    this.#committed()
  }

  /** Nothing of this turn is stored. */
  async #rolledBack(fault: Fault, taken: number): Promise<void> {
    this.#tell(fault)
    if (!fault.retriable) {
      for (const work of this.#queue.splice(0, taken)) if (!work.cancelled) work.failed(fault)
      return
    }
    const now = this.#clock.monotonic()
    const late = this.#queue.filter((work) => work.deadline <= now && !work.cancelled)
    this.#queue = this.#queue.filter((work) => work.deadline > now && !work.cancelled)
    for (const work of late) work.failed(fault)
    await sleep(RETRY_MS, undefined, { signal: this.#closing.signal }).catch(() => undefined)
  }

  /** A failure costs only space, and shows in the next commit. */
  async #checkpoint(): Promise<void> {
    this.#sinceCheckpoint = 0
    try {
      await this.#data.checkpoint()
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
