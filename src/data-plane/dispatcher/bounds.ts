import type { Outlet } from '../../contract/outlet.ts'

/**
 * By topic: at most so many dispatchers share its partitions. Outlets of one topic are read together: the largest number that one of them names
 * counts, and none as soon as one of them names none.
 */
export function boundsOf(outlets: Iterable<Pick<Outlet, 'topic' | 'consumers'>>): ReadonlyMap<string, number> {
  const bounds = new Map<string, number>()
  for (const { topic, consumers = Infinity } of outlets) bounds.set(topic, Math.max(consumers, bounds.get(topic) ?? 0))
  for (const [topic, bound] of bounds) if (bound === Infinity) bounds.delete(topic)
  return bounds
}

export function sameBounds(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): boolean {
  return a.size === b.size && [...a].every(([topic, bound]) => b.get(topic) === bound)
}
