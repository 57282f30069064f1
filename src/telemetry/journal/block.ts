import { crc32 } from 'node:zlib'
import type { Note } from './note.ts'

/**
 * A block: what is written at a time. It stands alone, so that one that is lost takes nothing else with it.
 *
 *     head   magic u32 · crc32 of all behind it u32 · length of the notes u32 · how many u32 · flags u32 · time of the first f64
 *     name   0 u8 · 0 u8 · length u16 · UTF-8                       names count from 0, in the order in which they stand
 *     note   kind u8 · 0 u8 · status u16 · hash u32 · extra u32 · subject u16 · topic u16 · partition u32 · offset f64 · ms behind the first u32
 *     text   the same with 128 added to its kind, then length u32 · UTF-8
 *
 * Little-endian. A subject or topic is the number of a name.
 */
export const headBytes = 28
export const noteBytes = 32
export const nameBytes = 4
export const lengthBytes = 4
export const magic = 0x424c524d
/** Of a kind: a text follows. */
export const withText = 0x80
/** A block is this long, unless one note alone is longer; bytes. */
export const blockBytes = 64 * 1024
/** No block is longer: what says so is broken. */
export const mostBytes = 1024 * 1024
/** Longest name, bytes. */
export const mostNameBytes = 0xffff

/** Of a block. */
export const flag = {
  /** Something that belongs before it is lost. */
  gap: 1,
  /** The last one of a process that has written all. */
  closed: 2,
} as const

/** A block in the making. */
export class Block {
  readonly buffer: Buffer
  readonly #view: DataView
  readonly #names = new Map<string, number>()
  #used = headBytes
  #count = 0
  #base = 0

  /** @param bytes its size, head included. */
  constructor(bytes: number = blockBytes) {
    this.buffer = Buffer.allocUnsafeSlow(bytes)
    this.#view = new DataView(this.buffer.buffer, this.buffer.byteOffset, bytes)
  }

  /** Notes in it. */
  get count(): number {
    return this.#count
  }

  /** Bytes in use, the head included. */
  get used(): number {
    return this.#used
  }

  /** When its first note was written, milliseconds since 1970. */
  get base(): number {
    return this.#base
  }

  /** What a note takes here, bytes. @param textBytes of its text; 0: it has none. */
  room({ subject, topic }: Note, textBytes: number): number {
    let bytes = noteBytes + (textBytes === 0 ? 0 : lengthBytes + textBytes)
    if (!this.#names.has(subject)) bytes += nameBytes + Buffer.byteLength(subject)
    if (!this.#names.has(topic)) bytes += nameBytes + Buffer.byteLength(topic)
    return bytes
  }

  has(bytes: number): boolean {
    return bytes <= this.buffer.length - this.#used
  }

  /** There is room for it. */
  add(note: Note, textBytes: number, now: number): void {
    if (this.#count === 0) this.#base = now
    const subject = this.#names.get(note.subject) ?? this.#name(note.subject)
    const topic = this.#names.get(note.topic) ?? this.#name(note.topic)
    const at = this.#used
    const view = this.#view
    view.setUint8(at, textBytes === 0 ? note.kind : note.kind | withText)
    view.setUint8(at + 1, 0)
    view.setUint16(at + 2, note.status, true)
    view.setUint32(at + 4, note.hash, true)
    view.setUint32(at + 8, note.extra, true)
    view.setUint16(at + 12, subject, true)
    view.setUint16(at + 14, topic, true)
    view.setUint32(at + 16, note.partition, true)
    view.setFloat64(at + 20, note.offset, true)
    // somebody may set the clock back
    view.setUint32(at + 28, Math.min(0xffffffff, Math.max(0, now - this.#base)), true)
    this.#used = at + noteBytes
    if (textBytes > 0) this.#text(note.text ?? '', textBytes)
    this.#count++
  }

  /** Writes the head. Nothing can be added any more. @param now for a block without notes. @returns what is to be written. */
  seal(flags: number, now: number): Buffer {
    const view = this.#view
    if (this.#count === 0) this.#base = now
    view.setUint32(0, magic, true)
    view.setUint32(8, this.#used - headBytes, true)
    view.setUint32(12, this.#count, true)
    view.setUint32(16, flags, true)
    view.setFloat64(20, this.#base, true)
    const whole = this.buffer.subarray(0, this.#used)
    view.setUint32(4, crc32(whole.subarray(8)), true)
    return whole
  }

  /** Empty again. */
  reset(): void {
    this.#names.clear()
    this.#used = headBytes
    this.#count = 0
  }

  #name(name: string): number {
    const length = this.buffer.write(name, this.#used + nameBytes)
    this.#view.setUint16(this.#used, 0, true)
    this.#view.setUint16(this.#used + 2, length, true)
    this.#used += nameBytes + length
    const index = this.#names.size
    this.#names.set(name, index)
    return index
  }

  #text(text: string, bytes: number): void {
    this.#view.setUint32(this.#used, bytes, true)
    this.buffer.write(text, this.#used + lengthBytes)
    this.#used += lengthBytes + bytes
  }
}
