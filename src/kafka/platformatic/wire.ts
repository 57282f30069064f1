import { EventEmitter, once } from 'node:events'
import { createConnection, type Socket } from 'node:net'
import type { Connection, Writer as LibraryWriter, Reader as LibraryReader } from '@platformatic/kafka'
import { NetworkError, Reader, TimeoutError, UserError, Writer } from './library.ts'

/** What our part of the client library asks of a connection. */
type Sender = Pick<Connection, 'send' | 'isConnected' | 'socket' | 'host' | 'port'>
type Answered = (error: Error | null, payload: unknown) => void
type Parser = (correlationId: number, apiKey: number, apiVersion: number, reader: LibraryReader) => unknown

interface Request {
  readonly id: number
  readonly apiKey: number
  readonly apiVersion: number
  readonly bytes: Buffer
  readonly parse: Parser
  /** The header of the answer ends with tagged fields. */
  readonly tagged: boolean
  readonly answered: Answered
  timer: NodeJS.Timeout | undefined
}

/** Requests under way at once; a broker works off one after the other anyway. Those that wait for their turn do not time out. */
const AT_ONCE = 5
/** A frame begins with its size, 4 bytes. */
const SIZE = 4
/** The end of an answer's header: no tagged fields are known. */
const NO_TAGS = 1

/**
 * A connection to a broker: frames, and which answer belongs to which request. The library's own one would load all of it (library.ts).
 *
 *     send ─► queue ─► socket ··· chunks ─► frame whole? ─► request of that id ─► parse ─► callback
 *                                                            └─ timed out before: dropped
 *
 * Emits `close` once, after which every request fails with NetworkError. An answer that does not come in time fails with TimeoutError.
 */
export class Wire extends EventEmitter<{ close: [] }> implements Sender {
  readonly host: string
  readonly port: number
  readonly socket: Socket
  readonly #clientId: string
  readonly #requestTimeoutMs: number
  readonly #queue: Request[] = []
  /** In order of sending; those that timed out stay until their answer comes. */
  readonly #inFlight = new Map<number, Request>()
  #waiting = 0
  #lastId = 0
  #connected = false
  #chunks: Buffer[] = []
  #held = 0
  /** Size of the frame that is coming in; 0: not known yet. */
  #frame = 0
  #first = true

  private constructor(clientId: string, socket: Socket, host: string, port: number, requestTimeoutMs: number) {
    super()
    this.setMaxListeners(0)
    this.#clientId = clientId
    this.#requestTimeoutMs = requestTimeoutMs
    this.socket = socket
    this.host = host
    this.port = port
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#data(chunk))
    // what happened is told by the requests that fail with it
    socket.on('error', () => {})
    socket.once('close', () => this.#closed())
  }

  /** @throws NetworkError, TimeoutError. */
  static async open(
    clientId: string,
    { host, port }: { readonly host: string; readonly port: number },
    options: { readonly connectTimeoutMs: number; readonly requestTimeoutMs: number },
  ): Promise<Wire> {
    const socket = createConnection({ host, port })
    const wire = new Wire(clientId, socket, host, port, options.requestTimeoutMs)
    const late = AbortSignal.timeout(options.connectTimeoutMs)
    try {
      await once(socket, 'connect', { signal: late })
    } catch (error) {
      socket.destroy()
      if (late.aborted) throw new TimeoutError(`Connection to ${host}:${port} timed out.`)
      throw new NetworkError(`Connection to ${host}:${port} failed.`, { cause: error as Error })
    }
    wire.#connected = true
    return wire
  }

  isConnected(): boolean {
    return this.#connected
  }

  /** Closes at once, without waiting for a peer that hangs; requests in flight fail. */
  async close(): Promise<void> {
    if (this.socket.closed) return
    const closed = once(this.socket, 'close')
    this.socket.destroy()
    await closed
  }

  send: Connection['send'] = (apiKey, apiVersion, createPayload, parse, requestTagged, answerTagged, callback) => {
    const answered = callback as Answered
    const id = (this.#lastId = (this.#lastId + 1) & 0x7fffffff)
    let bytes: Buffer
    try {
      const payload = createPayload() as LibraryWriter
      bytes = this.#encode(apiKey, apiVersion, id, requestTagged, payload)
    } catch (error) {
      answered(error as Error, undefined)
      return
    }
    const tagged = answerTagged
    this.#queue.push({ id, apiKey, apiVersion, bytes, parse, tagged, answered, timer: undefined })
    this.#next()
  }

  #encode(apiKey: number, apiVersion: number, id: number, tagged: boolean, payload: LibraryWriter): Buffer {
    const writer = Writer.create()
    writer.appendInt16(apiKey).appendInt16(apiVersion).appendInt32(id).appendString(this.#clientId, false)
    if (tagged) writer.appendTaggedFields()
    return writer.appendFrom(payload).prependLength().buffer
  }

  #next(): void {
    while (this.#waiting < AT_ONCE) {
      const request = this.#queue.shift()
      if (request === undefined) return
      if (!this.#connected) {
        request.answered(new NetworkError('Connection closed'), undefined)
        continue
      }
      this.#waiting++
      this.#inFlight.set(request.id, request)
      request.timer = setTimeout(() => this.#timedOut(request), this.#requestTimeoutMs)
      this.socket.write(request.bytes)
    }
  }

  #timedOut(request: Request): void {
    request.timer = undefined
    this.#settle(request, new TimeoutError('Request timed out'), undefined)
  }

  #settle(request: Request, error: Error | null, payload: unknown): void {
    this.#waiting--
    request.answered(error, payload)
    this.#next()
  }

  #data(chunk: Buffer): void {
    if (this.#first && isTls(chunk)) {
      this.#fail(new UserError('Broker requires TLS.'))
      this.socket.destroy()
      return
    }
    this.#first = false
    this.#chunks.push(chunk)
    this.#held += chunk.length
    while (this.#frameIsWhole()) {
      const frame = this.#take(this.#frame)
      this.#frame = 0
      this.#answer(frame)
    }
  }

  #frameIsWhole(): boolean {
    if (this.#frame === 0 && this.#held >= SIZE) this.#frame = Reader.from(this.#take(SIZE)).readInt32()
    return this.#frame > 0 && this.#held >= this.#frame
  }

  /** The next bytes, as they came, without a copy. */
  #take(size: number): LibraryWriter {
    const taken = Writer.create()
    this.#held -= size
    for (let left = size; left > 0;) {
      const chunk = this.#chunks[0]!
      if (chunk.length <= left) this.#chunks.shift()
      else this.#chunks[0] = chunk.subarray(left)
      taken.append(chunk.length <= left ? chunk : chunk.subarray(0, left))
      left -= chunk.length
    }
    return taken
  }

  #answer(frame: LibraryWriter): void {
    const reader = Reader.from(frame)
    const id = reader.readInt32()
    const request = this.#inFlight.get(id)
    // an answer to nothing: whatever is at the other end, it is not to be trusted
    if (request === undefined) return void this.socket.destroy()
    this.#inFlight.delete(id)
    if (request.timer === undefined) return
    clearTimeout(request.timer)
    let payload: unknown
    let failure: Error | null = null
    try {
      if (request.tagged) reader.skip(NO_TAGS)
      // decoders count from the end of the header
      const body = new Reader(reader.buffer.subarray(reader.position))
      payload = request.parse(id, request.apiKey, request.apiVersion, body)
    } catch (error) {
      failure = error as Error
    }
    this.#settle(request, failure, payload)
  }

  #closed(): void {
    this.#connected = false
    this.emit('close')
    this.#fail(new NetworkError('Connection closed'))
  }

  #fail(error: Error): void {
    this.#connected = false
    for (const request of [...this.#inFlight.values()]) {
      this.#inFlight.delete(request.id)
      if (request.timer === undefined) continue
      clearTimeout(request.timer)
      this.#settle(request, error, undefined)
    }
  }
}

/** The first bytes of a TLS record: alert, handshake, ... and the version. */
function isTls(chunk: Buffer): boolean {
  const [type = 0, major = 0, minor = 255] = chunk
  return type >= 0x14 && type <= 0x17 && major === 3 && minor <= 4
}
