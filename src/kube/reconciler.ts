import type { Condition } from '../api/meta/condition.ts'
import type { Fault } from '../core/fault.ts'
import type { ObjectName, StoredObject } from './client.ts'

/** The status that an object shall have. The loop adds observedGeneration and lastTransitionTime, and writes it only when it differs. */
export interface DesiredStatus {
  /** With Ready. */
  readonly conditions: readonly Condition[]
  readonly [field: string]: unknown
}

/** What came of a reconcile. Only the loop retries, writes status, emits Events and counts. */
export type Outcome =
  /** All is as it shall be, until something changes. */
  | { readonly kind: 'settled'; readonly status?: DesiredStatus }
  /** Nothing will tell us when it is time: look again after this long. */
  | { readonly kind: 'waiting'; readonly afterMs: number; readonly status?: DesiredStatus }
  /** Try again with backoff. */
  | { readonly kind: 'failed'; readonly fault: Fault; readonly status?: DesiredStatus }
  /** Not for us: nothing of it is touched. */
  | { readonly kind: 'notOurs' }

/**
 *     observe (caches → value) → decide (pure) → apply → conclude (pure)
 *
 * May run twice, at any time, and changes nothing when all is as it shall be. What it throws is a failed reconcile: a Fault as it is, anything
 * else as a bug, logged with its stack.
 */
export interface Reconciler {
  /** `object`: from the cache; undefined: it does not exist (any more). */
  reconcile(key: ObjectName, object: StoredObject | undefined, signal: AbortSignal): Promise<Outcome>
}
