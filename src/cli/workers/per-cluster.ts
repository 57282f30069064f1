import { MemoryRouteSet } from '../../contract/memory-routes.ts'
import type { RouteSet } from '../../contract/route-source.ts'

/** What works for the routes of one Kafka cluster. */
interface Unit {
  /** It was idle for long; no route is left. */
  end(): Promise<void>
}

interface Slot<T extends { readonly uid: string }, U> {
  readonly routes: MemoryRouteSet<T>
  unit: U | null
  lingering: NodeJS.Timeout | undefined
  /** Two of the same name would take each other's place in the fleet: the next begins when this one has ended. */
  ending: Promise<void> | null
}

export interface PerClusterParts<T extends { readonly uid: string }, U extends Unit> {
  readonly routes: RouteSet<T>
  clusterOf(route: T): string
  /** Begins work for the routes of a cluster, of which there is at least one; they change while it works. */
  open(cluster: string, routes: RouteSet<T>): U
  /** A route went while no unit was there to let it go. */
  orphaned?(uid: string): void
  /** How long one that has no routes any more is kept, milliseconds. Default 60,000: a cluster often gets new ones soon. */
  readonly lingerMs?: number
}

/**
 * Sorts routes by Kafka cluster, and has a unit at work for each cluster that is named, from its first route on until some time after its last.
 *
 *     routes ─► clusterOf ─► a set a cluster ─► unit
 */
export class PerCluster<T extends { readonly uid: string }, U extends Unit> {
  readonly #parts: PerClusterParts<T, U>
  readonly #slots = new Map<string, Slot<T, U>>()
  /** Which cluster each route is in. */
  readonly #places = new Map<string, string>()
  readonly #unsubscribe: () => void
  #closed = false

  constructor(parts: PerClusterParts<T, U>) {
    this.#parts = parts
    // sorted first, so that a unit begins with all that is there
    for (const route of parts.routes.current.values()) this.#file(route)
    for (const cluster of this.#slots.keys()) this.#see(cluster)
    this.#unsubscribe = parts.routes.subscribe((change) => {
      if (change.kind === 'set') this.#set(change.value)
      else this.#remove(change.uid)
    })
  }

  get(cluster: string): U | undefined {
    return this.#slots.get(cluster)?.unit ?? undefined
  }

  /** Those at work. */
  get units(): readonly U[] {
    return Array.from(this.#slots.values(), ({ unit }) => unit).filter((unit) => unit !== null)
  }

  /** Follows the routes no more. The units are left as they are: who calls this closes them. */
  close(): readonly U[] {
    this.#closed = true
    this.#unsubscribe()
    for (const { lingering } of this.#slots.values()) clearTimeout(lingering)
    return this.units
  }

  #set(route: T): void {
    const cluster = this.#parts.clusterOf(route)
    if (this.#places.get(route.uid) !== cluster) this.#remove(route.uid)
    this.#file(route)
    this.#see(cluster)
  }

  #file(route: T): void {
    const cluster = this.#parts.clusterOf(route)
    let slot = this.#slots.get(cluster)
    if (slot === undefined) {
      slot = { routes: new MemoryRouteSet(), unit: null, lingering: undefined, ending: null }
      this.#slots.set(cluster, slot)
    }
    this.#places.set(route.uid, cluster)
    slot.routes.set(route)
  }

  #remove(uid: string): void {
    const cluster = this.#places.get(uid)
    if (cluster === undefined) return
    this.#places.delete(uid)
    const slot = this.#slots.get(cluster)
    slot?.routes.delete(uid)
    if (slot?.unit === null) this.#parts.orphaned?.(uid)
    this.#see(cluster)
  }

  /** Makes it so that a unit is at work when there are routes, and some time after. */
  #see(cluster: string): void {
    const slot = this.#slots.get(cluster)
    if (slot === undefined || this.#closed) return
    clearTimeout(slot.lingering)
    if (slot.routes.current.size > 0) {
      if (slot.unit === null && slot.ending === null) slot.unit = this.#parts.open(cluster, slot.routes)
      return
    }
    slot.lingering = setTimeout(() => this.#end(cluster, slot), this.#parts.lingerMs ?? 60_000)
    slot.lingering.unref()
  }

  #end(cluster: string, slot: Slot<T, U>): void {
    const { unit } = slot
    if (unit === null) return
    slot.unit = null
    slot.ending = unit.end().then(() => {
      slot.ending = null
      if (slot.routes.current.size === 0) this.#slots.delete(cluster)
      else this.#see(cluster)
    })
  }
}
