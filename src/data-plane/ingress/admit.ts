import type { CloudEvent } from '../../event/cloud-event.ts'
import type { Header, NewRecord } from '../../kafka/log.ts'
import { hopsHeader, hopsLeft } from '../wire/hops.ts'
import { toRecord } from '../wire/record.ts'
import { quote, Refusal } from '../wire/refusal.ts'

/** Why an event may not enter a Broker; null: it may. It may pass no more Brokers, or its count of them makes no sense. */
export function whyNot(event: CloudEvent): Refusal | null {
  const hops = event.attributes.get('knativebrokerttl')
  if (hops === undefined) return null
  const left = hopsLeft(event.attributes)
  if (left === null) {
    return new Refusal(
      'InvalidAttribute',
      `Attribute knativebrokerttl is ${quote(hops)}: it must be a positive integer, or be left out.`,
      'knativebrokerttl',
    )
  }
  if (left > 1) return null
  return new Refusal(
    'LoopDetected',
    'The event has passed as many Brokers as it may (knativebrokerttl is 1): find what sends it round, or send it as a new event without that attribute.',
    'knativebrokerttl',
  )
}

/**
 * The record of an event that may enter: stamped with its arrival, and with one hop less if it counts them.
 * @param arrived the header that says when.
 */
export function admit(event: CloudEvent, topic: string, arrived: Header): NewRecord {
  if (!event.attributes.has('knativebrokerttl')) return toRecord(event, topic, [arrived])
  return toRecord(event, topic, [arrived, hopsHeader((hopsLeft(event.attributes) ?? 1) - 1)])
}
