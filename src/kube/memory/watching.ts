import type { Fault } from '../../core/fault.ts'
import type { Resource, StoredObject, WatchEvent, WatchOptions } from '../client.ts'
import { metadataOf } from '../rest-objects.ts'
import { closedFault } from '../transport-call.ts'
import { matcherOf } from './selector.ts'
import { served, type Server } from './server.ts'
import type { Change } from './storage.ts'

export interface WatchHooks {
  /** Called with the way to end the watch, with a fault or as the server does in peace; returns what is to be called when it has ended. */
  readonly begin: (stop: (fault?: Fault) => void) => () => void
  readonly bookmarkMs: number
}

/** One watch: history first, then what comes, in order, each after the write that caused it has returned. */
export async function watchServer(
  server: Server,
  resource: Resource,
  options: WatchOptions,
  on: (event: WatchEvent) => void,
  signal: AbortSignal,
  { begin, bookmarkMs }: WatchHooks,
): Promise<void> {
  const kind = server.kind(resource)
  const delivery = new Delivery(on)
  const show = deliverer(kind, resource, options, delivery)
  for (const change of server.storage.changesAfter(Number(options.resourceVersion))) show(change)
  const bookmark = (): void => delivery.pass({ type: 'bookmark', resourceVersion: String(server.storage.version) })
  const expire = (): void => {
    bookmark()
    delivery.stop()
  }
  const abort = (): void => delivery.stop(closedFault(`watch ${kind}`, signal))
  const unsubscribe = server.storage.subscribe(show)
  const timeout = setTimeout(expire, (options.timeoutSeconds ?? 300) * 1000)
  const bookmarks = setInterval(bookmark, bookmarkMs)
  signal.addEventListener('abort', abort)
  const hasEnded = begin((fault) => delivery.stop(fault))
  try {
    await delivery.ended
  } finally {
    hasEnded()
    unsubscribe()
    clearTimeout(timeout)
    clearInterval(bookmarks)
    signal.removeEventListener('abort', abort)
  }
}

/** Hands events to a reader until it is stopped, or the reader throws. */
class Delivery {
  readonly #on: (event: WatchEvent) => void
  readonly #end = Promise.withResolvers<void>()
  #over = false

  constructor(on: (event: WatchEvent) => void) {
    this.#on = on
  }

  get ended(): Promise<void> {
    return this.#end.promise
  }

  pass(event: WatchEvent): void {
    if (this.#over) return
    try {
      this.#on(event)
    } catch (error) {
      this.stop(error)
    }
  }

  stop(error?: unknown): void {
    this.#over = true
    if (error === undefined) this.#end.resolve()
    else this.#end.reject(error)
  }
}

function deliverer(
  kind: string,
  resource: Resource,
  options: WatchOptions,
  delivery: Delivery,
): (change: Change) => void {
  const matches = matcherOf(options)
  const shown = (object: StoredObject): StoredObject =>
    options.metadataOnly === true ? metadataOf(resource, object) : served(resource, object)
  return (change) => {
    const event = change.kind === kind ? eventOf(change, matches, shown) : undefined
    if (event) queueMicrotask(() => delivery.pass(event))
  }
}

/** A change as a watch with a selection sees it: what begins to match is added, what no longer does is deleted, as it last was. */
function eventOf(
  { before, after, deleted }: Change,
  matches: (object: StoredObject) => boolean,
  shown: (object: StoredObject) => StoredObject,
): WatchEvent | undefined {
  const was = before !== undefined && matches(before)
  const is = !deleted && matches(after)
  if (is) return { type: was ? 'modified' : 'added', object: shown(after) }
  if (!was) return undefined
  if (deleted) return { type: 'deleted', object: shown(after) }
  const { resourceVersion } = after.metadata
  return { type: 'deleted', object: shown({ ...before, metadata: { ...before.metadata, resourceVersion } }) }
}
