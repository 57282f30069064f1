import { isUtf8 } from 'node:buffer'
import type { CloudEvent } from '../event/cloud-event.ts'

/** An event as the page shows it. */
export interface SeenEvent {
  /** Counts all events since the start, from 1: a jump tells the page that it missed some. */
  readonly number: number
  /** Milliseconds since 1970. */
  readonly receivedAt: number
  /** The path that it was delivered to: tells which Service it was for. */
  readonly to: string
  /** Long values are cut, and of very many attributes only the first are there. */
  readonly attributes: Readonly<Record<string, string>>
  /** The first {@link maxShownBytes} bytes of the data, as `form` says; null without data. */
  readonly data: string | null
  readonly form: 'text' | 'base64'
  /** How large the data is as a whole. */
  readonly bytes: number
}

/** Bytes of data that the page gets to see. */
export const maxShownBytes = 16_384
const maxValueLength = 2_048
const maxAttributes = 100

/**
 * The newest events, for late joiners, and whoever listens for the next. An event becomes one frame of Server-Sent Events, made once and
 * shared by all that listen; what is kept is bounded in number and in bytes.
 */
export class SeenEvents {
  readonly #ring: Buffer[] = []
  readonly #limit: { readonly events: number; readonly bytes: number }
  readonly #listeners = new Set<(frame: Buffer) => void>()
  #bytes = 0
  #count = 0

  constructor(limit: { events: number; bytes: number }) {
    this.#limit = limit
  }

  /** Frames, oldest first. */
  get recent(): readonly Buffer[] {
    return this.#ring
  }

  add(event: CloudEvent, to: string, receivedAt: number): void {
    const frame = frameOf({
      number: ++this.#count,
      receivedAt,
      to: shortened(to),
      attributes: attributesOf(event),
      ...dataOf(event.data),
    })
    this.#keep(frame)
    for (const listener of this.#listeners) listener(frame)
  }

  /** Returns the way to stop listening. */
  listen(listener: (frame: Buffer) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #keep(frame: Buffer): void {
    this.#ring.push(frame)
    this.#bytes += frame.length
    while (this.#ring.length > this.#limit.events || this.#bytes > this.#limit.bytes) {
      this.#bytes -= this.#ring.shift()?.length ?? 0
    }
  }
}

/** JSON has no bare line break, so that one `data:` line holds it all. */
function frameOf(event: SeenEvent): Buffer {
  return Buffer.from(`data: ${JSON.stringify(event)}\n\n`)
}

function attributesOf({ attributes }: CloudEvent): Record<string, string> {
  const first = [...attributes].slice(0, maxAttributes)
  return Object.fromEntries(first.map(([name, value]) => [shortened(name), shortened(value)]))
}

function shortened(text: string): string {
  return text.length > maxValueLength ? `${text.slice(0, maxValueLength)}…` : text
}

function dataOf(data: Buffer | null): Pick<SeenEvent, 'data' | 'form' | 'bytes'> {
  if (data === null) return { data: null, form: 'text', bytes: 0 }
  const text = data.subarray(0, wholeCharacters(data))
  // Text with a NUL is no text that anybody wants to read.
  if (isUtf8(text) && !text.includes(0)) return { data: text.toString(), form: 'text', bytes: data.length }
  return { data: data.toString('base64', 0, maxShownBytes), form: 'base64', bytes: data.length }
}

/** Where to cut, so that no UTF-8 character is split (its further bytes are 10xxxxxx, at most three). */
function wholeCharacters(data: Buffer): number {
  if (data.length <= maxShownBytes) return data.length
  let end = maxShownBytes
  while (end > maxShownBytes - 3 && ((data[end] ?? 0) & 0xc0) === 0x80) end -= 1
  return end
}
