import type { Delivery as DeliveryPolicy, Outlet, RecordConversion, Target } from '../../../contract/outlet.ts'
import { compileFilter, type CompiledFilter } from '../../../event/filter.ts'
import { structuredType } from '../../wire/structured-out.ts'
import { overridesOf } from '../../wire/overrides.ts'
import type { Origins } from './origins.ts'
import type { Lane } from './lane.ts'

/** Where requests go, prepared: nothing is parsed per event. */
export interface Endpoint {
  /** For people and events: without user and password. */
  readonly url: string
  readonly path: string
  readonly lane: Lane
}

export type ParkingPlace = NonNullable<Outlet['parking']>

/** What becomes of an event that no retry and no dead letter sink could take. */
export type Exhausted =
  | { readonly kind: 'park'; readonly place: ParkingPlace }
  | { readonly kind: 'drop' }
  /** It is tried again until somebody takes it. */
  | { readonly kind: 'block' }

/** An Outlet prepared for the hot path: made when the Outlet changes, only used per event. */
export interface Prepared {
  readonly outlet: Outlet
  readonly filter: CompiledFilter
  /** Deliveries in flight per partition. */
  readonly window: number
  /** Deliveries pending per partition, those included that one of their key holds back. */
  readonly room: number
  readonly subscriber: Endpoint
  readonly deadLetter: Endpoint | null
  /** Whether events are written in structured mode. */
  readonly json: boolean
  /** Headers that are the same for every event: name, value, name, value … */
  readonly headers: readonly string[]
  readonly policy: DeliveryPolicy
  readonly exhausted: Exhausted
  /** Makes events of records that are none; null: nothing does. */
  readonly conversion: RecordConversion | null
  /** Attributes that each delivered event gets, over its own: name, value, name, value … */
  readonly overrides: readonly string[]
  /** Nothing is sent. */
  readonly paused: boolean
}

/** @param window deliveries in flight per partition of an unordered Outlet. */
export function prepare(outlet: Outlet, origins: Origins, window: number): Prepared {
  const deadLetter = outlet.delivery.deadLetter
  const json = outlet.delivery.format === 'json'
  return {
    outlet,
    filter: compileFilter(outlet.filter),
    ...bounds(outlet.order, window),
    subscriber: endpoint(outlet.subscriber, origins),
    deadLetter: deadLetter === undefined ? null : endpoint(deadLetter, origins),
    json,
    headers: [
      ...['prefer', 'reply', 'kn-namespace', outlet.source.namespace],
      ...(json ? ['content-type', structuredType] : []),
    ],
    policy: outlet.delivery,
    exhausted: exhausted(outlet),
    conversion: outlet.conversion ?? null,
    overrides: overridesOf(outlet.extensions),
    paused: outlet.paused === true,
  }
}

function exhausted({ onExhausted, parking }: Outlet): Exhausted {
  if (onExhausted === 'drop') return { kind: 'drop' }
  return onExhausted === 'block' || parking === undefined ? { kind: 'block' } : { kind: 'park', place: parking }
}

/** One key that is stuck shall not soon hold up the others, so what waits for its turn is counted apart. */
const ROOM_FOR_KEYS = 5

function bounds(order: Outlet['order'], window: number): Pick<Prepared, 'window' | 'room'> {
  if (order === 'ordered') return { window: 1, room: 1 }
  return { window, room: order === 'key' ? window * ROOM_FOR_KEYS : window }
}

/** Gives the connections back; requests under way end by themselves. */
export function dismiss(prepared: Prepared): void {
  prepared.subscriber.lane.close()
  prepared.deadLetter?.lane.close()
}

function endpoint({ url, protocol }: Target, origins: Origins): Endpoint {
  const parsed = new URL(url)
  return {
    url: withoutUser(url, parsed),
    path: parsed.pathname + parsed.search,
    lane: origins.lane(parsed.origin, protocol),
  }
}

/** Logs, statuses, spans and dead letters say where an event went: nobody there may sign in with that. */
function withoutUser(url: string, parsed: URL): string {
  if (parsed.username === '' && parsed.password === '') return url
  parsed.username = parsed.password = ''
  return parsed.href
}
