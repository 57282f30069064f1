import { MemoryRouteSet } from '../../contract/memory-routes.ts'
import type { RouteSet } from '../../contract/route-source.ts'
import { clusterId, type KafkaCluster } from '../../contract/source.ts'

/** The cluster of a route that names none where there is no usual one: nobody answers there. */
export const nowhere: KafkaCluster = { bootstrapServers: '' }

/** What works for the routes of one Kafka cluster. */
interface Unit {
  /** It was idle for long; no route is left. */
  end(): Promise<void>
}

interface Slot<T extends { readonly uid: string }, U> {
  readonly id: string
  readonly cluster: KafkaCluster
  readonly routes: MemoryRouteSet<T>
  unit: U | null
  lingering: NodeJS.Timeout | undefined
  /** Two of the same name would take each other's place in the fleet: the next begins when this one has ended. */
  ending: Promise<void> | null
}

export interface PerClusterParts<T extends { readonly uid: string }, U extends Unit> {
  readonly routes: RouteSet<T>
  clusterOf(route: T): KafkaCluster
  /** Begins work for the routes of a cluster, of which there is at least one; they change while it works. */
  open(cluster: KafkaCluster, routes: RouteSet<T>): U
  /** A route went while no unit was there to let it go. */
  orphaned?(uid: string): void
  /** How long one that has no routes any more is kept, milliseconds. Default 60,000: a cluster often gets new ones soon. */
  readonly lingerMs?: number
}

/**
 * Sorts routes by Kafka cluster and credential, and has a unit at work for each of them that is named, from its first route on until some time
 * after its last.
 *
 *     routes ─► clusterOf ─► a set a cluster ─► unit
 */
export class PerCluster<T extends { readonly uid: string }, U extends Unit> {
  readonly #parts: PerClusterParts<T, U>
  readonly #slots = new Map<string, Slot<T, U>>()
  readonly #unsubscribe: () => void
  #closed = false

  constructor(parts: PerClusterParts<T, U>) {
    this.#parts = parts
    // sorted first, so that a unit begins with all that is there
    for (const route of parts.routes.current.values()) this.#file(route)
    for (const id of this.#slots.keys()) this.#see(id)
    this.#unsubscribe = parts.routes.subscribe((change) => {
      if (change.kind === 'set') this.#set(change.value)
      else this.#remove(change.uid)
    })
  }

  /** The one that works for a route. */
  of(uid: string): U | undefined {
    return this.#slotOf(uid)?.unit ?? undefined
  }

  /** The routes of a cluster, by uid. */
  routesOn(cluster: KafkaCluster): ReadonlyMap<string, T> {
    return this.#slots.get(clusterId(cluster))?.routes.current ?? new Map<string, T>()
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
    const id = clusterId(this.#parts.clusterOf(route))
    if (this.#slotOf(route.uid)?.id !== id) this.#remove(route.uid)
    this.#file(route)
    this.#see(id)
  }

  #file(route: T): void {
    const cluster = this.#parts.clusterOf(route)
    const id = clusterId(cluster)
    let slot = this.#slots.get(id)
    if (slot === undefined) {
      slot = { id, cluster, routes: new MemoryRouteSet(), unit: null, lingering: undefined, ending: null }
      this.#slots.set(id, slot)
    }
    slot.routes.set(route)
  }

  #remove(uid: string): void {
    const slot = this.#slotOf(uid)
    if (slot === undefined) return
    slot.routes.delete(uid)
    if (slot.unit === null) this.#parts.orphaned?.(uid)
    this.#see(slot.id)
  }

  /** There are few clusters, and may be ten thousands of routes: what would say it at once costs more than to look. */
  #slotOf(uid: string): Slot<T, U> | undefined {
    for (const slot of this.#slots.values()) if (slot.routes.current.has(uid)) return slot
    return undefined
  }

  /** Makes it so that a unit is at work when there are routes, and some time after. */
  #see(id: string): void {
    const slot = this.#slots.get(id)
    if (slot === undefined || this.#closed) return
    clearTimeout(slot.lingering)
    if (slot.routes.current.size > 0) {
      if (slot.unit === null && slot.ending === null) slot.unit = this.#parts.open(slot.cluster, slot.routes)
      return
    }
    slot.lingering = setTimeout(() => this.#end(slot), this.#parts.lingerMs ?? 60_000)
    slot.lingering.unref()
  }

  #end(slot: Slot<T, U>): void {
    const { id, unit } = slot
    if (unit === null) return
    slot.unit = null
    slot.ending = unit.end().then(() => {
      slot.ending = null
      if (slot.routes.current.size === 0) this.#slots.delete(id)
      else this.#see(id)
    })
  }
}
