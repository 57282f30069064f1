import { gauge, type Family } from '../../telemetry/metrics/family.ts'
import type { Metrics } from '../../telemetry/metrics/metrics.ts'

const leader = gauge(
  'millrace_leader',
  [],
  '1 for the replica that reconciles, else 0. The sum over all replicas is 1; 0 for a minute: nobody can take the Lease, the logs say why.',
)

export const leaderFamilies: readonly Family[] = [leader]

/** Tells whether this replica leads. @returns what to lead with: it is told as leading as long as that runs. */
export function observeLeading(
  metrics: Metrics | undefined,
  govern: (signal: AbortSignal) => Promise<void>,
): (signal: AbortSignal) => Promise<void> {
  if (metrics === undefined) return govern
  let leads = 0
  metrics.gauge(leader, () => [[{}, leads]])
  return async (signal) => {
    leads = 1
    try {
      await govern(signal)
    } finally {
      leads = 0
    }
  }
}
