import type { RecordConversion } from '../../contract/outlet.ts'
import { never } from '../../core/never.ts'
import type { CloudEvent } from '../../event/cloud-event.ts'
import type { LogRecord, TopicPartition } from '../../kafka/log.ts'
import { isMediaType } from './attributes.ts'
import { allowedText, encodeHeaderValue } from './header-value.ts'
import { modeOf } from './media-type.ts'
import { traceOf } from './trace.ts'

/**
 * What key and record headers may take of a request, bytes of names and values as they are sent: many servers take 8 KiB of headers, and what
 * one record carries must not make them refuse it for ever.
 */
export const maxForeignBytes = 6 * 1024
/** Kafka takes names of any length; servers do not. */
export const maxForeignName = 128
/** The last moment with a year of four digits, as RFC 3339 wants it. */
const lastTime = 253_402_300_799_999

/**
 * Makes an event of a record that is none (Knative KafkaSource): whatever another program wrote becomes something that can be sent.
 *
 *     place ─► id, subject      key ─► key, partitionkey         value ─► data, untouched
 *     timestamp ─► time         header ─► kafkaheader<name>      content-type ─► datacontenttype
 *
 * - Text that is not UTF-8, and characters that no attribute may hold: U+FFFD.
 * - Headers of the same name, also of one that is the same without its special characters: the last one with a value counts.
 * - A header without a value, or with a name of special characters only: left out.
 * - No key, or an empty one: neither `key` nor `partitionkey`. A timestamp that Kafka does not know (-1): no `time`.
 * - A content-type that is none, or that of an event: `kafkaheadercontenttype`.
 * - Key or headers that are too long to be sent: left out, and counted in `kafkaomitted`.
 *
 * @returns null: the record has no value, and such records are to be left out.
 */
export function fromForeign(record: LogRecord, at: TopicPartition, conversion: RecordConversion): CloudEvent | null {
  const data = record.value
  if (data === null && conversion.tombstones === 'skip') return null
  const { offset, timestamp } = record
  const attributes = new Map([
    ['specversion', '1.0'],
    ['id', `partition:${at.partition}/offset:${offset}`],
    ['source', conversion.source],
    ['type', conversion.type],
    ['subject', `partition:${at.partition}#${offset}`],
  ])
  if (timestamp >= 0 && timestamp <= lastTime) attributes.set('time', new Date(timestamp).toISOString())
  const room = new Room(attributes)
  const key = keyText(record.key, conversion.keyType)
  if (key !== '') room.addKey(key)
  const trace = addHeaders(record, room)
  if (room.omitted > 0) attributes.set('kafkaomitted', String(room.omitted))
  return trace === null ? { attributes, data } : { attributes, data, trace }
}

/** @returns the trace that the record belongs to, as far as its headers say. */
function addHeaders(record: LogRecord, room: Room): NonNullable<CloudEvent['trace']> | null {
  const found = new Map<string, string>()
  let traceparent: string | undefined
  let tracestate: string | undefined
  const visit = (header: string, value: string | null): void => {
    const name = attributeOf(header)
    if (value === null || name === '') return
    if (header === 'traceparent') traceparent = value
    else if (header === 'tracestate') tracestate = value
    found.set(name, value)
  }
  if (record.eachHeader !== undefined) record.eachHeader(visit)
  else for (const [header, value] of record.headers) visit(header, value?.toString() ?? null)
  for (const [name, value] of found) {
    if (name === contentTypeName && isDataType(value)) room.add('datacontenttype', value)
    else room.add(name, allowedText(value))
  }
  return traceparent === undefined ? null : traceOf(traceparent, tracestate)
}

const prefix = 'kafkaheader'
const contentTypeName = `${prefix}contenttype`

/** '' for a header that has no name left. */
function attributeOf(header: string): string {
  const clean = header.toLowerCase().replace(/[^a-z0-9]+/g, '')
  return clean === '' ? '' : prefix + clean
}

/** Whether data may travel under this type: one of events would turn the data into the event. */
function isDataType(value: string): boolean {
  return isMediaType(value) && modeOf(value) === 'binary'
}

/** '' for no key, or an empty one. */
function keyText(key: Buffer | null, type: RecordConversion['keyType']): string {
  if (key === null || key.length === 0) return ''
  switch (type) {
    case 'byte-array':
      return key.toString('base64')
    case 'int':
      return key.length === 4 ? String(key.readInt32BE()) : allowedText(key.toString())
    case 'float':
      if (key.length === 4) return shortest(key.readFloatBE())
      return key.length === 8 ? String(key.readDoubleBE()) : allowedText(key.toString())
    case 'string':
      return allowedText(key.toString())
    default:
      return never(type)
  }
}

/** The shortest decimal that stands for this number of 32 bits and for no other: 0.1, not 0.10000000149011612. */
function shortest(value: number): string {
  for (let digits = 1; digits < 10; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return String(short)
  }
  return String(value)
}

/** Adds attributes as long as they can be sent. */
class Room {
  omitted = 0
  readonly #attributes: Map<string, string>
  #left = maxForeignBytes

  constructor(attributes: Map<string, string>) {
    this.#attributes = attributes
  }

  addKey(key: string): void {
    if (!this.#take(2 * sentLength(key))) return
    this.#attributes.set('key', key)
    this.#attributes.set('partitionkey', key)
  }

  add(name: string, value: string): void {
    if (this.#take(name.length > maxForeignName ? Infinity : name.length + sentLength(value))) {
      this.#attributes.set(name, value)
    }
  }

  #take(bytes: number): boolean {
    const fits = bytes <= this.#left
    if (fits) this.#left -= bytes
    else this.omitted++
    return fits
  }
}

function sentLength(value: string): number {
  // it only grows, and may be large
  return value.length > maxForeignBytes ? value.length : encodeHeaderValue(value).length
}
