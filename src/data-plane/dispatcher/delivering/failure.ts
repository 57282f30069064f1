import type { CloudEvent } from '../../../event/cloud-event.ts'
import type { NewRecord } from '../../../kafka/log.ts'
import { familiarAttributes } from '../../wire/attributes.ts'
import { isAllowedText } from '../../wire/header-value.ts'
import { toRecord } from '../../wire/record.ts'
import type { Entry } from '../reading/segment.ts'
import type { Answer } from './send.ts'

/** Why an event could not be delivered, as its dead letter sink and its parking place are told. */
export interface Failure {
  /** Where it failed: the subscriber's URL, or the topic that did not take the reply. */
  readonly destination: string
  /** A sentence's end for people: `it answered 503`. */
  readonly reason: string
  /** Null: there was no answer. */
  readonly answer: Answer | null
}

const DATA_BYTES = 1024
const EXTENSION = /^kne-([a-z0-9]+)$/
/** What the event, the log or we say is not the subscriber's to change. */
const taken: ReadonlySet<string> = new Set([
  ...familiarAttributes,
  ...['datacontenttype', 'data', 'knativekafkatopic', 'knativeerrorreason'],
])
/** Of a reason: it may quote what the subscriber sent. */
const REASON_CHARS = 1024
/** All `kne-*` together, as characters: an answer must not make an event too large for its parking place. */
const EXTENSION_CHARS = 8192

/**
 * `knativeerrordest`, `knativeerrorreason` (a sentence's end, ours alone), `knativeerrorcode` (absent without an answer), `knativeerrordata`
 * (base64 of the body's first 1,024 bytes) and each response header `kne-*` without its prefix: name, value, name, value …
 */
export function errorExtensions(failure: Failure): string[] {
  const list = ['knativeerrordest', failure.destination, 'knativeerrorreason', reasonOf(failure)]
  if (failure.answer === null) return list
  const { status, body, headers } = failure.answer
  list.push('knativeerrorcode', String(status))
  if (body.length > 0) list.push('knativeerrordata', body.subarray(0, DATA_BYTES).toString('base64'))
  let room = EXTENSION_CHARS
  for (const [header, value] of Object.entries(headers)) {
    const name = EXTENSION.exec(header)?.[1]
    const text = String(value ?? '')
    if (name === undefined || taken.has(name) || text.length > room || !isAllowedText(text)) continue
    room -= text.length
    list.push(name, text)
  }
  return list
}

/**
 * The record that keeps an event nobody took: the event with the error extensions, or a record that is no event as it was. `terse`: only where
 * it failed, for an event that fills its topic's limit by itself.
 */
export function parkedRecord(entry: Entry, failure: Failure, topic: string, terse = false): NewRecord {
  const origin = [
    ...['knativekafkatopic', entry.at.topic],
    ...['knativekafkapartition', String(entry.at.partition)],
    ...['knativekafkaoffset', String(entry.offset)],
  ]
  if (entry.event !== null) {
    const why = terse ? ['knativeerrordest', failure.destination] : [...origin, ...errorExtensions(failure)]
    return toRecord(withExtensions(entry.event, why), topic)
  }
  const extra = [...origin, 'knativeerrordest', failure.destination, 'knativeerrorreason', reasonOf(failure)]
  const headers = [...(entry.record?.headers ?? [])]
  for (let at = 0; at < extra.length; at += 2) headers.push([`ce_${extra[at]}`, Buffer.from(extra[at + 1] ?? '')])
  return { topic, key: entry.record?.key ?? null, value: entry.record?.value ?? null, headers }
}

/** As an attribute may hold it. */
function reasonOf({ reason }: Failure): string {
  return reason.slice(0, REASON_CHARS).replace(/[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/gu, ' ')
}

function withExtensions(event: CloudEvent, list: readonly string[]): CloudEvent {
  const attributes = new Map(event.attributes)
  for (let at = 0; at < list.length; at += 2) attributes.set(list[at] ?? '', list[at + 1] ?? '')
  return { ...event, attributes }
}
