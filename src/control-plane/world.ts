import type { Clock } from '../core/clock.ts'
import type { KubeClient, ObjectName, Resource } from '../kube/client.ts'
import { applyChild } from '../kube/child.ts'
import type { EventRecorder } from '../kube/events.ts'
import { keyOf, type Store } from '../kube/store.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { BrokerBoard } from './board.ts'
import type { ContractVersions } from './contract-versions.ts'
import { contractObject, sourceLabelsOf, type ContractDraft } from './contract-object.ts'
import type { Credentials } from './credentials/credentials.ts'
import type { Fleet } from './fleet.ts'
import type { SourceGroups } from './kafka-source/groups.ts'
import type { SourceOutlets } from './kafka-source/outlets.ts'
import type { NameIndex } from './name-index.ts'
import type { References } from './references.ts'
import type { ResolveReference } from './resolve.ts'
import type { KafkaClusters } from './topics/kafka-clusters.ts'
import type { WorkerState } from './workers/reconciler.ts'

/** Our account in managedFields. */
export const fieldManager = 'millrace'

/** Caches of the API server. */
export interface Stores {
  readonly brokers: Store
  readonly triggers: Store
  readonly kafkaSources: Store
  /** Of the system namespace, as the next three. */
  readonly inlets: Store
  readonly outlets: Store
  readonly workers: Store
  readonly pods: Store
  readonly services: Store
  readonly configMaps: Store
}

/** What the reconcilers of Brokers and Triggers share. Everything in it is read only but by its own methods. */
export interface World {
  readonly client: KubeClient
  /** The system namespace. */
  readonly namespace: string
  /** Base URL of the ingress, without a slash at the end. */
  readonly ingressUrl: string
  /** Whether that leads to our ingress. */
  readonly ingressAddress: () => WorkerState
  readonly clock: Clock
  readonly logger: Logger
  readonly events: EventRecorder
  readonly stores: Stores
  readonly kafka: KafkaClusters
  readonly credentials: Credentials
  readonly fleet: Fleet
  readonly inletVersions: ContractVersions
  readonly outletVersions: ContractVersions
  readonly topicNames: NameIndex
  readonly groupNames: NameIndex
  /** Consumer groups of KafkaSources, by Kafka cluster and topic. */
  readonly sourceGroups: SourceGroups
  readonly sourceOutlets: SourceOutlets
  readonly references: References
  readonly resolve: ResolveReference
  readonly board: BrokerBoard
  readonly awaiting: {
    readonly ingress: AwaitedVersions
    readonly dispatcher: AwaitedVersions
    readonly source: AwaitedVersions
  }
}

/** Which objects wait for workers to see which version. */
export class AwaitedVersions {
  readonly #awaited = new Map<string, { readonly key: ObjectName; readonly version: string }>()

  set(key: ObjectName, version: string | undefined): void {
    if (version === undefined) this.#awaited.delete(keyOf(key))
    else this.#awaited.set(keyOf(key), { key, version })
  }

  /** Those whose version fulfils `reached`. */
  *reached(reached: (version: string) => boolean): Iterable<ObjectName> {
    for (const { key, version } of this.#awaited.values()) if (reached(version)) yield key
  }
}

/** Writes an Inlet or Outlet where it differs from what is meant. */
export function applyContract(
  world: World,
  resource: Resource,
  draft: ContractDraft,
  signal: AbortSignal,
): Promise<'unchanged' | 'applied' | 'notOurs'> {
  const store = resource.kind === 'Inlet' ? world.stores.inlets : world.stores.outlets
  const owner = { labels: sourceLabelsOf(draft.source) }
  const options = { client: world.client, store, owner, fieldManager, signal, storeIsWhole: true }
  return applyChild(options, resource, contractObject(resource, draft, world.namespace))
}
