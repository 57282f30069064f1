import type { Inlet } from './inlet.ts'
import type { Outlet } from './outlet.ts'

/** What changed: an object is there in this version, or it is gone. */
export type RouteChange<T> =
  { readonly kind: 'set'; readonly value: T } | { readonly kind: 'gone'; readonly uid: string }

/** A set of Inlets or Outlets that changes while events flow. */
export interface RouteSet<T extends { readonly uid: string }> {
  /** By uid. */
  readonly current: ReadonlyMap<string, T>
  /** Calls `listener` for every later change, in order. Returns the way to stop. */
  subscribe(listener: (change: RouteChange<T>) => void): () => void
}

/** Port: what the data plane shall do. Built on Kubernetes by the controller's workers, on files by `millrace dev`. */
export interface RouteSource {
  readonly inlets: RouteSet<Inlet>
  readonly outlets: RouteSet<Outlet>
}

/** Why an Outlet does not deliver as it should. CamelCase, used as condition reason. */
export type OutletFaultReason =
  /** The log cannot be reached. */
  | 'LogUnavailable'
  | 'TopicNotFound'
  | 'NotAuthorized'
  /** Kafka does not know the user, or the password is wrong. */
  | 'AuthenticationFailed'
  /** No TLS connection could be made: the server's certificate is not trusted, or ours is not taken. */
  | 'TlsFailed'
  /** The credential that the Outlet names is not there (yet). */
  | 'CredentialNotFound'
  /** The consumer group has live members that are not ours: deliveries pause. */
  | 'GroupInUse'
  /** Retention removed events before they were read. */
  | 'EventsExpired'
  /** A reply went round once too often and was not stored. */
  | 'LoopDetected'
  /** Events are parked, or wait because nobody takes them and they could be parked nowhere. */
  | 'DeliveryFailed'
  /** Events flow, but the log may forget the group's positions: it had members of someone else, and we may not make it anew. */
  | 'PositionsExpire'

/** Faults that tell of events that were lost or set aside while the rest flows. */
const flowing: ReadonlySet<string> = new Set<OutletFaultReason>([
  'EventsExpired',
  'DeliveryFailed',
  'LoopDetected',
  'PositionsExpire',
])

/** Whether events stand still until it is mended. A reason that we do not know, of a newer worker, is taken for the worse. */
export function haltsDelivery(reason: string): boolean {
  return !flowing.has(reason)
}

/** What the data plane says about one Outlet. Sent on change only. */
export interface OutletReport {
  readonly uid: string
  /** The generation of the Outlet that this speaks of. */
  readonly generation: number
  /**
   * starting: starting positions are not all committed yet; consuming: they are, and this generation is in force;
   * released: the Outlet is gone and nothing of it will be committed any more (its group may be deleted).
   */
  readonly state: 'starting' | 'consuming' | 'released'
  readonly fault: { readonly reason: OutletFaultReason; readonly message: string } | null
  /**
   * Said only by who owns the lowest partition of the topic, and only while `consuming` holds for the whole fleet: each partition of the
   * topic, whoever owns it, has a committed starting position.
   */
  readonly allStarted?: AllStarted
}

/** All partitions of a topic that an Outlet has begun with. */
export interface AllStarted {
  /** Kafka's id of the topic: another one means that it was deleted and made again. */
  readonly topicId: string
  readonly partitions: number
}

/** Port: takes the reports of the data plane. */
export interface OutletReporter {
  report(report: OutletReport): void
}

/**
 * Port: keeps the positions of a group while the group is deleted and made again (a group that ever had members loses its offsets some
 * days after it became empty; a group made by plain commits does not while we commit). A crash at any step finds them here.
 */
export interface PositionVault {
  save(group: string, positions: string): Promise<void>
  load(group: string): Promise<string | null>
  remove(group: string): Promise<void>
}
