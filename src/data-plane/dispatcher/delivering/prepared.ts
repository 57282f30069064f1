import type { Delivery as DeliveryPolicy, Outlet } from '../../../contract/outlet.ts'
import { compileFilter, type CompiledFilter } from '../../../event/filter.ts'
import { structuredType } from '../../wire/structured-out.ts'
import type { Origins } from './origins.ts'
import type { Lane } from './send.ts'

/** Where requests go, prepared: nothing is parsed per event. */
export interface Endpoint {
  readonly url: string
  readonly path: string
  readonly lane: Lane
}

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
}

/** @param window deliveries in flight per partition of an unordered Outlet. */
export function prepare(outlet: Outlet, origins: Origins, window: number): Prepared {
  const deadLetter = outlet.delivery.deadLetter
  const json = outlet.delivery.format === 'json'
  return {
    outlet,
    filter: compileFilter(outlet.filter),
    ...bounds(outlet.order, window),
    subscriber: endpoint(outlet.subscriber.url, origins),
    deadLetter: deadLetter === undefined ? null : endpoint(deadLetter.url, origins),
    json,
    headers: [
      ...['prefer', 'reply', 'kn-namespace', outlet.source.namespace],
      ...(json ? ['content-type', structuredType] : []),
    ],
    policy: outlet.delivery,
  }
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

function endpoint(url: string, origins: Origins): Endpoint {
  const parsed = new URL(url)
  return { url, path: parsed.pathname + parsed.search, lane: origins.lane(parsed.origin) }
}
