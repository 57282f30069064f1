import { retryBackoffMs } from '../core/backoff.ts'
import type { Clock } from '../core/clock.ts'
import { Fault } from '../core/fault.ts'
import type { Logger } from '../telemetry/logger.ts'
import { Cache } from './cache.ts'
import type { KubeClient, Resource, Selection, StoredObject, WatchEvent } from './client.ts'
import { asFault, askedWaitMs } from './faults.ts'
import { pause } from './pause.ts'
import { keyOf, type Store } from './store.ts'

const pageSize = 500
/** So many watches in a row broke without a word: the version may be one that the server cannot serve, so list again. */
const watchesBeforeList = 5

/** What to keep a copy of. */
export interface InformerOptions {
  readonly client: KubeClient
  readonly resource: Resource
  readonly selection?: Selection | undefined
  /** What of an object is stored: fewer fields, less memory. managedFields are never stored. Pure; may be called again with what it gave. */
  readonly keep?: ((object: StoredObject) => StoredObject) | undefined
  readonly clock: Clock
  readonly logger: Logger
  /** Ends it; what is stored stays readable. */
  readonly signal: AbortSignal
  /** List anew this often, as a belt to the braces. Default: only when a watch cannot go on. */
  readonly relistMs?: number | undefined
}

/** A store that keeps itself current. */
export interface Informer extends Store {
  /** Resolves when the first list is in. @throws Fault Closed when it was ended before. */
  ready(): Promise<void>
  /** All changes up to this version were told to all listeners; '' before the first list. */
  readonly resourceVersion: string
  /**
   * Calls `listener` each time a list is complete and `resourceVersion` is that of the list: changes that it brought were told while the version
   * was still the old one. Returns the way to stop.
   */
  onListed(listener: () => void): () => void
  /** Why it does not get on at the moment: ApiNotFound (the kind is not installed), ApiForbidden, ApiUnavailable, … */
  readonly fault: Fault | undefined
}

/**
 *     list (pages of 500) ──► watch ──► ended: watch on from the version seen
 *       ▲                       │
 *       │      410 Gone, or     ├─────► broke: the same, after a pause
 *       └── 5 broke in a row ◄──┘
 *
 * Never gives up, and never spins: whatever ended at once is tried again after a growing pause (100 ms to 5 s; 10 s when our account or the
 * kind is what is missing). Objects that went away between two lists are told as gone.
 */
export function startInformer(options: InformerOptions): Informer {
  const informer = new RunningInformer(options)
  void informer.run()
  return informer
}

class RunningInformer implements Informer {
  synced = false
  resourceVersion = ''
  fault: Fault | undefined
  readonly #options: InformerOptions
  readonly #cache: Cache
  readonly #firstList = Promise.withResolvers<void>()
  readonly #listed = new Set<() => void>()
  #listedAt = 0
  /** Whether the server said anything in this watch. */
  #progress = false

  constructor(options: InformerOptions) {
    this.#options = { ...options, logger: options.logger.child({ informer: options.resource.plural }) }
    this.#cache = new Cache({ keep: options.keep, logger: this.#options.logger })
    this.#firstList.promise.catch(() => undefined) // nobody may be waiting
  }

  get: Store['get'] = (key) => this.#cache.get(key)
  all: Store['all'] = () => this.#cache.all()
  subscribe: Store['subscribe'] = (listener) => this.#cache.subscribe(listener)
  ready = (): Promise<void> => this.#firstList.promise

  onListed(listener: () => void): () => void {
    // A function of its own, as in Cache.
    const told = (): void => listener()
    this.#listed.add(told)
    return () => this.#listed.delete(told)
  }

  async run(): Promise<void> {
    const { clock, signal } = this.#options
    let listed = false
    for (let failures = 0; !signal.aborted;) {
      const start = clock.monotonic()
      this.#progress = false
      const broke = await this.#step(listed)
      if (signal.aborted) break
      const lasted = clock.monotonic() - start
      if (broke === undefined && (!listed || lasted >= 1_000)) {
        if (listed) failures = 0
        listed = listed ? !this.#relistDue() : true
        continue
      }
      // Ended, but at once; or broke. A list alone proves nothing: its watch may be refused for ever.
      failures = this.#progress || lasted >= 10_000 ? 1 : failures + 1
      if (broke?.code === 'ApiGone' || failures % watchesBeforeList === 0) listed = false
      await pause(waitMs(broke, failures), signal)
    }
    this.#firstList.reject(new Fault('Closed', 'the informer was ended before its first list'))
  }

  /** One list, or one watch until it ends. Gives what broke it. */
  async #step(listed: boolean): Promise<Fault | undefined> {
    try {
      await (listed ? this.#watch() : this.#list())
      if (listed) this.#recovered()
      return undefined
    } catch (error) {
      if (this.#options.signal.aborted) return undefined
      const fault = asFault(error)
      // Of a kind that never changed some API servers send no bookmark either. A dead connection shows when the next one is opened.
      if (listed && fault.details['silentMs'] !== undefined) return undefined
      // Told once, not with each try: a kind that is not installed is no reason to fill a log.
      if (this.fault?.code !== fault.code && fault.code !== 'ApiGone') {
        this.#options.logger.warn({ err: fault }, 'the API server does not let us follow its changes; trying again')
      }
      this.fault = fault
      return fault
    }
  }

  async #list(): Promise<void> {
    const { client, resource, selection, clock, signal } = this.#options
    const startedAt = clock.monotonic()
    const present = new Set<string>()
    let version: string | undefined
    for (let next: string | undefined = ''; next !== undefined;) {
      const from: { continue?: string } = next === '' ? {} : { continue: next }
      const page = await client.list(resource, { ...selection, limit: pageSize, ...from }, signal)
      version ??= page.resourceVersion
      for (const object of page.items) {
        present.add(keyOf(object.metadata))
        this.#cache.set(object)
      }
      next = page.continue
    }
    this.#cache.retain(present)
    this.#listedAt = startedAt
    this.resourceVersion = version ?? ''
    this.synced = true
    this.#recovered()
    this.#firstList.resolve()
    this.#tellListed()
  }

  #tellListed(): void {
    for (const listener of this.#listed) {
      try {
        listener()
      } catch (error) {
        this.#options.logger.error({ err: error }, 'a listener to lists failed')
      }
    }
  }

  async #watch(): Promise<void> {
    const { client, resource, selection, relistMs = Infinity, signal } = this.#options
    // Not all at one moment, when many informers started together.
    const timeoutSeconds = Math.ceil(Math.min(240 + 240 * Math.random(), relistMs / 1000))
    const on = (event: WatchEvent): void => this.#take(event)
    await client.watch(resource, { ...selection, resourceVersion: this.resourceVersion, timeoutSeconds }, on, signal)
  }

  #take(event: WatchEvent): void {
    if (this.#options.signal.aborted) return
    if (event.type === 'deleted') this.#cache.remove(event.object)
    else if (event.type !== 'bookmark') this.#cache.set(event.object)
    this.resourceVersion = event.type === 'bookmark' ? event.resourceVersion : event.object.metadata.resourceVersion
    this.#progress = true
    this.#recovered()
  }

  #recovered(): void {
    if (this.fault === undefined) return
    this.#options.logger.info({}, 'following the changes of the API server again')
    this.fault = undefined
  }

  #relistDue(): boolean {
    return this.#options.clock.monotonic() - this.#listedAt >= (this.#options.relistMs ?? Infinity)
  }
}

function waitMs(fault: Fault | undefined, failures: number): number {
  const missing = fault?.code === 'ApiNotFound' || fault?.code === 'ApiForbidden'
  return Math.max(askedWaitMs(fault), retryBackoffMs(failures, { capMs: missing ? 10_000 : 5_000 }))
}
