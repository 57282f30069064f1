import { topicId, type LiveWorker } from '../fleet.ts'
import type { StandingOutlet } from './observe.ts'

/** A dispatcher, and how many partitions of a KafkaSource it has; as Knative writes it. */
export interface Placement {
  readonly podName: string
  readonly vreplicas: number
}

/** Who has the partitions of its topics, in the order of their names. */
export function placementsOf(
  outlets: readonly Pick<StandingOutlet, 'topic' | 'cluster'>[],
  dispatchers: readonly LiveWorker[],
): readonly Placement[] {
  const counted = dispatchers.map(({ name, owns }): Placement => {
    const owned = outlets.map(({ topic, cluster }) => (cluster && owns.get(topicId(cluster, topic))?.size) ?? 0)
    return { podName: name, vreplicas: owned.reduce((sum, count) => sum + count, 0) }
  })
  return counted.filter(({ vreplicas }) => vreplicas > 0).toSorted((a, b) => (a.podName < b.podName ? -1 : 1))
}
