import type { FoundRecord, LogPlace, Refused } from '../../../contract/lineage.ts'
import type { Source } from '../../../contract/source.ts'
import type { Delivery } from './fate.ts'
import type { Silent } from './way.ts'

/** An event that was stored. */
export interface Traced {
  readonly place: LogPlace
  /** `clusterId` of its Kafka; absent: the one that the workers know. */
  readonly cluster?: string
  /** By whom; absent: no ingress remembers it. */
  readonly accepted?: { readonly at: number; readonly broker: Source; readonly worker: string }
  /** Null: Kafka has no such record any more, or nobody could look: see `problem`. */
  readonly record: FoundRecord | null
  readonly problem?: string
  readonly deliveries: readonly (Delivery & { readonly replies?: readonly Traced[] })[]
}

/** A request that was refused, and what to do. */
export interface TracedRefusal extends Refused {
  readonly worker: string
  readonly advice: string
}

/** Who was asked. */
interface Asked {
  readonly name: string
  readonly role: string
  /** It remembers everything from here on, milliseconds since 1970. */
  readonly remembersFrom: number
  /** Why it remembers less than it should. */
  readonly trouble?: string
}

/** A topic of Kafka that was searched. */
export interface Searched {
  readonly topic: string
  readonly since: number
  readonly until?: number
  readonly read: number
  /** It ended early, at a bound of the worker. */
  readonly bounded: boolean
  readonly problem?: string
}

/** All that `trace` tells. */
export interface Report {
  readonly id: string
  readonly source?: string
  readonly where: string
  readonly found: boolean
  readonly events: readonly Traced[]
  /** So many older events with this id are left out. */
  readonly omitted: number
  readonly refused: readonly TracedRefusal[]
  readonly asked: readonly Asked[]
  readonly silent: readonly Silent[]
  readonly searched: readonly Searched[]
}
