import type { Delivery as DeliveryPolicy, Outlet } from '../../../contract/outlet.ts'
import { compileFilter, type CompiledFilter } from '../../../event/filter.ts'
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
  readonly subscriber: Endpoint
  readonly deadLetter: Endpoint | null
  /** Headers that are the same for every event: name, value, name, value … */
  readonly headers: readonly string[]
  readonly policy: DeliveryPolicy
}

/** @param window deliveries in flight per partition of an unordered Outlet. */
export function prepare(outlet: Outlet, origins: Origins, window: number): Prepared {
  const deadLetter = outlet.delivery.deadLetter
  return {
    outlet,
    filter: compileFilter(outlet.filter.attributes),
    window: outlet.order === 'ordered' ? 1 : window,
    subscriber: endpoint(outlet.subscriber.url, origins),
    deadLetter: deadLetter === undefined ? null : endpoint(deadLetter.url, origins),
    headers: ['prefer', 'reply', 'kn-namespace', outlet.source.namespace],
    policy: outlet.delivery,
  }
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
