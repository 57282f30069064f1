import type { Delivery as DeliveryPolicy } from '../../../contract/outlet.ts'
import type { CloudEvent } from '../../../event/cloud-event.ts'
import { readReply } from '../../wire/reply.ts'
import type { Answer } from './send.ts'

/** What an answer means. */
export type Verdict =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'replied'; readonly event: CloudEvent }
  | { readonly kind: 'failed'; readonly retriable: boolean; readonly reason: string }

const delivered: Verdict = { kind: 'delivered' }
const retriable = new Set([404, 408, 409, 429])

/**
 * Knative's rules (data plane contract; Kafka dispatcher), with two repairs: a body that does not claim to be an event is no failure, and a
 * 202 says "accepted", so nothing in it is a reply.
 */
export function judge(answer: Answer): Verdict {
  const { status } = answer
  if (status < 200 || status >= 300) {
    return { kind: 'failed', retriable: retriable.has(status) || status >= 500, reason: `it answered ${status}` }
  }
  if (status === 202) return delivered
  if (answer.cut) return { kind: 'failed', retriable: false, reason: 'its reply is larger than we take' }
  const reply = readReply(answer.headers, answer.body)
  if (reply.kind === 'event') return { kind: 'replied', event: reply.event }
  if (reply.kind === 'malformed') {
    return { kind: 'failed', retriable: false, reason: `its reply is no valid CloudEvent: ${reply.refusal.detail}` }
  }
  return delivered
}

const LONGEST_TIMER_MS = 2 ** 31 - 1

/** The wait before retry `n` (1 for the first): linear d·n, exponential d·2^n. No jitter, no cap: as Knative has it. */
export function backoff(policy: DeliveryPolicy, n: number): number {
  const factor = policy.backoffPolicy === 'linear' ? n : 2 ** n
  return Math.min(policy.backoffDelayMs * factor, LONGEST_TIMER_MS)
}
