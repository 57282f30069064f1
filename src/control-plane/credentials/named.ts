import type { Store } from '../../kube/store.ts'
import { clusterIn, clusterOfContract } from '../kafka-cluster.ts'
import { statusOf } from '../status-of.ts'
import type { KafkaClusters } from '../topics/kafka-clusters.ts'

/** Where names of credentials stand. */
export interface NamingStores {
  readonly inlets: Store
  readonly outlets: Store
  readonly brokers: Store
  readonly triggers: Store
  readonly kafkaSources: Store
}

/**
 * Credentials that something works with, or will be cleaned up with: what Inlets and Outlets name, what the status of an object says it uses, and what
 * this process still asks Kafka with. Null: the caches are not filled yet.
 */
export function credentialsNamed(
  { inlets, outlets, brokers, triggers, kafkaSources }: NamingStores,
  kafka: Pick<KafkaClusters, 'clusters'>,
): readonly string[] | null {
  const contracts = [inlets, outlets]
  const objects = [brokers, triggers, kafkaSources]
  if ([...contracts, ...objects].some(({ synced }) => !synced)) return null
  const clusters = [
    ...contracts.flatMap((store) => [...store.all()].map((object) => clusterOfContract(object['spec']))),
    ...objects.flatMap((store) => [...store.all()].map((object) => clusterIn(statusOf(object).annotations ?? {}))),
    ...kafka.clusters(),
  ]
  return clusters.flatMap((cluster) => cluster?.credential ?? [])
}
