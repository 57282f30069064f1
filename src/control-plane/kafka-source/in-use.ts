import type { StoredObject } from '../../kube/client.ts'
import { statusOf } from '../status-of.ts'
import { groupOf } from './compile.ts'

/** Keys of `status.annotations`, besides those that say in which Kafka cluster. */
export const sourceInUse = {
  group: 'group.id',
  /** Kafka's id of the cluster: one that has other addresses may be the same. */
  cluster: 'cluster.id',
  /** Which topics were asked for when all that were there had their Outlet: one that comes later is read from its first record. */
  asked: 'topics.asked',
} as const

/** The topics that status says are read. */
export function toldTopics(object: StoredObject): readonly string[] {
  const topics = statusOf(object)['topics']
  return Array.isArray(topics) ? topics.map(String) : []
}

/** The consumer group, also of one that is not understood otherwise. */
export function groupOfSource(object: StoredObject): string {
  const { consumerGroup } = (object['spec'] ?? {}) as { consumerGroup?: unknown }
  return groupOf(typeof consumerGroup === 'string' ? consumerGroup : undefined, object.metadata.uid)
}
