import type { Budget } from './budget.ts'
import type { Partition } from './partition.ts'

/** Clears rings, the largest first, until catch-up may go on: whoever is behind can read by himself. */
export function relieve(budget: Budget, partitions: readonly Partition[]): void {
  const holders = partitions.filter(({ ring }) => ring.bytes > 0).sort((a, b) => b.ring.bytes - a.ring.bytes)
  for (const partition of holders) {
    if (budget.catchUpAllowed) return
    partition.ring.clear()
  }
  // events in flight hold the rest: that stops catch-up, but no tail
  if (!budget.exhausted) for (const partition of partitions) partition.onRoom()
}
