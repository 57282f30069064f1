import { systemClock, type Clock } from '../core/clock.ts'
import type { Fault } from '../core/fault.ts'
import type { KubeClient, Resource, WatchEvent, WatchOptions } from './client.ts'
import { kinds } from './kinds.ts'
import type { Manager } from './memory/ownership.ts'
import { refusals } from './memory/refusals.ts'
import { Server } from './memory/server.ts'
import { watchServer } from './memory/watching.ts'
import { closedFault } from './transport-call.ts'

export interface MemoryApiOptions {
  readonly clock?: Clock
  /** Kinds that are there from the start. Default: all of `kinds`. */
  readonly installed?: readonly Resource[]
  /** How many changes a watch can go back at least. Default 10,000. */
  readonly historyLimit?: number
  /** How often a watch gets a bookmark. Default 60,000; one comes at its end too. */
  readonly bookmarkMs?: number
}

type StopWatch = (fault?: Fault) => void

/**
 * An API server in memory, with what `test/suites/kube.suite.ts` promises and no more. Not there: schemas, defaults, admission, accounts
 * and rights, the scale subresource, and namespaces need not exist to be used. Objects that it hands out are frozen.
 */
export class MemoryApi {
  readonly #server: Server
  readonly #bookmarkMs: number
  /** Ways to end them, with the kind that each is of. */
  readonly #watches = new Map<StopWatch, Resource>()
  #away = false

  constructor(options: MemoryApiOptions = {}) {
    this.#server = new Server(options.clock ?? systemClock, options.historyLimit ?? 10_000)
    this.#bookmarkMs = options.bookmarkMs ?? 60_000
    for (const resource of options.installed ?? Object.values(kinds)) this.#server.install(resource)
  }

  /** The kind is there from now on, as when a CustomResourceDefinition is applied. */
  install(resource: Resource): void {
    this.#server.install(resource)
  }

  /** The kind is gone, its objects with it; watches of it end. */
  uninstall(resource: Resource): void {
    this.#server.uninstall(resource)
    for (const [stop, { group, plural }] of [...this.#watches]) {
      if (group === resource.group && plural === resource.plural) queueMicrotask(stop)
    }
  }

  /** Forgets history: whoever wants to watch from an older version, or page on from one, gets ApiGone. */
  compact(): void {
    this.#server.storage.compact()
  }

  /** Breaks all watches with ApiUnavailable. */
  breakWatches(): void {
    for (const stop of [...this.#watches.keys()]) stop(refusals.unavailable())
  }

  /** While true, everything answers ApiUnavailable, and watches break. */
  set away(away: boolean) {
    this.#away = away
    if (away) this.breakWatches()
  }

  /** @param manager whom managedFields name for what is not applied */
  client(manager = 'millrace'): KubeClient {
    const own = new Set<StopWatch>()
    let closed = false
    const answer = async <T>(signal: AbortSignal, work: () => T): Promise<T> => {
      await Promise.resolve() // never in the turn of the caller
      if (closed || signal.aborted) throw closedFault('API client', signal)
      if (this.#away) throw refusals.unavailable()
      return work()
    }
    const by = (subresource: string | undefined, applier?: string): Manager => ({
      manager: applier ?? manager,
      operation: applier === undefined ? 'Update' : 'Apply',
      ...(subresource === undefined ? {} : { subresource }),
    })
    const server = this.#server
    return {
      get: (resource, key, signal) => answer(signal, () => server.get(resource, key)),
      list: (resource, options, signal) => answer(signal, () => server.list(resource, options)),
      watch: async (resource, options, on, signal) => {
        await answer(signal, () => undefined)
        await this.#watch(resource, options, on, signal, own)
      },
      create: (resource, object, signal, options = {}) =>
        answer(signal, () => server.create(resource, object, by(options.subresource), options)),
      replace: (resource, object, signal, options = {}) =>
        answer(signal, () => server.replace(resource, object, by(options.subresource), options)),
      patch: (resource, key, patch, signal, options = {}) =>
        answer(signal, () => server.patch(resource, key, patch, by(options.subresource), options)),
      apply: (resource, object, fieldManager, signal, options = {}) =>
        answer(signal, () => server.apply(resource, object, by(options.subresource, fieldManager), options)),
      delete: (resource, key, signal, { uid, propagation } = {}) =>
        answer(signal, () => server.delete(resource, key, uid, propagation)),
      close: () => {
        closed = true
        for (const stop of [...own]) stop(closedFault('API client'))
      },
    }
  }

  async #watch(
    resource: Resource,
    options: WatchOptions,
    on: (event: WatchEvent) => void,
    signal: AbortSignal,
    own: Set<StopWatch>,
  ): Promise<void> {
    const begin = (stop: StopWatch): (() => void) => {
      own.add(stop)
      this.#watches.set(stop, resource)
      return () => {
        own.delete(stop)
        this.#watches.delete(stop)
      }
    }
    await watchServer(this.#server, resource, options, on, signal, { begin, bookmarkMs: this.#bookmarkMs })
  }
}
