import { isUtf8 } from 'node:buffer'
import type { CloudEvent } from '../event/cloud-event.ts'

/** An event as the page shows it. */
export interface SeenEvent {
  /** Counts all events since the start, from 1. */
  readonly number: number
  /** Milliseconds since 1970. */
  readonly receivedAt: number
  /** The path that it was delivered to: tells which Service it was for. */
  readonly to: string
  /** Long values are cut, and of very many attributes only the first are there. */
  readonly attributes: Readonly<Record<string, string>>
  /** The data, or the first bytes of it, as `form` says; null without data. */
  readonly data: string | null
  readonly form: 'text' | 'base64'
  /** How large the data is as a whole. */
  readonly bytes: number
}

/** Bytes of data that a list of events shows; all that is kept is at `/events/<number>`. */
export const maxShownBytes = 4_096
const maxValueLength = 2_048
const maxAttributes = 100

/** What is kept of an event: bounded, and without anything that would keep the request alive that it came with. */
export interface KeptEvent {
  readonly number: number
  readonly receivedAt: number
  readonly to: string
  /** Attributes as they are shown; of long data the beginning. */
  readonly event: CloudEvent
  /** How large the data is as a whole. */
  readonly bytes: number
  /** The {@link SeenEvent} as JSON, with the first {@link maxShownBytes} of its data: made once, shared by all that listen. */
  readonly json: Buffer
  /** About how much memory all this takes, bytes. */
  readonly cost: number
}

/** What objects and Maps take besides their texts, about, bytes. */
const overhead = 1_000

/** @param maxDataBytes of the data is kept. */
export function keep(
  event: CloudEvent,
  at: { readonly number: number; readonly to: string; readonly receivedAt: number },
  maxDataBytes: number,
): KeptEvent {
  const { number, receivedAt } = at
  const to = shortened(at.to)
  const attributes = attributesOf(event)
  const data = event.data === null ? null : ownBytes(event.data, maxDataBytes)
  const bytes = event.data?.length ?? 0
  const draft = { number, receivedAt, to, event: { attributes, data }, bytes }
  const json = Buffer.from(JSON.stringify(show(draft, maxShownBytes)))
  return { ...draft, json, cost: 2 * json.length + (data?.length ?? 0) + overhead }
}

/** @param maxBytes of the data is shown. */
export function show(kept: Omit<KeptEvent, 'json' | 'cost'>, maxBytes: number): SeenEvent {
  const { number, receivedAt, to, event, bytes } = kept
  return {
    number,
    receivedAt,
    to,
    attributes: Object.fromEntries(event.attributes),
    ...dataOf(event.data, maxBytes),
    bytes,
  }
}

function attributesOf({ attributes }: CloudEvent): Map<string, string> {
  const first = [...attributes].slice(0, maxAttributes)
  return new Map(first.map(([name, value]) => [shortened(name), shortened(value)]))
}

function shortened(text: string): string {
  return text.length > maxValueLength ? `${text.slice(0, maxValueLength)}…` : text
}

/** A copy: the data of one event of a batch would keep the whole batch alive. */
function ownBytes(data: Buffer, most: number): Buffer {
  const own = Buffer.allocUnsafeSlow(Math.min(data.length, most))
  data.copy(own)
  return own
}

function dataOf(data: Buffer | null, most: number): Pick<SeenEvent, 'data' | 'form'> {
  if (data === null) return { data: null, form: 'text' }
  const text = data.subarray(0, wholeCharacters(data, most))
  // Text with a NUL is no text that anybody wants to read.
  if (isUtf8(text) && !text.includes(0)) return { data: text.toString(), form: 'text' }
  return { data: data.toString('base64', 0, most), form: 'base64' }
}

/** Where to cut, so that no UTF-8 character is split (its further bytes are 10xxxxxx, at most three). */
function wholeCharacters(data: Buffer, most: number): number {
  if (data.length <= most) return data.length
  let end = most
  while (end > most - 3 && ((data[end] ?? 0) & 0xc0) === 0x80) end -= 1
  return end
}
