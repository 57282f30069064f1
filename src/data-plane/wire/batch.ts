import type { Named } from '../../contract/lineage.ts'
import type { CloudEvent } from '../../event/cloud-event.ts'
import { nameIn } from '../event-name.ts'
import { skipSpace } from './json-members.ts'
import { Refusal } from './refusal.ts'
import { isObject, parseJson, readObject } from './structured.ts'

/** Most events in one batch: bounds the time that reading it takes, and what its many small parts need in memory. */
export const maxBatchEvents = 5_000

/**
 * The events of a batch (CloudEvents JSON format 1.0.2 §4), in order. All of them or none: a refusal is that of the first event that is
 * not valid, and says which one. A batch may be empty.
 *
 *     body ─► JSON.parse, once ─► array of objects? ─► each object: its bytes ─► attributes + data, as in structured mode
 */
export function readBatch(body: Buffer): CloudEvent[] | Refusal {
  const parsed = parseJson(body)
  if (parsed instanceof Refusal) return parsed
  if (!Array.isArray(parsed)) return notAnArray(parsed)
  const names = (): readonly Named[] => parsed.map(nameIn)
  if (parsed.length > maxBatchEvents) {
    const fix = `A batch may have at most ${maxBatchEvents} events, this one has ${parsed.length}: send it in parts.`
    return new Refusal('TooManyEvents', fix)
  }
  const events: CloudEvent[] = []
  let at = skipSpace(body, body.indexOf(0x5b) + 1)
  for (const [index, one] of parsed.entries()) {
    if (!isObject(one)) {
      return new Refusal('NotACloudEvent', 'An event in a batch is a JSON object.').ofEvent(index).naming(names)
    }
    const { event, end } = readObject(body, at, one)
    if (event instanceof Refusal) return event.ofEvent(index).naming(names)
    events.push(event)
    // past the comma to the next object
    at = skipSpace(body, skipSpace(body, end) + 1)
  }
  return events
}

function notAnArray(parsed: unknown): Refusal {
  const fix = isObject(parsed)
    ? 'send one event with Content-Type: application/cloudevents+json, or put it into [ ]'
    : 'send a JSON array'
  return new Refusal('NotACloudEvent', `application/cloudevents-batch+json is a JSON array of events: ${fix}.`)
}
