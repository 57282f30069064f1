import type { Fault } from '../../core/fault.ts'
import type { Resource, StoredObject, WatchEvent, WatchOptions } from '../client.ts'
import { metadataOf } from '../rest-objects.ts'
import { closedFault } from '../transport-call.ts'
import { matcherOf } from './selector.ts'
import { kindOf, served, type Server } from './server.ts'
import type { Change } from './storage.ts'

export interface WatchHooks {
  /** Called with the way to break the watch off; returns what is to be called at its end. */
  readonly begin: (breakOff: (fault: Fault) => void) => () => void
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
  const matches = matcherOf(options)
  const shown = (object: StoredObject): StoredObject =>
    options.metadataOnly === true ? metadataOf(resource, object) : served(resource, object)
  const end = Promise.withResolvers<void>()
  let over = false
  const stop = (fault?: unknown): void => {
    over = true
    if (fault === undefined) end.resolve()
    else end.reject(fault)
  }
  const pass = (event: WatchEvent | undefined): void => {
    if (over || event === undefined) return
    try {
      on(event)
    } catch (error) {
      stop(error)
    }
  }
  const show = (change: Change): void => {
    if (change.kind === kind) queueMicrotask(() => pass(eventOf(change, matches, shown)))
  }
  for (const change of server.storage.changesAfter(Number(options.resourceVersion))) show(change)
  const unsubscribe = server.storage.subscribe(show)
  const bookmark = (): void => pass({ type: 'bookmark', resourceVersion: String(server.storage.version) })
  const timeout = setTimeout(() => (bookmark(), stop()), (options.timeoutSeconds ?? 300) * 1000)
  const bookmarks = setInterval(bookmark, bookmarkMs)
  const abort = (): void => stop(closedFault(`watch ${kindOf(resource)}`, signal))
  signal.addEventListener('abort', abort)
  const ended = begin(stop)
  try {
    await end.promise
  } finally {
    ended()
    unsubscribe()
    clearTimeout(timeout)
    clearInterval(bookmarks)
    signal.removeEventListener('abort', abort)
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
