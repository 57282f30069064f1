import { sourceLabels } from '../../contract/objects.ts'
import type { ProgressStatus } from '../../api/meta/progress.ts'
import { outletStatusOf, type OutletStatus } from '../../contract/outlet.ts'
import { progressOf } from '../../contract/progress.ts'
import type { StoredObject } from '../../kube/client.ts'
import { kinds } from '../../kube/kinds.ts'
import { listIfAllowed, untilDone, type Cluster } from './cluster.ts'

/** What an Outlet says of one consumer of a topic, as far as people want to know. It may come from another version, so nothing is taken for granted. */
export interface OutletView {
  /** `Trigger shop/orders`. */
  readonly of: string
  readonly name: string
  readonly topic?: string
  readonly group?: string
  readonly bootstrapServers?: string
  readonly subscriberUrl?: string
  /** `starting`, `consuming`, or nothing yet. */
  readonly state?: string
  readonly paused: boolean
  readonly fault?: { readonly reason: string; readonly message: string }
  /** What workers said of it, as far as it is understood. */
  readonly told: OutletStatus | undefined
}

interface OutletSpecSeen {
  readonly source?: { readonly kind: string; readonly namespace: string; readonly name: string }
  readonly topic?: string
  readonly group?: string
  readonly bootstrapServers?: string
  readonly subscriber?: { readonly url: string }
  readonly paused?: boolean
}

interface OutletStatusSeen {
  readonly state?: string
  readonly fault?: { readonly reason: string; readonly message: string }
}

/** Outlets by whose they are; null: we may not look at them. */
export type Outlets = ReadonlyMap<string, readonly OutletView[]> | null

/** @param namespace only of objects there. */
export async function outletsOf(
  { client }: Cluster,
  systemNamespace: string,
  namespace: string | undefined,
): Promise<Outlets> {
  const selection = {
    namespace: systemNamespace,
    ...(namespace === undefined ? {} : { labelSelector: `${sourceLabels.namespace}=${namespace}` }),
  }
  const found = await listIfAllowed(client, kinds.outlet, selection, untilDone)
  return found === null ? null : Map.groupBy(found.map(viewOf), ({ of }) => of)
}

function viewOf(object: StoredObject): OutletView {
  const {
    source,
    topic,
    group,
    bootstrapServers,
    subscriber,
    paused = false,
  } = (object['spec'] ?? {}) as OutletSpecSeen
  const { state, fault } = (object['status'] ?? {}) as OutletStatusSeen
  return {
    of: source === undefined ? '' : `${source.kind} ${source.namespace}/${source.name}`,
    name: object.metadata.name,
    paused,
    told: outletStatusOf(object['status']),
    ...(topic === undefined ? {} : { topic }),
    ...(group === undefined ? {} : { group }),
    ...(bootstrapServers === undefined ? {} : { bootstrapServers }),
    ...(subscriber === undefined ? {} : { subscriberUrl: subscriber.url }),
    ...(state === undefined ? {} : { state }),
    ...(fault === undefined ? {} : { fault }),
  }
}

/** How far an object is, over all its Outlets; empty: nobody said yet. */
export function together(outlets: readonly OutletView[]): ProgressStatus {
  return progressOf(outlets.map(({ told }) => told))
}

/** How many events wait, over all its Outlets; undefined: nobody said yet. */
export function lagOf(outlets: readonly OutletView[]): number | undefined {
  return together(outlets).lag
}
