import type { Source } from '../../../contract/source.ts'
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
  /**
   * What says so on the event: name, value, name, value … All that is kept of the answer: the event may wait long for its dead letter sink,
   * and an answer may be large.
   */
  readonly attributes: readonly string[]
}

const DATA_BYTES = 1024
const EXTENSION = /^kne-([a-z0-9]+)$/
/** What the event, the log or we say is not the subscriber's to change. */
const taken: ReadonlySet<string> = new Set([
  ...familiarAttributes,
  ...['datacontenttype', 'data', 'knativekafkatopic', 'knativeerrorreason', 'knativeerrortrigger'],
])
/** Of an earlier failure, which is over: the event was sent again. */
const told: ReadonlySet<string> = new Set(
  ['dest', 'reason', 'trigger', 'code', 'data'].map((name) => `knativeerror${name}`),
)
/** Of a reason: it may quote what the subscriber sent. */
const REASON_CHARS = 1024
/** All `kne-*` together, as characters: an answer must not make an event too large for its parking place. */
const EXTENSION_CHARS = 8192

/**
 * Names what failed: `knativeerrordest`, `knativeerrorreason` (a sentence's end) and `knativeerrortrigger` (both ours alone),
 * `knativeerrorcode` (absent without an answer), `knativeerrordata` (base64 of the body's first 1,024 bytes) and each response header
 * `kne-*` without its prefix.
 * @param source the Trigger. @param answer null: there was none.
 */
export function failureOf(source: Source, destination: string, reason: string, answer: Answer | null): Failure {
  const attributes = ['knativeerrordest', destination, 'knativeerrorreason', printable(reason)]
  attributes.push('knativeerrortrigger', `${source.namespace}/${source.name}`)
  if (answer !== null) tellAnswer(answer, attributes)
  return { destination, reason, attributes }
}

function tellAnswer({ status, body, headers }: Answer, list: string[]): void {
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
}

/** The event with what says why it failed; what an earlier failure said of it is gone. */
export function failedEvent(event: CloudEvent, attributes: readonly string[]): CloudEvent {
  const all = new Map(event.attributes)
  for (const name of told) all.delete(name)
  for (let at = 0; at < attributes.length; at += 2) all.set(attributes[at] ?? '', attributes[at + 1] ?? '')
  return { ...event, attributes: all }
}

/**
 * The record that keeps an event nobody took: the event with the error extensions, or a record that is no event as it was. `terse`: only where
 * it failed and for which Trigger, for an event that fills its topic's limit by itself.
 */
export function parkedRecord(entry: Entry, failure: Failure, topic: string, terse = false): NewRecord {
  const origin = [
    ...['knativekafkatopic', entry.at.topic],
    ...['knativekafkapartition', String(entry.at.partition)],
    ...['knativekafkaoffset', String(entry.offset)],
  ]
  if (entry.event !== null) {
    const why = terse ? onlyWhere(failure.attributes) : [...origin, ...failure.attributes]
    return toRecord(failedEvent(entry.event, why), topic)
  }
  const extra = [...origin, ...failure.attributes]
  const headers = [...(entry.record?.headers ?? [])]
  for (let at = 0; at < extra.length; at += 2) headers.push([`ce_${extra[at]}`, Buffer.from(extra[at + 1] ?? '')])
  return { topic, key: entry.record?.key ?? null, value: entry.record?.value ?? null, headers }
}

function onlyWhere(attributes: readonly string[]): string[] {
  return attributes.filter((_, at) => /dest$|trigger$/.test(attributes[at - (at % 2)] ?? ''))
}

/** As an attribute may hold it. */
function printable(reason: string): string {
  return reason.slice(0, REASON_CHARS).replace(/[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/gu, ' ')
}
