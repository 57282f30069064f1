import { longestTimerMs, retryBackoffMs } from '../core/backoff.ts'
import type { Clock } from '../core/clock.ts'
import { Fault } from '../core/fault.ts'
import { never } from '../core/never.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { KubeClient, ObjectName, Resource, StoredObject } from './client.ts'
import type { EventRecorder } from './events.ts'
import { asFault, askedWaitMs, isFault } from './faults.ts'
import type { LoopObserver } from './loop-metrics.ts'
import { KeyQueue } from './queue.ts'
import type { DesiredStatus, Outcome, Reconciler } from './reconciler.ts'
import { StatusWriter } from './status-writer.ts'
import { conditionsOf, noticeOf, type StoredCondition } from './status.ts'
import { keyOf, nameOf, type Store, type StoreChange } from './store.ts'

/** How one kind is reconciled. */
export interface ControllerOptions {
  /** For logs. */
  readonly name: string
  readonly resource: Resource
  readonly client: KubeClient
  /** The objects of `resource`. Its changes bring their keys up; nothing runs before its first list is in. */
  readonly store: Store & { ready(): Promise<void> }
  readonly reconciler: Reconciler
  /** How many objects are worked on at once; one object never twice. */
  readonly concurrency: number
  readonly clock: Clock
  readonly logger: Logger
  readonly events: Pick<EventRecorder, 'event'>
  /** Ends it: nothing more is begun, and what runs has its own signal aborted. */
  readonly signal: AbortSignal
  /** Which objects are ours: the others are never handed to the reconciler. Default: all. */
  readonly wants?: ((object: StoredObject) => boolean) | undefined
  /** Reconcile all anew this often, as a belt to the braces; spread over a tenth of it. Default 600,000. */
  readonly resyncMs?: number | undefined
  /** A reconcile that takes longer has its signal aborted. Default 120,000. */
  readonly reconcileMs?: number | undefined
  /** Hears of the loop of this name. */
  readonly observe?: ((name: string) => LoopObserver) | undefined
}

export interface Controller {
  /** Has this key reconciled, now or later: what handlers of other stores call. */
  enqueue(key: ObjectName, afterMs?: number): void
  /** Nothing runs, and nothing is to be run now. */
  readonly idle: boolean
  /** Resolves when it was ended and nothing runs any more. */
  readonly done: Promise<void>
}

/**
 *     changes of the store, enqueue, resync ──► queue ──► reconcile ──► Outcome
 *                                                 ▲                        │ status: written when it differs; Event when Ready changed
 *                                                 └── wait, or backoff ◄───┘
 *
 * Whatever a reconcile throws, the loop goes on.
 */
export function startController(options: ControllerOptions): Controller {
  return new Loop(options)
}

class Loop implements Controller {
  readonly done: Promise<void>
  readonly #options: ControllerOptions
  readonly #logger: Logger
  readonly #queue: KeyQueue
  readonly #writer: StatusWriter
  readonly #observer: LoopObserver | undefined
  /** Failures in a row. */
  readonly #failures = new Map<string, number>()
  /** Ready as it was before a write whose answer did not come: it may be stored all the same, and users are to hear of it. */
  readonly #untold = new Map<string, StoredCondition | undefined>()

  constructor(options: ControllerOptions) {
    this.#options = options
    this.#logger = options.logger.child({ controller: options.name })
    const observer = (this.#observer = options.observe?.(options.name))
    this.#queue = new KeyQueue({ ...options, run: (key) => this.#reconcile(key), began: (ms) => observer?.began(ms) })
    observer?.waiting(() => this.#queue.depth)
    this.#writer = new StatusWriter({ ...options, onChange: (key) => this.enqueue(key) })
    this.done = this.#run()
  }

  get idle(): boolean {
    return this.#options.store.synced && this.#queue.idle
  }

  enqueue = (key: ObjectName, afterMs = 0): void => this.#queue.add(key, afterMs)

  async #run(): Promise<void> {
    const { store, signal, resyncMs = 600_000 } = this.#options
    const unsubscribe = store.subscribe((change) => this.#changed(change))
    const ended = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => ended.resolve(), { once: true })
    if (signal.aborted) ended.resolve()
    // A store that ends before its first list ends us by the same signal.
    await Promise.race([store.ready().catch(() => ended.promise), ended.promise])
    if (!signal.aborted) {
      for (const object of store.all()) if (this.#wants(object)) this.enqueue(nameOf(object))
      this.#queue.start()
    }
    const timer = setInterval(() => this.#resync(resyncMs), Math.min(resyncMs, longestTimerMs))
    await ended.promise
    clearInterval(timer)
    unsubscribe()
    await this.#queue.close()
  }

  #changed(change: StoreChange): void {
    const { object } = change
    const before = change.kind === 'set' ? change.previous : undefined
    if (!this.#wants(object) && !(before !== undefined && this.#wants(before))) return
    if (!this.#writer.isEcho(change)) this.enqueue(nameOf(object))
  }

  #resync(resyncMs: number): void {
    for (const object of this.#options.store.all()) {
      if (this.#wants(object)) this.enqueue(nameOf(object), 1 + (Math.random() * resyncMs) / 10)
    }
  }

  async #reconcile(key: ObjectName): Promise<void> {
    const { store, signal } = this.#options
    const object = this.#writer.newest(store.get(key), key)
    if (object !== undefined && !this.#wants(object)) return this.#settle(key, object)
    const since = this.#options.clock.monotonic()
    let outcome: Outcome
    try {
      outcome = await this.#attempt(key, object)
      const status = outcome.kind === 'notOurs' ? undefined : outcome.status
      if (object !== undefined && status !== undefined) await this.#conclude(object, status)
    } catch (error) {
      outcome = { kind: 'failed', fault: this.#judge(key, error) }
    }
    this.#observer?.ended(outcome.kind, this.#options.clock.monotonic() - since)
    if (signal.aborted) return
    switch (outcome.kind) {
      case 'failed':
        return this.#retry(key, outcome.fault)
      case 'waiting':
        this.enqueue(key, Math.max(1, outcome.afterMs))
        return this.#settle(key, object)
      case 'settled':
      case 'notOurs':
        return this.#settle(key, object)
      default:
        return never(outcome)
    }
  }

  /** One reconcile, with a signal of its own that also ends it when it takes too long. */
  async #attempt(key: ObjectName, object: StoredObject | undefined): Promise<Outcome> {
    const { reconciler, signal, reconcileMs = 120_000 } = this.#options
    const run = new AbortController()
    const end = (): void => run.abort()
    const timer = setTimeout(end, reconcileMs)
    signal.addEventListener('abort', end)
    try {
      return await reconciler.reconcile(key, object, run.signal)
    } catch (error) {
      if (!run.signal.aborted || signal.aborted) throw error
      throw new Fault('ApiUnavailable', `it took longer than ${reconcileMs} ms`, { cause: error })
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
    }
  }

  async #conclude(object: StoredObject, status: DesiredStatus): Promise<void> {
    const { events, resource, signal } = this.#options
    const id = keyOf(object.metadata)
    const before = this.#untold.has(id) ? this.#untold.get(id) : conditionsOf(object).find(isReady)
    this.#untold.set(id, before)
    const written = await this.#writer.write(object, status, signal)
    this.#untold.delete(id)
    const after = (written?.conditions ?? conditionsOf(object)).find(isReady)
    const notice = noticeOf(resource.kind, before, after)
    if (notice !== null) events.event(object, notice.type, notice.reason, notice.message)
  }

  #judge(key: ObjectName, error: unknown): Fault {
    if (!(error instanceof Fault)) this.#logger.error({ err: error, key: keyOf(key) }, 'a bug: the reconcile threw')
    return asFault(error)
  }

  #retry(key: ObjectName, fault: Fault): void {
    this.#observer?.retried()
    const id = keyOf(key)
    const failures = (this.#failures.get(id) ?? 0) + 1
    this.#failures.set(id, failures)
    const pace = fault.retriable ? { baseMs: 100, capMs: 30_000 } : { baseMs: 10_000, capMs: 300_000 }
    const afterMs = Math.max(askedWaitMs(fault), retryBackoffMs(failures, pace))
    // The cache will show it in a moment: nothing that anyone should read of.
    const stale = isFault(fault, 'ApiConflict', 'ApiNotFound') && failures < 5
    const facts = { err: fault, key: id, failures, afterMs: Math.round(afterMs) }
    if (stale || failures % 10 !== 1) this.#logger.debug(facts, 'the reconcile failed; trying again')
    else this.#logger.warn(facts, 'the reconcile failed; trying again')
    this.enqueue(key, afterMs)
  }

  #settle(key: ObjectName, object: StoredObject | undefined): void {
    this.#failures.delete(keyOf(key))
    if (object !== undefined) return
    this.#writer.forget(key)
    this.#untold.delete(keyOf(key))
  }

  #wants(object: StoredObject): boolean {
    return this.#options.wants?.(object) ?? true
  }
}

function isReady({ type }: { readonly type: string }): boolean {
  return type === 'Ready'
}
