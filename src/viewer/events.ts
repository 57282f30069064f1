import type { CloudEvent } from '../event/cloud-event.ts'

/** An event as the page shows it. */
export interface SeenEvent {
  /** Counts all events since the start, from 1. */
  readonly number: number
  /** Milliseconds since 1970. */
  readonly receivedAt: number
  /** The path that it was delivered to: tells which Service it was for. */
  readonly to: string
  readonly attributes: Readonly<Record<string, string>>
  /** Data as text (not UTF-8: base64), cut after {@link maxShown} characters; null without data. */
  readonly data: string | null
}

/** Characters of data that the page keeps. */
export const maxShown = 16_384

/** The newest events, for late joiners, and whoever listens for the next. */
export class SeenEvents {
  readonly #ring: SeenEvent[] = []
  readonly #capacity: number
  readonly #listeners = new Set<(event: SeenEvent) => void>()
  #count = 0

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** Oldest first. */
  get recent(): readonly SeenEvent[] {
    return this.#ring
  }

  add(event: CloudEvent, to: string, receivedAt: number): void {
    const seen = {
      number: ++this.#count,
      receivedAt,
      to,
      attributes: Object.fromEntries(event.attributes),
      data: shown(event.data),
    }
    this.#ring.push(seen)
    if (this.#ring.length > this.#capacity) this.#ring.shift()
    for (const listener of this.#listeners) listener(seen)
  }

  /** Returns the way to stop listening. */
  listen(listener: (event: SeenEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function shown(data: Buffer | null): string | null {
  if (data === null) return null
  const cut = data.length > maxShown
  const head = cut ? data.subarray(0, maxShown) : data
  return asText(head, cut) + (cut ? `… (${data.length} bytes)` : '')
}

function asText(bytes: Buffer, cut: boolean): string {
  try {
    return utf8.decode(bytes, { stream: cut })
  } catch {
    return bytes.toString('base64')
  } finally {
    // A cut may have split a character: the decoder must not carry the half over.
    if (cut) resetDecoder()
  }
}

function resetDecoder(): void {
  try {
    utf8.decode()
  } catch {
    // The half character that the cut left behind.
  }
}
