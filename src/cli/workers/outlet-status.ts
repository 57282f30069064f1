import { isDeepStrictEqual } from 'node:util'
import type { OutletProgress, OutletStatus } from '../../contract/outlet.ts'
import type { OutletReport } from '../../contract/route-source.ts'

/** What is known when a status is decided. */
export interface StatusView {
  /** What the dispatcher said last of the Outlet. */
  readonly report: OutletReport
  /** As it is in force in this process. */
  readonly stored: OutletStatus | undefined
  /** A fault that this process had reported is over. */
  readonly recovered: boolean
  /** How far it is; absent: as stored. */
  readonly progress?: OutletProgress | undefined
}

/**
 * The status that an Outlet shall have, as the owner of its lowest partition sees it; null: nothing to say that is not said already.
 *
 *     all partitions have a start                 consuming, with or without a fault
 *     not known (yet), a fault                    what was known of this generation stays, and the fault
 *     not known (yet), a fault of ours is over    what was known of this generation
 *     not known (yet)                             nothing: who owned the lowest partition before has spoken, or we will
 *
 * What was known of the topic is kept across generations: it tells that the Outlet has consumed before.
 */
export function decideStatus({ report, stored, recovered, progress: now }: StatusView): OutletStatus | null {
  const { generation, fault, allStarted } = report
  const said = now ?? stored?.progress
  const progress = said === undefined ? {} : { progress: said }
  const problem = fault === null ? {} : { fault: { reason: fault.reason, message: fault.message } }
  if (allStarted !== undefined && report.state === 'consuming') {
    const { topicId, partitions } = allStarted
    return { observedGeneration: generation, state: 'consuming', ...problem, topicId, partitions, ...progress }
  }
  if (fault === null && !(recovered && stored?.fault !== undefined)) return null
  const { fault: _, ...known } = stored ?? { state: 'starting' as const }
  const state = stored?.observedGeneration === generation ? stored.state : 'starting'
  return { ...known, observedGeneration: generation, state, ...problem, ...progress }
}

/** Whether they differ in nothing but progress and the words of the fault, such as a number that goes on changing. */
export function differInWords(a: OutletStatus, b: OutletStatus | undefined): boolean {
  if (b === undefined || a.fault?.reason !== b.fault?.reason) return false
  return isDeepStrictEqual(withoutWords(a), withoutWords(b))
}

function withoutWords({ fault: _fault, progress: _progress, ...rest }: OutletStatus): object {
  return rest
}
