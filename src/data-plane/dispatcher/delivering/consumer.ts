import type { DeliveryLineage } from '../../../contract/lineage.ts'
import type { Clock } from '../../../core/clock.ts'
import type { TopicPartition } from '../../../kafka/log.ts'
import type { Spans } from '../../../telemetry/spans.ts'
import type { DispatcherOptions } from '../options.ts'
import type { OutletShare } from '../reading/in-flight.ts'
import type { Failure } from './failure.ts'
import type { JsonBodies } from './json-bodies.ts'
import type { Parking } from './parking.ts'
import type { Prepared } from './prepared.ts'
import type { Replies } from './replies.ts'
import type { Tally } from './tally.ts'

/** What deliveries of all Outlets share. */
export interface Services {
  readonly options: DispatcherOptions
  readonly clock: Clock
  readonly replies: Replies
  readonly jsonBodies: JsonBodies
  readonly parking: Parking
  /** Null: nobody remembers how deliveries ended. */
  readonly lineage: DeliveryLineage | null
  /** Null: nobody follows them, and the trace of an event goes through as it came. */
  readonly spans: Spans | null
  /** False: this process may have lost its partitions. Nothing may be sent. */
  mayAct(): boolean
}

/** An event that nobody took, and that is to wait until somebody does. */
export interface Blocked {
  readonly entry: { readonly at: TopicPartition; readonly offset: number }
}

/** The Outlet, as its deliveries see it. `prepared` is replaced when the Outlet changes: read it at each step. */
export interface Consumer {
  readonly prepared: Prepared
  readonly services: Services
  /** Of the memory of events in flight. */
  readonly share: OutletShare
  /** Null: nobody asks for metrics. */
  readonly tally: Tally | null
  /** How many deliveries may be in flight per partition now. */
  readonly window: number
  /** How many may be pending per partition now: in flight, or held back by one of their key that is. */
  readonly room: number
  /** The subscriber took it, or the dead letter sink. */
  delivered(): void
  /** It was the dead letter sink. */
  deadLettered(): void
  /** So many events of its answer are stored. */
  replied(events: number): void
  /** One try failed; there may be more. */
  tryFailed(destination: string, reason: string): void
  parked(topic: string, failure: Failure): void
  /** Nobody took it, and it was not to be parked: it is gone. */
  dropped(failure: Failure): void
  /** A reply has made its last round and was not stored; what it answered goes where failed events go. */
  looped(): void
  /** An event could not even be parked: it waits. */
  unparked(error: unknown): void
  /** Nobody took it: it waits, and is tried again. May come more than once for an event. @param why what was answered last. */
  blocked(event: Blocked, why: string): void
  /** It waits no more: somebody took it, or it is given up here. */
  unblocked(event: Blocked): void
}
