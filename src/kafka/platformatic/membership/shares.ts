import type { TopicPartition } from '../../log.ts'
import type { Bounds, Shares } from './slots.ts'

/** Sets of partitions, grouped by topic: topics and numbers in ascending order, each once, so that equal sets look equal. */

export const none: Shares = new Map()

/** No bounds. */
export const unbounded: Bounds = new Map()

/** Bounds in order of topics, at least 1 each, of the topics shared: so that equal ones look equal. */
export function toBounds(most: Bounds, share: Shares): Bounds {
  const named = [...share.keys()].flatMap((topic) => {
    const bound = most.get(topic)
    return bound === undefined ? [] : [[topic, Math.max(1, Math.floor(bound))] as const]
  })
  return new Map(named)
}

export function toShares(partitions: Iterable<TopicPartition>): Shares {
  const byTopic = new Map<string, Set<number>>()
  for (const { topic, partition } of partitions) {
    const numbers = byTopic.get(topic)
    if (numbers !== undefined) numbers.add(partition)
    else byTopic.set(topic, new Set([partition]))
  }
  const topics = [...byTopic].toSorted(([a], [b]) => (a < b ? -1 : 1))
  return new Map(topics.map(([topic, numbers]) => [topic, [...numbers].toSorted((a, b) => a - b)]))
}

export function toPartitions(shares: Shares): readonly TopicPartition[] {
  return [...shares].flatMap(([topic, numbers]) => numbers.map((partition) => ({ topic, partition })))
}

export const union = (a: Shares, b: Shares): Shares => toShares([...toPartitions(a), ...toPartitions(b)])

export const without = (a: Shares, b: Shares): Shares => keep(a, b, false)

export const intersection = (a: Shares, b: Shares): Shares => keep(a, b, true)

function keep(a: Shares, b: Shares, present: boolean): Shares {
  const sets = new Map([...b].map(([topic, numbers]) => [topic, new Set(numbers)]))
  return toShares(
    toPartitions(a).filter(({ topic, partition }) => (sets.get(topic)?.has(partition) ?? false) === present),
  )
}
