import { crc32 } from 'node:zlib'
import { headBytes, lengthBytes, magic, mostBytes, nameBytes, noteBytes, withText } from './block.ts'
import type { Remembered, Wanted } from './note.ts'

/** The head of a block. */
export interface BlockHead {
  /** Of the whole block, head included. */
  readonly bytes: number
  readonly crc: number
  readonly flags: number
  /** When its first note was written, milliseconds since 1970. */
  readonly base: number
}

/** @param head at least as long as a head. @returns null: no block begins here. */
export function readHead(head: Buffer): BlockHead | null {
  const length = head.readUInt32LE(8)
  if (head.readUInt32LE(0) !== magic || length > mostBytes) return null
  return {
    bytes: headBytes + length,
    crc: head.readUInt32LE(4),
    flags: head.readUInt32LE(16),
    base: head.readDoubleLE(20),
  }
}

/** Whether it is as it was written. */
export function isWhole(block: Buffer, { crc }: BlockHead): boolean {
  return crc32(block.subarray(8)) === crc
}

/**
 * Visits the notes of a whole block that are wanted, in the order in which they were written.
 *
 *     names ─► numbers; note ─► its numbers are those that are wanted? ─► its texts are read
 */
export function eachWanted(
  block: Buffer,
  { base }: BlockHead,
  wanted: Wanted,
  visit: (note: Remembered) => void,
): void {
  const view = new DataView(block.buffer, block.byteOffset, block.length)
  const names: { readonly at: number; readonly length: number }[] = []
  const nameOf = (index: number): string => {
    const { at = 0, length = 0 } = names[index] ?? {}
    return block.toString('utf8', at, at + length)
  }
  const topicBytes = 'topic' in wanted ? Buffer.byteLength(wanted.topic) : -1
  let topic = -1
  let at = headBytes
  while (at < block.length) {
    const kind = view.getUint8(at)
    if (kind === 0) {
      const length = view.getUint16(at + 2, true)
      names.push({ at: at + nameBytes, length })
      if (length === topicBytes && 'topic' in wanted && nameOf(names.length - 1) === wanted.topic)
        topic = names.length - 1
      at += nameBytes + length
      continue
    }
    const text = kind < withText ? -1 : view.getUint32(at + noteBytes, true)
    if (isWanted(view, at, wanted, topic)) {
      visit({
        kind: kind & ~withText,
        status: view.getUint16(at + 2, true),
        hash: view.getUint32(at + 4, true),
        extra: view.getUint32(at + 8, true),
        subject: nameOf(view.getUint16(at + 12, true)),
        topic: nameOf(view.getUint16(at + 14, true)),
        partition: view.getUint32(at + 16, true),
        offset: view.getFloat64(at + 20, true),
        at: base + view.getUint32(at + 28, true),
        ...(text < 0 ? {} : { text: textAt(block, at + noteBytes + lengthBytes, text) }),
      })
    }
    at += noteBytes + (text < 0 ? 0 : lengthBytes + text)
  }
}

function isWanted(view: DataView, at: number, wanted: Wanted, topic: number): boolean {
  if ('hash' in wanted) return view.getUint32(at + 4, true) === wanted.hash
  return (
    view.getFloat64(at + 20, true) === wanted.offset &&
    view.getUint32(at + 16, true) === wanted.partition &&
    view.getUint16(at + 14, true) === topic
  )
}

function textAt(block: Buffer, at: number, bytes: number): string {
  return block.toString('utf8', at, at + bytes)
}
