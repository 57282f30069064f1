import { isDeepStrictEqual } from 'node:util'
import type { Inlet } from './inlet.ts'
import type { Outlet } from './outlet.ts'
import type { RouteChange, RouteSet, RouteSource } from './route-source.ts'

/** A RouteSet in memory: `set` and `delete` tell the listeners. */
export class MemoryRouteSet<T extends { readonly uid: string }> implements RouteSet<T> {
  readonly #current = new Map<string, T>()
  readonly #listeners = new Set<(change: RouteChange<T>) => void>()

  get current(): ReadonlyMap<string, T> {
    return this.#current
  }

  subscribe(listener: (change: RouteChange<T>) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  set(value: T): void {
    this.#current.set(value.uid, value)
    this.#tell({ kind: 'set', value })
  }

  delete(uid: string): void {
    if (this.#current.delete(uid)) this.#tell({ kind: 'gone', uid })
  }

  /** Makes the set hold exactly these; only what differs is told to listeners. */
  replace(wanted: readonly T[]): void {
    const uids = new Set(wanted.map((route) => route.uid))
    for (const uid of [...this.#current.keys()]) if (!uids.has(uid)) this.delete(uid)
    for (const route of wanted) if (!isDeepStrictEqual(this.#current.get(route.uid), route)) this.set(route)
  }

  #tell(change: RouteChange<T>): void {
    for (const listener of this.#listeners) listener(change)
  }
}

/** A RouteSource in memory. */
export class MemoryRoutes implements RouteSource {
  readonly inlets = new MemoryRouteSet<Inlet>()
  readonly outlets = new MemoryRouteSet<Outlet>()
}
