import type { StoredObject } from '../../../kube/client.ts'
import { conditionsOf, type StoredCondition } from '../../../kube/status.ts'
import { adviceFor } from './advice.ts'
import { meaningOf } from './meaning.ts'
import { progressTold, type Told } from './deliveries.ts'
import type { Related } from './related.ts'

/** A condition, explained. */
export interface ToldCondition {
  readonly type: string
  readonly status: string
  readonly reason: string
  readonly message: string
  /** When the status changed last, RFC 3339; '' unknown. */
  readonly since: string
  /** What it is about, in words. */
  readonly meaning: string
}

/** Why it is not Ready, or what it says although it is. */
export interface Blocker {
  readonly condition: string
  readonly reason: string
  readonly message: string
  /** What to do. */
  readonly advice: string
}

/** A Kubernetes Event about it. */
export interface ToldEvent {
  readonly type: string
  readonly reason: string
  readonly message: string
  readonly lastSeen: string
  readonly count: number
}

/** All that `describe` says of an object. */
export interface Description {
  readonly kind: string
  readonly namespace: string
  readonly name: string
  /** Null: the kind has no such condition. */
  readonly ready: 'True' | 'False' | 'Unknown' | null
  /** In a sentence. */
  readonly verdict: string
  readonly blockedBy: readonly Blocker[]
  /** What is worth knowing although it works. */
  readonly notes: readonly Blocker[]
  readonly conditions: readonly ToldCondition[]
  /** How far it is; null: the kind delivers nothing, or nobody said yet. */
  readonly deliveries: Told | null
  readonly related: readonly Related[]
  readonly events: readonly ToldEvent[]
}

export interface Around {
  readonly systemNamespace: string
  readonly related: readonly Related[]
  readonly events: readonly ToldEvent[]
  /** Kinds of workers have no conditions. */
  readonly internal: boolean
}

/** Pure. */
export function descriptionOf(object: StoredObject, around: Around): Description {
  const { kind, metadata } = object
  const { namespace = '', name } = metadata
  const broker = (object['spec'] as { readonly broker?: string } | undefined)?.broker
  const about = { kind, namespace, name, systemNamespace: around.systemNamespace, broker }
  const conditions = conditionsOf(object).map(toldCondition)
  const ready = conditions.find(({ type }) => type === 'Ready')
  const parts = conditions.filter(({ type }) => type !== 'Ready')
  const blocked = parts.filter(({ status }) => status === 'False')
  // What merely waits is told when nothing has failed: it most often waits for just that.
  const blocking = blocked.length > 0 ? blocked : parts.filter(({ status }) => status === 'Unknown')
  const noted = parts.filter(({ status, reason, message }) => status === 'True' && reason !== '' && message !== '')
  const blocker = ({ type, reason, message }: ToldCondition): Blocker => ({
    condition: type,
    reason,
    message,
    advice: adviceFor(reason, about),
  })
  return {
    ...{ kind, namespace, name },
    ready: around.internal ? null : readyOf(ready),
    verdict: around.internal ? '' : verdictOf(object, ready),
    blockedBy: ready?.status === 'True' ? [] : blocking.map(blocker),
    notes: noted.map(blocker),
    conditions,
    deliveries: around.internal ? null : progressTold(object),
    related: around.related,
    events: around.events,
  }
}

function toldCondition({
  type,
  status,
  reason = '',
  message = '',
  lastTransitionTime = '',
}: StoredCondition): ToldCondition {
  return { type, status, reason, message, since: lastTransitionTime, meaning: meaningOf(type) }
}

function readyOf(condition: ToldCondition | undefined): 'True' | 'False' | 'Unknown' {
  return condition?.status === 'True' || condition?.status === 'False' ? condition.status : 'Unknown'
}

function verdictOf(object: StoredObject, ready: ToldCondition | undefined): string {
  const { generation, deletionTimestamp } = object.metadata
  const { observedGeneration } = (object['status'] ?? {}) as { readonly observedGeneration?: number }
  if (deletionTimestamp !== undefined) return `It is being deleted since ${deletionTimestamp}.`
  if (ready === undefined) {
    return 'Nothing has been said of it yet: the controller has not looked at it, or is not running (millrace get workers), or it is of another class.'
  }
  const stale = generation !== undefined && (observedGeneration ?? 0) < generation
  if (stale) return 'What is said below is about an earlier version: the last change is not in force yet.'
  if (ready.status === 'True') return 'It is Ready: it works.'
  return ready.status === 'False' ? `It is not Ready: ${ready.reason}.` : `It is not Ready yet: ${ready.reason}.`
}
