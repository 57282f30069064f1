import { createHash } from 'node:crypto'

/** Opcodes of RFC 6455 §5.2. */
export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

/** Status codes of RFC 6455 §7.4.1. */
export const closeCodes = { normal: 1000, goingAway: 1001, protocolError: 1002, tooBig: 1009 } as const

/** What a client sends; longer is not ours to read. */
const maxPayload = 65_536

/** A whole frame that came, unmasked. */
export interface Frame {
  readonly opcode: number
  readonly payload: Buffer
}

/** `Sec-WebSocket-Accept` for a key (RFC 6455 §4.2.2). */
export function acceptKey(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
}

/** A frame as servers write them: whole, and not masked. */
export function frame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10)
  head[0] = 0x80 | opcode
  if (length < 126) head[1] = length
  else if (length < 65_536) {
    head[1] = 126
    head.writeUInt16BE(length, 2)
  } else {
    head[1] = 127
    head.writeBigUInt64BE(BigInt(length), 2)
  }
  return Buffer.concat([head, payload])
}

/** A close frame; the reason is for people. */
export function closeFrame(code: number, reason = ''): Buffer {
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason))
  payload.writeUInt16BE(code)
  payload.write(reason, 2)
  return frame(opcodes.close, payload)
}

/** Makes frames of the bytes of a client, however they are cut. What is in pieces stays in pieces: nobody reads it. */
export class FrameReader {
  #bytes: Buffer = Buffer.alloc(0)

  /** @returns whole frames; or, when these bytes can be none (§5), the code to close with: call no more then. */
  read(chunk: Buffer): readonly Frame[] | number {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
    const frames: Frame[] = []
    while (true) {
      const next = this.#next()
      if (typeof next === 'number') return next
      if (next === null) return frames
      frames.push(next)
    }
  }

  #next(): Frame | number | null {
    const bytes = this.#bytes
    if (bytes.length < 2) return null
    const [first, second] = [bytes[0] ?? 0, bytes[1] ?? 0]
    const opcode = first & 0x0f
    const short = second & 0x7f
    if (isBroken(first, second)) return closeCodes.protocolError
    const head = 2 + (short < 126 ? 0 : short === 126 ? 2 : 8)
    if (bytes.length < head) return null
    const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
    if (length > maxPayload) return closeCodes.tooBig
    if (bytes.length < head + 4 + length) return null
    const mask = bytes.subarray(head, head + 4)
    const payload = Buffer.from(bytes.subarray(head + 4, head + 4 + length))
    for (let i = 0; i < length; i += 1) payload[i] = (payload[i] ?? 0) ^ (mask[i % 4] ?? 0)
    this.#bytes = bytes.subarray(head + 4 + length)
    return { opcode, payload }
  }
}

/** No extension was agreed on, so the reserved bits are 0; clients mask; control frames are whole and short; other opcodes are not known. */
function isBroken(first: number, second: number): boolean {
  const opcode = first & 0x0f
  const isFinal = (first & 0x80) !== 0
  const isControl = opcode >= 8
  if ((first & 0x70) !== 0 || (second & 0x80) === 0) return true
  if (isControl && (!isFinal || (second & 0x7f) > 125)) return true
  return (opcode > 2 && opcode < 8) || opcode > 10
}
