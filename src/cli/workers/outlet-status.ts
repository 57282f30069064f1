import { isDeepStrictEqual } from 'node:util'
import type { OutletProgress, OutletShare, OutletStatus } from '../../contract/outlet.ts'
import type { OutletReport } from '../../contract/route-source.ts'
import { isRecord, sameJson } from '../../kube/equal.ts'

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
  const { fault: _, shares: __, ...known } = stored ?? { state: 'starting' as const, shares: {} }
  const state = stored?.observedGeneration === generation ? stored.state : 'starting'
  return { ...known, observedGeneration: generation, state, ...problem, ...progress }
}

/** Whether they differ in nothing but progress and the words of the fault, such as a number that goes on changing. */
export function differInWords(a: OutletStatus, b: OutletStatus | undefined): boolean {
  if (b === undefined || a.fault?.reason !== b.fault?.reason) return false
  return isDeepStrictEqual(withoutWords(a), withoutWords(b))
}

function withoutWords({ fault: _fault, progress: _progress, shares: _shares, ...rest }: OutletStatus): object {
  return rest
}

const noShares = {}

/**
 * What a process keeps of a status: of the shares its own alone, since those of all dispatchers of thousands of Outlets are most of what there is.
 * That there is a place for shares stays to be seen: @see changesOf. Pure.
 */
export function withOwnShare(status: unknown, instance: string): unknown {
  if (!isRecord(status) || !isRecord(status['shares'])) return status
  const { [instance]: own } = status['shares']
  return { ...status, shares: own === undefined ? noShares : { [instance]: own } }
}

/** One step of a JSON patch (RFC 6902). */
export interface StatusChange {
  readonly op: 'add' | 'remove'
  readonly path: string
  readonly value?: unknown
}

/** The fields that whoever speaks for an Outlet writes. */
const spoken = ['observedGeneration', 'state', 'fault', 'topicId', 'partitions', 'progress'] as const

/** What stands in the object, and what shall. */
export interface StatusChanges {
  /** As it stands there, whoever wrote it; the shares of others may be left out. */
  readonly written: unknown
  /** As we understand that. */
  readonly stored: OutletStatus | undefined
  /** As {@link decideStatus} says; null: not for us, or as it is. */
  readonly status: OutletStatus | null
  /** What this process did; undefined: as it is. */
  readonly share: OutletShare | undefined
  /** Whose share that is. */
  readonly instance: string
}

/** Names the fields that differ, and no other: each dispatcher has its own, and those of another version are left alone. Pure. */
export function changesOf({ written, stored, status, share, instance }: StatusChanges): readonly StatusChange[] {
  const told = share !== undefined && !sameJson(share, stored?.shares?.[instance] ?? {})
  if (!isRecord(written)) {
    // of one that nobody has said anything of there is nothing to share
    if (status === null) return []
    // a place for the shares of others, so that none of them makes it at the same time as another
    return [{ op: 'add', path: '/status', value: { ...status, shares: told ? { [instance]: share } : {} } }]
  }
  const fields = status === null ? [] : spoken.flatMap((field) => changeOf(field, written[field], status[field]))
  if (!told) return fields
  const place = isRecord(written['shares'])
    ? { path: `/status/shares/${instance.replaceAll('~', '~0').replaceAll('/', '~1')}`, value: share }
    : { path: '/status/shares', value: { [instance]: share } }
  return [...fields, { op: 'add', ...place }]
}

function changeOf(field: string, is: unknown, wanted: unknown): StatusChange[] {
  if (sameJson(is, wanted)) return []
  const path = `/status/${field}`
  return [wanted === undefined ? { op: 'remove', path } : { op: 'add', path, value: wanted }]
}
