import type { OutletProgress } from '../../contract/outlet.ts'
import { topicId, type LiveWorker } from '../fleet.ts'
import type { StandingOutlet } from './observe.ts'

/** How far a KafkaSource is: its Outlets together; fields of its status. */
export function progressOf(outlets: readonly StandingOutlet[]): Partial<OutletProgress> {
  const all = outlets.flatMap(({ status }) => status?.progress ?? [])
  if (all.length === 0) return {}
  const lastDelivery = all.flatMap((each) => each.lastDelivery ?? []).reduce(latest, '')
  const lastError = all.flatMap((each) => each.lastError ?? []).toSorted((a, b) => (a.time < b.time ? 1 : -1))[0]
  return {
    lag: all.reduce((sum, { lag }) => sum + lag, 0),
    ...(lastDelivery === '' ? {} : { lastDelivery }),
    ...(lastError === undefined ? {} : { lastError }),
  }
}

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

function latest(a: string, b: string): string {
  return a > b ? a : b
}
