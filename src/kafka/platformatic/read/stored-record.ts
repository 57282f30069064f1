import type { Header, LogRecord } from '../../log.ts'
import { KnownTexts } from './known-texts.ts'

/** A fault in the bytes of one batch. */
export class CorruptBatch extends Error {
  override readonly name = 'CorruptBatch'
}

/** Walks through the fields of records (https://kafka.apache.org/documentation/#record). */
export class RecordWalk {
  buffer: Buffer = Buffer.alloc(0)
  position = 0

  at(buffer: Buffer, position: number): this {
    this.buffer = buffer
    this.position = position
    return this
  }

  /** A zigzag varint of up to 64 bits, exact up to 2^53: more than any length, offset delta or time in milliseconds needs. */
  varint(): number {
    const { buffer } = this
    let byte = buffer[this.position++]!
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1)
    let value = byte & 0x7f
    let scale = 0x80
    for (let i = 1; ; i++) {
      byte = buffer[this.position++]!
      if (i === 10 || byte === undefined) throw new CorruptBatch('a varint does not end')
      value += (byte & 0x7f) * scale
      if (byte < 0x80) break
      scale *= 0x80
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  /** A key or value. */
  bytes(): Buffer | null {
    const length = this.varint()
    if (length < 0) return null
    const start = this.position
    this.position += length
    return this.buffer.subarray(start, this.position)
  }

  /** A name or value as a string. */
  text(known: KnownTexts): string | null {
    const length = this.varint()
    if (length < 0) return null
    const start = this.position
    this.position += length
    return known.get(this.buffer, start, this.position)
  }

  skip(): void {
    const length = this.varint()
    if (length > 0) this.position += length
  }

  /** Moves past key, value and headers. @throws CorruptBatch when they do not fill the record up to `end` exactly. */
  check(end: number): void {
    this.#inside(end, -1, 'a field')
    this.#inside(end, -1, 'a field')
    const headers = this.varint()
    // A header takes at least two bytes: a count beyond that would only make us loop.
    if (headers < 0 || headers > end - this.position) throw new CorruptBatch('impossible number of headers')
    for (let i = 0; i < headers; i++) {
      this.#inside(end, 0, 'a header name')
      this.#inside(end, -1, 'a field')
    }
    if (this.position !== end) throw new CorruptBatch('a record does not end where it says')
  }

  #inside(end: number, least: number, what: string): void {
    const length = this.varint()
    if (length < least || this.position + length > end) throw new CorruptBatch(`${what} is longer than its record`)
    if (length > 0) this.position += length
  }
}

/** What the headers of a log's records say again and again. */
export class RecordTexts {
  readonly names = new KnownTexts()
  readonly values = new KnownTexts()
}

const walk = new RecordWalk()
const NO_HEADERS: readonly Header[] = []

/**
 * A record as a place in its batch, which was checked: its parts are made anew each time they are asked for. A record that waits, or that
 * nobody wants, costs one small object instead of two dozen.
 */
export class StoredRecord implements LogRecord {
  readonly timestamp: number
  readonly #offset: number
  readonly #buffer: Buffer
  /** Where its key begins. */
  readonly #position: number
  readonly #texts: RecordTexts

  constructor(offset: number, timestamp: number, buffer: Buffer, position: number, texts: RecordTexts) {
    this.timestamp = timestamp
    this.#offset = offset
    this.#buffer = buffer
    this.#position = position
    this.#texts = texts
  }

  get offset(): bigint {
    return BigInt(this.#offset)
  }

  get key(): Buffer | null {
    return walk.at(this.#buffer, this.#position).bytes()
  }

  get value(): Buffer | null {
    this.#toValue()
    return walk.bytes()
  }

  get headers(): readonly Header[] {
    this.#toValue()
    walk.skip()
    const count = walk.varint()
    if (count === 0) return NO_HEADERS
    const headers: Header[] = []
    for (let i = 0; i < count; i++) {
      headers.push([walk.text(this.#texts.names) ?? '', walk.bytes()])
    }
    return headers
  }

  eachHeader(visit: (name: string, value: string | null) => void): void {
    this.#toValue()
    walk.skip()
    const { names, values } = this.#texts
    const count = walk.varint()
    for (let i = 0, next = walk.position; i < count; i++) {
      // who is visited may look at other records meanwhile
      walk.at(this.#buffer, next)
      const name = walk.text(names)
      const value = walk.text(values)
      next = walk.position
      if (name !== null) visit(name, value)
    }
  }

  #toValue(): void {
    walk.at(this.#buffer, this.#position)
    walk.skip()
  }
}
