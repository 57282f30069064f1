import { ready, type Condition } from '../api/meta/condition.ts'
import type { StoredObject } from '../kube/client.ts'
import type { DesiredStatus } from '../kube/reconciler.ts'
import { verdictOf } from './verdict.ts'

interface WrittenStatus {
  readonly annotations?: Readonly<Record<string, string>>
  readonly conditions?: readonly Partial<Condition>[]
  readonly [field: string]: unknown
}

/** `status` as it stands. */
export function statusOf(object: StoredObject): WrittenStatus {
  return (object['status'] ?? {}) as WrittenStatus
}

/** Whether anything was said of it yet. */
export function isTold(object: StoredObject): boolean {
  return (statusOf(object).conditions?.length ?? 0) > 0
}

/** The status as it stands, with one condition put and Ready computed anew: what an object says while it goes. */
export function statusWith(object: StoredObject, dependents: readonly string[], put: Condition): DesiredStatus {
  const { observedGeneration: _, conditions = [], ...rest } = statusOf(object)
  const kept = conditions.flatMap(({ type = '', status = 'Unknown', reason = '', message = '' }) =>
    type === put.type || type === 'Ready' || type === '' ? [] : [{ type, status, reason, message }],
  )
  const all = [...kept, put]
  return { ...rest, conditions: verdictOf(all, ready(dependents, all)).conditions }
}

/** The reason of a condition as it stands. */
export function reasonOf(object: StoredObject, type: string): string {
  return statusOf(object).conditions?.find((condition) => condition.type === type)?.reason ?? ''
}
