import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { writeStructured } from '../data-plane/wire/structured-out.ts'
import { acceptKey, closeCodes, closeFrame, frame, FrameReader, opcodes, type Frame } from './frames.ts'
import type { Encoding } from './pump.ts'
import type { KeptEvent } from './seen-event.ts'

/** Ticks between two pings; who has not answered one before the next but one is let go. */
const pingTicks = 30

/** How long one who is told to go may stay, milliseconds. */
const farewellMs = 1_000

/** `json`: each message is an event in the JSON format of CloudEvents; `sockeye`: that, as a JSON string, as the viewer of that name sends it. */
export const socketFormats = ['sockeye', 'json'] as const
export type SocketFormat = (typeof socketFormats)[number]

/** What is wrong with a handshake (RFC 6455 §4.2.1), as an answer; null: nothing. */
export function badHandshake({ method, headers }: IncomingMessage): { status: string; more: string } | null {
  if (headers['sec-websocket-version'] !== '13') {
    return { status: '426 Upgrade Required', more: 'Sec-WebSocket-Version: 13\r\n' }
  }
  const key = headers['sec-websocket-key'] ?? ''
  const isKey = /^[A-Za-z0-9+/]{22}==$/.test(key)
  return method === 'GET' && isKey ? null : { status: '400 Bad Request', more: '' }
}

/** Refuses an upgrade, and ends the connection. */
export function refuseUpgrade(socket: Duplex, status: string, more = ''): void {
  socket.end(`HTTP/1.1 ${status}\r\n${more}Connection: close\r\nContent-Length: 0\r\n\r\n`)
}

/** One client of `/ws`: answers what the protocol asks, and reads nothing else. */
export class SocketClient {
  readonly #socket: Duplex
  readonly #reader = new FrameReader()
  #ticks = 0
  #heard = true

  constructor(request: IncomingMessage, socket: Duplex, head: Buffer) {
    this.#socket = socket
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${acceptKey(request.headers['sec-websocket-key'] ?? '')}\r\n\r\n`,
    )
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('error', () => socket.destroy())
    socket.on('end', () => socket.end())
    if (head.length > 0) this.#read(head)
  }

  encoding(format: SocketFormat): Encoding {
    const text = (kept: KeptEvent): Buffer => {
      const json = writeStructured(kept.event, [])
      return format === 'json' ? json : Buffer.from(JSON.stringify(json.toString('utf8')))
    }
    return {
      portion: ({ events }) => Buffer.concat(events.map((kept) => frame(opcodes.text, text(kept)))),
      tick: () => this.#tick(),
    }
  }

  close(): void {
    this.#end(closeFrame(closeCodes.goingAway))
  }

  #tick(): Buffer | null {
    this.#ticks += 1
    if (this.#ticks % pingTicks !== 0) return null
    if (!this.#heard) this.#socket.destroy()
    this.#heard = false
    return frame(opcodes.ping, Buffer.alloc(0))
  }

  #read(chunk: Buffer): void {
    this.#heard = true
    const read = this.#reader.read(chunk)
    if (typeof read === 'number') return this.#end(closeFrame(read))
    for (const each of read) this.#take(each)
  }

  #take({ opcode, payload }: Frame): void {
    if (!this.#socket.writable) return
    // Of pings one may answer the latest only (§5.5.3): who sends them and takes no answer must not fill the memory.
    if (opcode === opcodes.ping && !this.#socket.writableNeedDrain) this.#socket.write(frame(opcodes.pong, payload))
    else if (opcode === opcodes.close) this.#end(frame(opcodes.close, payload.subarray(0, 2)))
  }

  /** Says so, reads no more, and waits a moment for the other side to go. */
  #end(said: Buffer): void {
    this.#socket.removeAllListeners('data')
    this.#socket.resume()
    if (this.#socket.writable) this.#socket.end(said)
    const late = setTimeout(() => this.#socket.destroy(), farewellMs)
    this.#socket.once('close', () => clearTimeout(late))
  }
}
