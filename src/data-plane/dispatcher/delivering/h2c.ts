import { connect, type ClientHttp2Session, type Settings } from 'node:http2'
import type { Dispatcher as Undici } from 'undici'
import type { Connections, Request } from './connections.ts'
import { sendOver } from './h2c-stream.ts'

/** A server has this long to answer our preface with its settings. */
const CONNECT_TIMEOUT_MS = 10_000
/** A server that turned out not to speak HTTP/2 is asked again after this time. */
const ASK_AGAIN_MS = 300_000
/** After a request that was cut: a connection over which nothing comes back is given up. */
const PING_TIMEOUT_MS = 5_000
/** Where the server states no bound. */
const USUAL_STREAMS = 100
const SETTINGS = { enablePush: false, initialWindowSize: 256 * 1024 }

/** A connection whose server has shown that it speaks HTTP/2. */
interface Session {
  readonly http2: ClientHttp2Session
  most: number
  open: number
  pinging: boolean
}

type Waiting = readonly [request: Request, handler: Undici.DispatchHandler]

/**
 * Connections to an origin that says it speaks HTTP/2 without TLS (prior knowledge, RFC 9113 §3.3): requests share a connection, as many at once as
 * the server allows.
 *
 *     dispatch ─► room on a connection? stream
 *                   └─ no: a new one ─► its settings came ─► those that waited
 *                                   └─► they did not: HTTP/1.1 for those that waited, and for some minutes for all
 *
 * No request is sent before the server has shown that it speaks HTTP/2, so a Service that says so wrongly loses no try.
 */
export class H2cConnections implements Connections {
  readonly #origin: string
  readonly #http1: Connections
  readonly #sessions = new Set<Session>()
  #waiting: Waiting[] = []
  #connecting: ClientHttp2Session | null = null
  /** Monotonic milliseconds. */
  #http1Until = -Infinity
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
    if (session !== undefined) return this.#send(session, request, handler)
    this.#waiting.push([request, handler])
    if (this.#connecting === null) this.#connect()
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
    for (const session of this.#sessions) if (session.open < session.most) return session
    return undefined
  }

  #send(session: Session, request: Request, handler: Undici.DispatchHandler): void {
    session.open++
    const over = (cut: boolean): void => {
      session.open--
      if (cut) this.#check(session)
      this.#sendWaiting()
      this.#tellEnd()
    }
    sendOver(session.http2, request, handler, over)
  }

  #sendWaiting(): void {
    for (let session = this.#withRoom(); session !== undefined; session = this.#withRoom()) {
      const next = this.#waiting.shift()
      if (next === undefined) return
      this.#send(session, ...next)
    }
  }

  /** Opens one connection; those who wait go over it, or else over HTTP/1.1. */
  #connect(): void {
    const http2 = connect(this.#origin, { settings: SETTINGS })
    this.#connecting = http2
    let reached = false
    let session: Session | null = null
    const late = setTimeout(() => http2.destroy(), CONNECT_TIMEOUT_MS)
    http2.once('connect', () => (reached = true))
    http2.on('remoteSettings', (settings: Settings) => {
      // one that allows none for now refuses, and is tried again as any that fails
      const most = Math.max(1, settings.maxConcurrentStreams ?? USUAL_STREAMS)
      if (session !== null) return void (session.most = most)
      clearTimeout(late)
      session = { http2, most, open: 0, pinging: false }
      this.#connecting = null
      this.#sessions.add(session)
      this.#sendWaiting()
      if (this.#waiting.length > 0) this.#connect()
    })
    const over = (): void => {
      clearTimeout(late)
      if (session !== null) return this.#lost(session)
      if (this.#connecting !== http2) return
      this.#connecting = null
      this.#fallBack(reached)
    }
    http2.on('goaway', over)
    http2.on('error', over)
    http2.on('close', over)
    // a connection at rest keeps no process alive
    http2.unref()
  }

  /** It takes nothing more; what is under way over it ends by itself. */
  #lost(session: Session): void {
    this.#sessions.delete(session)
    if (this.#waiting.length > 0 && this.#connecting === null && this.#withRoom() === undefined) this.#connect()
  }

  #fallBack(reached: boolean): void {
    if (reached) this.#http1Until = performance.now() + ASK_AGAIN_MS
    for (const [request, handler] of this.#waiting.splice(0)) this.#http1.dispatch(request, handler)
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
