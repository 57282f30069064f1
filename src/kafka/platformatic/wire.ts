import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import type { Connection, Writer as LibraryWriter, Reader as LibraryReader } from '@platformatic/kafka'
import { AnswerReader } from './answer-reader.ts'
import { Frames } from './frames.ts'
import { NetworkError, TimeoutError, Writer } from './library.ts'
import type { Tls } from '../signing-in/tls.ts'
import { openSocket, type Address } from './socket.ts'

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
/** Who took a connection a moment ago may not have asked yet. */
const RETIRE_AFTER_MS = 500

/**
 * A connection to a broker: frames, and which answer belongs to which request. The library's own one would load all of it (library.ts).
 *
 *     send ─► queue ─► socket ··· chunks ─► frame (frames.ts) ─► request of that id ─► parse ─► callback
 *
 * Emits `close` once, after which every request fails with NetworkError, whose cause says why it ended. A request that is not answered in time
 * fails with TimeoutError and ends the connection: those behind it would wait for the same answer, and what it did nobody knows.
 */
export class Wire extends EventEmitter<{ close: [] }> implements Sender {
  readonly host: string
  readonly port: number
  readonly socket: Socket
  readonly #clientId: string
  readonly #requestTimeoutMs: number
  readonly #queue: Request[] = []
  readonly #inFlight = new Map<number, Request>()
  readonly #frames = new Frames((id) => this.#inFlight.has(id))
  readonly #closed = Promise.withResolvers<void>()
  #lastId = 0
  #connected = true
  #answers = 0
  #retired = false
  #retiring: NodeJS.Timeout | undefined
  /** Why it ended; null: we wanted it. */
  #reason: Error | null = null

  private constructor(clientId: string, socket: Socket, { host, port }: Address, requestTimeoutMs: number) {
    super()
    this.setMaxListeners(0)
    this.#clientId = clientId
    this.#requestTimeoutMs = requestTimeoutMs
    this.socket = socket
    this.host = host
    this.port = port
    socket.on('data', (chunk) => this.#data(chunk))
    socket.on('error', (error) => this.#end(error))
    socket.once('end', () => this.#end(new Error('the peer ended it')))
    socket.once('close', () => this.#ended())
  }

  /** @throws as {@link openSocket}. */
  static async open(
    clientId: string,
    address: Address,
    options: {
      readonly connectTimeoutMs: number
      readonly requestTimeoutMs: number
      readonly signal?: AbortSignal | undefined
      readonly tls?: Tls | undefined
    },
  ): Promise<Wire> {
    return new Wire(clientId, await openSocket(address, options), address, options.requestTimeoutMs)
  }

  /** How many requests were answered. */
  get answers(): number {
    return this.#answers
  }

  /** True: who is about to ask takes another connection. */
  get isRetired(): boolean {
    return this.#retired
  }

  /** The peer has shown who it is, as far as it has to: from now on its answers may be long. */
  agreed(): void {
    this.#frames.agreed()
  }

  /** Closes as soon as nothing is in flight, and a moment has passed in which nothing came. */
  retire(): void {
    if (this.#retired) return
    this.#retired = true
    this.#closeWhenIdle()
  }

  isConnected(): boolean {
    return this.#connected
  }

  /** Closes at once, without waiting for a peer that hangs; requests in flight fail. Never throws. */
  close(): Promise<void> {
    this.#connected = false
    this.socket.destroy()
    return this.#closed.promise
  }

  send: Connection['send'] = (apiKey, apiVersion, createPayload, parse, requestTagged, tagged, callback) => {
    const answered = callback as Answered
    const id = (this.#lastId = (this.#lastId + 1) & 0x7fffffff)
    let bytes: Buffer
    try {
      bytes = this.#encode(apiKey, apiVersion, id, requestTagged, createPayload() as LibraryWriter)
    } catch (error) {
      answered(error as Error, undefined)
      return
    }
    this.#queue.push({ id, apiKey, apiVersion, bytes, parse, tagged, answered, timer: undefined })
    this.#next()
  }

  #closeWhenIdle(): void {
    clearTimeout(this.#retiring)
    if (this.#inFlight.size === 0) this.#retiring = setTimeout(() => void this.close(), RETIRE_AFTER_MS)
  }

  #encode(apiKey: number, apiVersion: number, id: number, tagged: boolean, payload: LibraryWriter): Buffer {
    const writer = Writer.create()
    writer.appendInt16(apiKey).appendInt16(apiVersion).appendInt32(id).appendString(this.#clientId, false)
    if (tagged) writer.appendTaggedFields()
    return writer.appendFrom(payload).prependLength().buffer
  }

  #next(): void {
    while (this.#inFlight.size < AT_ONCE) {
      const request = this.#queue.shift()
      if (request === undefined) return
      if (!this.#connected) {
        request.answered(this.#failure(), undefined)
        continue
      }
      this.#inFlight.set(request.id, request)
      clearTimeout(this.#retiring)
      // a busy process looks at its timers first: an answer that is there already counts
      request.timer = setTimeout(() => setImmediate(() => this.#late(request)), this.#requestTimeoutMs)
      this.socket.write(request.bytes)
    }
  }

  #late(request: Request): void {
    if (this.#inFlight.get(request.id) !== request) return
    this.#end(new Error('it did not answer in time'))
    this.#settle(request, new TimeoutError('Request timed out'), undefined)
  }

  #settle(request: Request, error: Error | null, payload: unknown): void {
    this.#inFlight.delete(request.id)
    clearTimeout(request.timer)
    request.answered(error, payload)
    this.#next()
    if (this.#retired) this.#closeWhenIdle()
  }

  #data(chunk: Buffer): void {
    this.#frames.push(chunk)
    for (let frame = this.#frame(); frame !== null; frame = this.#frame()) this.#answer(frame.id, frame.body)
  }

  /** After the end nothing counts any more. */
  #frame(): ReturnType<Frames['next']> {
    if (!this.#connected) return null
    try {
      return this.#frames.next()
    } catch (error) {
      this.#end(error as Error)
      return null
    }
  }

  #answer(id: number, reader: LibraryReader): void {
    const request = this.#inFlight.get(id)
    if (request === undefined) return
    let payload: unknown
    let failure: Error | null = null
    try {
      if (request.tagged) reader.readTaggedFields()
      // decoders count from the end of the header
      const body = new AnswerReader(reader.buffer.subarray(reader.position))
      payload = request.parse(id, request.apiKey, request.apiVersion, body)
    } catch (error) {
      failure = error as Error
    }
    this.#answers++
    this.#settle(request, failure, payload)
  }

  /** The first reason is the one: others follow from it. */
  #end(reason: Error): void {
    if (this.#connected) this.#reason = reason
    this.#connected = false
    this.socket.destroy()
  }

  #failure(): Error {
    return new NetworkError('Connection closed', this.#reason === null ? {} : { cause: this.#reason })
  }

  #ended(): void {
    clearTimeout(this.#retiring)
    this.#connected = false
    this.#closed.resolve()
    this.emit('close')
    const failure = this.#failure()
    for (const request of [...this.#inFlight.values()]) this.#settle(request, failure, undefined)
  }
}
