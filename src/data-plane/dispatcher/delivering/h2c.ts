import { connect, type ClientHttp2Session, type Settings } from 'node:http2'
import type { Dispatcher as Undici } from 'undici'
import type { Connections, Request } from './connections.ts'
import { refuse, sendOver, type StreamEnd } from './h2c-stream.ts'

/** A server has this long to answer our preface with its settings. */
const CONNECT_TIMEOUT_MS = 10_000
/** A server that turned out not to speak HTTP/2 is asked again after this time. */
const ASK_AGAIN_MS = 300_000
/** One that did not say a word, and never did, after this time; twice as long each time that it is silent again. It may just have been starting. */
const ASK_SILENT_MS = 100
/** After a request that was cut: a connection over which nothing comes back is given up. */
const PING_TIMEOUT_MS = 5_000
/** Where the server states no bound. */
const USUAL_STREAMS = 100
const OPTIONS = {
  settings: { enablePush: false, initialWindowSize: 256 * 1024 },
  /** Megabytes. What waits to be sent counts too, and beyond it answers would be cut: how much is under way is bounded by lanes and budget. */
  maxSessionMemory: 1024,
}

/** A connection whose server has shown that it speaks HTTP/2. */
interface Session {
  readonly http2: ClientHttp2Session
  most: number
  open: number
  pinging: boolean
}

/** After a connection more was refused: those that wait stay with the connections that are there for this time. */
const ENOUGH_MS = 1_000
const noSettings = `no settings of HTTP/2 within ${CONNECT_TIMEOUT_MS} ms`

/** A request that a server refuses more often than this has failed. */
const MOST_REFUSALS = 5

type Waiting = readonly [request: Request, handler: Undici.DispatchHandler, refusals: number]

/**
 * Connections to an origin that says it speaks HTTP/2 without TLS (prior knowledge, RFC 9113 §3.3): requests share a connection, as many at once as
 * the server allows.
 *
 *     dispatch ─► room on a connection? stream
 *                   └─ no: a new one ─► its settings came ─► those that waited
 *                                   ├─► something else came: HTTP/1.1 for those that waited, and for some minutes for all
 *                                   └─► nothing came: it spoke HTTP/2 before? they failed : HTTP/1.1 for those that waited, and for a moment for all
 *
 * No request is sent before the server has shown that it speaks HTTP/2, so a Service that says so wrongly loses no try. A connection that ends
 * without a word says nothing about the server: it may be starting, or stopping.
 */
export class H2cConnections implements Connections {
  readonly #origin: string
  readonly #http1: Connections
  readonly #sessions = new Set<Session>()
  #waiting: Waiting[] = []
  #connecting: ClientHttp2Session | null = null
  /** Monotonic milliseconds. */
  #http1Until = -Infinity
  /** It has shown that it speaks HTTP/2. */
  #spoke = false
  /** Monotonic milliseconds. */
  #enoughUntil = -Infinity
  /** How often it did not say a word. */
  #silences = 0
  #ended: (() => void) | null = null

  /** @param http1 connections to the same origin, for when it does not speak HTTP/2 after all. They are ours from now on. */
  constructor(origin: string, http1: Connections) {
    this.#origin = origin
    this.#http1 = http1
  }

  get stats(): { readonly size: number } {
    let size = this.#http1.stats.size + this.#waiting.length
    for (const { open } of this.#sessions) size += open
    return { size }
  }

  dispatch(request: Request, handler: Undici.DispatchHandler): void {
    if (performance.now() < this.#http1Until) return void this.#http1.dispatch(request, handler)
    const session = this.#withRoom()
    if (session !== undefined) return this.#send(session, [request, handler, 0])
    this.#waiting.push([request, handler, 0])
    this.#connectMore()
  }

  /** For those who wait, unless a connection more was refused a moment ago. */
  #connectMore(): void {
    if (this.#waiting.length === 0 || this.#connecting !== null) return
    if (this.#sessions.size === 0 || performance.now() >= this.#enoughUntil) this.#connect()
  }

  async close(): Promise<void> {
    if (this.#waiting.length > 0 || [...this.#sessions].some(({ open }) => open > 0)) {
      await new Promise<void>((resolve) => (this.#ended = resolve))
    }
    this.#endAll()
    await this.#http1.close()
  }

  async destroy(): Promise<void> {
    this.#waiting = []
    this.#endAll()
    await this.#http1.destroy()
  }

  #endAll(): void {
    this.#connecting?.destroy()
    for (const { http2 } of this.#sessions) http2.destroy()
  }

  #withRoom(): Session | undefined {
    for (const session of this.#sessions) {
      // one that ends says so a moment later
      const { closed, destroyed } = session.http2
      if (!closed && !destroyed && session.open < session.most) return session
    }
    return undefined
  }

  #send(session: Session, [request, handler, refusals]: Waiting): void {
    session.open++
    const over = (end: StreamEnd): void => {
      session.open--
      if (end === 'cut') this.#check(session)
      if (end === 'refused') this.#refused(request, handler, refusals + 1)
      this.#sendWaiting()
      this.#connectMore()
      this.#tellEnd()
    }
    sendOver(session.http2, request, handler, over)
  }

  /** The server did not look at it: another one does, or it itself a moment later. */
  #refused(request: Request, handler: Undici.DispatchHandler, refusals: number): void {
    if (refusals > MOST_REFUSALS) return refuse(handler, new Error('it refused the request (HTTP/2 REFUSED_STREAM)'))
    this.#waiting.push([request, handler, refusals])
  }

  #sendWaiting(): void {
    for (let session = this.#withRoom(); session !== undefined; session = this.#withRoom()) {
      const next = this.#waiting.shift()
      if (next === undefined) return
      this.#send(session, next)
    }
  }

  /** Opens one connection for those who wait. */
  #connect(): void {
    const http2 = connect(this.#origin, OPTIONS)
    this.#connecting = http2
    let session: Session | null = null
    let why: NodeJS.ErrnoException = new Error('other side closed')
    const late = setTimeout(() => http2.destroy(new Error(noSettings)), CONNECT_TIMEOUT_MS)
    http2.on('remoteSettings', (settings: Settings) => {
      // one that allows none for now refuses, and is tried again as any that fails
      const most = Math.max(1, settings.maxConcurrentStreams ?? USUAL_STREAMS)
      if (session === null) {
        clearTimeout(late)
        this.#spoke = true
        session = { http2, most, open: 0, pinging: false }
        this.#connecting = null
        this.#sessions.add(session)
      } else session.most = most
      this.#sendWaiting()
      this.#connectMore()
    })
    const over = (): void => {
      clearTimeout(late)
      if (session !== null) return this.#lost(session)
      if (this.#connecting !== http2) return
      this.#connecting = null
      this.#failed(why)
    }
    http2.on('error', (error: NodeJS.ErrnoException) => (why = error))
    http2.on('goaway', over)
    http2.on('close', over)
    // a connection at rest keeps no process alive
    http2.unref()
  }

  /** It takes nothing more; what is under way over it ends by itself. */
  #lost(session: Session): void {
    this.#sessions.delete(session)
    this.#sendWaiting()
    this.#connectMore()
  }

  /** There is no connection for those who wait. */
  #failed(why: NodeJS.ErrnoException): void {
    // those that are there send them when they have room, or when they are lost another one is opened
    if (this.#sessions.size > 0) return void (this.#enoughUntil = performance.now() + ENOUGH_MS)
    const speaksOther = why.code === 'ERR_HTTP2_ERROR'
    const waiting = this.#waiting.splice(0)
    if (this.#spoke && !speaksOther) for (const [, handler] of waiting) refuse(handler, why)
    else {
      const silentMs = Math.min(ASK_SILENT_MS * 2 ** this.#silences++, ASK_AGAIN_MS)
      this.#http1Until = performance.now() + (speaksOther ? ASK_AGAIN_MS : silentMs)
      for (const [request, handler] of waiting) this.#http1.dispatch(request, handler)
    }
    this.#tellEnd()
  }

  /** A request got no answer in time: is anybody there still? */
  #check(session: Session): void {
    if (session.pinging || session.http2.destroyed) return
    session.pinging = true
    const silent = setTimeout(() => session.http2.destroy(), PING_TIMEOUT_MS)
    silent.unref()
    session.http2.ping(() => {
      clearTimeout(silent)
      session.pinging = false
    })
  }

  #tellEnd(): void {
    if (this.#ended !== null && this.stats.size === this.#http1.stats.size) this.#ended()
  }
}
