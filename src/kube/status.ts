import type { Condition } from '../api/meta/condition.ts'
import type { StoredObject } from './client.ts'
import { isRecord } from './equal.ts'
import type { DesiredStatus } from './reconciler.ts'
import { isoOf } from '../core/iso.ts'

/** A condition as Kubernetes stores it. */
export interface StoredCondition {
  readonly type: string
  readonly status: string
  readonly reason?: string
  readonly message?: string
  readonly lastTransitionTime?: string
}

/** `status` as it is written. */
export interface WrittenStatus {
  readonly observedGeneration?: number
  readonly conditions: readonly StoredCondition[]
  readonly [field: string]: unknown
}

/**
 * What to write for `desired` over what `object` has: the generation it speaks of, conditions sorted by type, each with the time (seconds, as
 * Kubernetes has it) at which its status last changed: kept while the status is the same. Empty reasons and messages are left out. Pure.
 */
export function statusOf(desired: DesiredStatus, object: StoredObject, now: number): WrittenStatus {
  const before = new Map(conditionsOf(object).map((condition) => [condition.type, condition]))
  const time = isoOf(now)
  const conditions = desired.conditions.map((condition) => merged(condition, before.get(condition.type), time))
  const { generation } = object.metadata
  return {
    ...desired,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    conditions: conditions.sort((a, b) => (a.type < b.type ? -1 : 1)),
  }
}

function merged(wanted: Condition, before: StoredCondition | undefined, time: string): StoredCondition {
  const { type, status, reason, message } = wanted
  const kept = before?.status === status ? before.lastTransitionTime : undefined
  return {
    type,
    status,
    ...(reason === '' ? {} : { reason }),
    ...(message === '' ? {} : { message }),
    lastTransitionTime: kept ?? time,
  }
}

/** The conditions in its status; what is not shaped like one is left out. */
export function conditionsOf(object: StoredObject): readonly StoredCondition[] {
  const status = object['status']
  const conditions: unknown = isRecord(status) ? status['conditions'] : undefined
  return Array.isArray(conditions) ? conditions.filter(isCondition) : []
}

function isCondition(value: unknown): value is StoredCondition {
  return isRecord(value) && typeof value['type'] === 'string' && typeof value['status'] === 'string'
}

/** What users are told in an Event. */
export interface Notice {
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
}

/**
 * What is to be told when Ready went from `before` to `after`: a change of status or reason. Steps on the way up (Unknown from the start)
 * are not news, and a first Unknown is none at all. Pure.
 */
export function noticeOf(
  kind: string,
  before: StoredCondition | undefined,
  after: StoredCondition | undefined,
): Notice | null {
  if (after === undefined) return null
  const same = before?.status === after.status && (before.reason ?? '') === (after.reason ?? '')
  if (same || (after.status === 'Unknown' && before === undefined)) return null
  if (after.status === 'True') return { type: 'Normal', reason: 'Ready', message: after.message ?? `${kind} is ready` }
  const worse = after.status === 'False' || before?.status === 'True'
  const reason = after.reason ?? 'NotReady'
  return { type: worse ? 'Warning' : 'Normal', reason, message: after.message ?? `${kind} is not ready: ${reason}` }
}
