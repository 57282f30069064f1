import type { LogPlace, OutletStanding, Standing } from '../../contract/lineage.ts'
import type { OutletRun } from './delivering/outlet-run.ts'
import type { Worker } from './worker.ts'

/** A first start that nobody stamped, but that is known to be over. See Starter. */
const longAgo = 1

/** Where a record stands at each Outlet of its topic, as far as this process works on its partition. */
export function standingsOf(worker: Worker, { topic, partition, offset }: LogPlace): readonly OutletStanding[] {
  const place = worker.partition({ topic, partition })
  if (place === undefined) return []
  return worker.runsOf(topic).map((run) => {
    const cursor = run.cursors.get(partition)
    const standing: Standing = cursor?.place === place ? cursor.standing(offset) : { kind: 'starting' }
    return { outlet: run.outlet, ...startOf(run), standing }
  })
}

function startOf({ firstStart: { at } }: OutletRun): { readonly startedAt?: number } {
  return at > longAgo ? { startedAt: at * 1000 } : {}
}
