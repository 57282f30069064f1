import type { DeliverySpec } from '../api/meta/delivery.ts'
import type { Delivery } from '../contract/outlet.ts'
import { parseDuration } from '../core/duration.ts'
import { targetOf, type Missing, type Resolve } from './resolve.ts'

/** What Knative's shipped `config-br-defaults` gives a Broker that has no delivery. */
export const brokerDefaultDelivery: DeliverySpec = { retry: 10, backoffPolicy: 'exponential', backoffDelay: 'PT0.2S' }

/** What the parts that a delivery leaves out mean at run time, as in Knative's data plane for Kafka. */
const runtimeDefaults = { retry: 0, backoffPolicy: 'exponential', backoffDelayMs: 200, timeoutMs: 600_000 } as const

/** The effective delivery, or what is missing for it: its dead letter sink has no address. `note`: about that address. */
export type EffectiveDelivery =
  | { readonly delivery: Delivery; readonly note?: string; readonly missing?: never }
  | { readonly delivery: null; readonly missing: Missing }

/** Fills in what is left out, turns durations into milliseconds, resolves the dead letter sink from `namespace`. */
export function effectiveDelivery(spec: DeliverySpec, namespace: string, resolve: Resolve): EffectiveDelivery {
  const delivery: Delivery = {
    retry: spec.retry ?? runtimeDefaults.retry,
    backoffPolicy: spec.backoffPolicy ?? runtimeDefaults.backoffPolicy,
    backoffDelayMs: milliseconds(spec.backoffDelay) ?? runtimeDefaults.backoffDelayMs,
    timeoutMs: milliseconds(spec.timeout) ?? runtimeDefaults.timeoutMs,
  }
  const retryAfterMaxMs = milliseconds(spec.retryAfterMax)
  if (retryAfterMaxMs !== undefined) delivery.retryAfterMaxMs = retryAfterMaxMs
  if (spec.format === 'json') delivery.format = 'json'
  if (spec.deadLetterSink === undefined) return { delivery }
  const sink = resolve(spec.deadLetterSink, namespace)
  if ('missing' in sink) return { delivery: null, missing: sink }
  const note = sink.note === undefined ? {} : { note: sink.note }
  return { delivery: { ...delivery, deadLetter: targetOf(sink) }, ...note }
}

function milliseconds(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const parsed = parseDuration(text)
  // The schema refused it before; whoever comes here without must not get a default instead.
  if (!parsed.ok) throw new Error(parsed.message)
  return parsed.ms
}
