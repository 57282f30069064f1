import type { Delivery as DeliveryPolicy } from '../../../contract/outlet.ts'
import { deliveryBackoffMs, longestTimerMs } from '../../../core/backoff.ts'
import type { CloudEvent } from '../../../event/cloud-event.ts'
import { readReply } from '../../wire/reply.ts'
import { retryAfterMs } from './retry-after.ts'
import type { Answer } from './send.ts'

/** What an answer means. */
export type Verdict =
  | { readonly kind: 'delivered' }
  /** At least one event. */
  | { readonly kind: 'replied'; readonly events: readonly CloudEvent[] }
  | { readonly kind: 'failed'; readonly retriable: boolean; readonly reason: string }

const delivered: Verdict = { kind: 'delivered' }
const retriable = new Set([404, 408, 409, 429])

/**
 * Knative's rules (data plane contract; Kafka dispatcher), with two repairs: a body that does not claim to be an event is no failure, and a
 * 202 says "accepted", so nothing in it is a reply.
 * @param strict take back the first repair, as the Outlet wants it.
 */
export function judge(answer: Answer, strict: boolean): Verdict {
  const { status } = answer
  if (status < 200 || status >= 300) {
    return { kind: 'failed', retriable: retriable.has(status) || status >= 500, reason: `it answered ${status}` }
  }
  if (status === 202) return delivered
  if (answer.cut) return refused('its reply is larger than we take')
  const reply = readReply(answer.headers, answer.body)
  if (reply.kind === 'malformed') return refused(`its reply is no valid CloudEvent: ${reply.refusal.detail}`)
  if (reply.kind === 'plain' && strict) return refused(`it answered ${status} with a body that is no CloudEvent`)
  if (reply.kind === 'events' && reply.events.length > 0) return { kind: 'replied', events: reply.events }
  return delivered
}

/** Again it would answer the same. */
function refused(reason: string): Verdict {
  return { kind: 'failed', retriable: false, reason }
}

/** The wait before retry `n` (1 for the first), or longer when the subscriber asks for it with `Retry-After`. @param answer null: there was none. @param now wall clock. */
export function waitBefore(policy: DeliveryPolicy, n: number, answer: Answer | null, now: number): number {
  const wait = deliveryBackoffMs(policy.backoffPolicy, policy.backoffDelayMs, n)
  if (answer === null) return wait
  return Math.max(wait, Math.min(retryAfterMs(answer, policy.retryAfterMaxMs, now), longestTimerMs))
}
