import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Clock } from '../core/clock.ts'
import { judge, type AccessRules } from './access.ts'
import { isFilter, readFilter } from './filter-query.ts'
import type { LineageAnswers } from './lineage.ts'
import { readPageFiles, safetyHeaders } from './page-files.ts'
import { Place, type Wanted } from './place.ts'
import { Pump } from './pump.ts'
import { Rates } from './rates.ts'
import { receive, type Room } from './receive.ts'
import { EventRing, type RingLimit } from './ring.ts'
import { show } from './seen-event.ts'
import { resumeAt, sseEncoding, sseFormats, sseHello } from './sse.ts'
import type { TopologySource } from './topology.ts'
import { badHandshake, refuseUpgrade, SocketClient, socketFormats } from './web-socket.ts'

interface Parts {
  readonly clock: Clock
  readonly limit: RingLimit
  readonly access: AccessRules
  readonly topology: TopologySource | null
  readonly lineage: LineageAnswers | null
}

/** Streams at a time; each is a socket and a place in the ring. */
const mostStreams = 500
/** Bodies of requests that are under way, all together, bytes. */
const bodiesBytes = 64 * 1024 * 1024

/**
 * What there is at which path:
 *
 *     POST any ─► events into the ring
 *     GET / · /page/<file> · /events[?filter] · /events/<n> · /filter?… · /topology · /lineage… · /healthz
 *     GET /ws, upgraded
 */
export class ViewerRequests {
  readonly #parts: Parts
  readonly #ring: EventRing
  readonly #rates: Rates
  readonly #files = readPageFiles()
  readonly #run = randomBytes(6).toString('hex')
  readonly #pumps = new Set<Pump>()
  readonly #sockets = new Set<SocketClient>()
  readonly #room: Room = { left: bodiesBytes }

  constructor(parts: Parts) {
    this.#parts = parts
    this.#ring = new EventRing(parts.limit)
    this.#rates = new Rates(parts.clock)
  }

  /** Never rejects. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = urlOf(request)
    if (url === null) return say(response, 400, 'this is no path')
    if (request.method === 'GET' && url.pathname === '/healthz') return say(response, 200, 'ok')
    const verdict = judge(request, url, this.#parts.access)
    if (verdict.kind === 'enter') {
      return say(response, 303, 'come in', { 'set-cookie': verdict.cookie, location: verdict.location })
    }
    if (verdict.kind === 'refused') return this.#refuse(url, response, verdict)
    if (request.method === 'POST') return this.#take(request, response, url.pathname)
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return say(response, 405, 'GET shows events, POST takes them', { allow: 'GET, HEAD, POST' })
    }
    this.#show(request, response, url)
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy())
    const url = urlOf(request)
    if (url?.pathname !== '/ws') return refuseUpgrade(socket, '404 Not Found')
    const verdict = judge(request, url, this.#parts.access)
    // A socket cannot follow a redirect; who has the token may come in at once.
    if (verdict.kind === 'refused')
      return refuseUpgrade(socket, verdict.status === 401 ? '401 Unauthorized' : '403 Forbidden')
    const bad = badHandshake(request)
    if (bad !== null) return refuseUpgrade(socket, bad.status, bad.more)
    const wanted = readFilter(url.searchParams)
    const format = oneOf(socketFormats, url.searchParams.get('format'))
    if (!isFilter(wanted) || format === null) return refuseUpgrade(socket, '400 Bad Request')
    if (this.#pumps.size >= mostStreams) return refuseUpgrade(socket, '503 Service Unavailable')
    const client = new SocketClient(request, socket, head)
    this.#sockets.add(client)
    socket.once('close', () => this.#sockets.delete(client))
    this.#pump(socket, wanted, this.#ring.newest + 1, client.encoding(format))
  }

  /** About once a second. */
  tick(): void {
    for (const pump of this.#pumps) pump.tick()
  }

  close(): void {
    for (const socket of this.#sockets) socket.close()
  }

  #refuse(url: URL, response: ServerResponse, { status, detail }: { status: 401 | 403; detail: string }): void {
    const page = this.#files.get('login.html')
    if (status === 401 && url.pathname === '/' && page !== undefined) {
      const { 'content-type': type = '' } = page.headers
      return send(response, 401, loginPage(page.body, url), { 'content-type': type, 'cache-control': 'no-store' })
    }
    if (status === 401 && url.pathname === '/page/login.css') return this.#file(response, 'login.css', undefined)
    say(response, status, detail, status === 401 ? { 'www-authenticate': 'Bearer realm="Millrace viewer"' } : {})
  }

  async #take(request: IncomingMessage, response: ServerResponse, to: string): Promise<void> {
    const received = await receive(request, this.#room)
    if (received.kind === 'broken') return void response.destroy()
    if (received.kind === 'refused') {
      const later = received.status === 503 ? { 'retry-after': '1' } : {}
      return say(response, received.status, received.detail, later)
    }
    for (const event of received.events) {
      this.#rates.count()
      this.#ring.add(event, to, this.#parts.clock.now())
    }
    response.writeHead(200, { 'content-length': 0 }).end()
  }

  #show(request: IncomingMessage, response: ServerResponse, url: URL): void {
    const { pathname, searchParams } = url
    const ifNoneMatch = request.headers['if-none-match']
    if (pathname === '/') return this.#file(response, 'index.html', ifNoneMatch)
    if (pathname.startsWith('/page/')) return this.#file(response, pathname.slice('/page/'.length), ifNoneMatch)
    if (pathname === '/events') return this.#stream(request, response, searchParams)
    if (pathname.startsWith('/events/')) return this.#event(response, Number(pathname.slice('/events/'.length)))
    if (pathname === '/filter') return this.#checkFilter(response, searchParams)
    if (pathname === '/topology') return this.#topology(response)
    if (pathname === '/lineage' || pathname.startsWith('/lineage/')) return this.#lineage(request, response, url)
    say(response, 404, 'the page is at /')
  }

  #file(response: ServerResponse, name: string, ifNoneMatch: string | undefined): void {
    const file = this.#files.get(name)
    if (file === undefined) return say(response, 404, 'the page is at /')
    if (ifNoneMatch === file.headers['etag']) send(response, 304, null, file.headers)
    else send(response, 200, file.body, file.headers)
  }

  /** All that is kept of one event. */
  #event(response: ServerResponse, number: number): void {
    const kept = this.#ring.at(number)
    if (kept === undefined) return say(response, 404, 'this event is not kept any more')
    json(response, 200, show(kept, this.#parts.limit.bytes))
  }

  #checkFilter(response: ServerResponse, query: URLSearchParams): void {
    const read = readFilter(query)
    json(response, 200, { problems: isFilter(read) ? [] : read })
  }

  #topology(response: ServerResponse): void {
    const { topology } = this.#parts
    if (topology === null) return say(response, 404, 'nothing is known here of Brokers and Triggers')
    json(response, 200, topology.read() ?? { nodes: [], edges: [] })
  }

  #lineage(request: IncomingMessage, response: ServerResponse, url: URL): void {
    const { lineage } = this.#parts
    if (lineage === null) return say(response, 404, 'nobody knows here what became of an event: millrace trace does')
    for (const [name, value] of Object.entries(safetyHeaders)) response.setHeader(name, value)
    lineage(request, response, url)
  }

  #stream(request: IncomingMessage, response: ServerResponse, query: URLSearchParams): void {
    const wanted = readFilter(query)
    const format = oneOf(sseFormats, query.get('format'))
    if (!isFilter(wanted)) {
      return say(response, 400, wanted.map(({ parameter, message }) => `${parameter} ${message}`).join('\n'))
    }
    if (format === null) return say(response, 400, `format must be ${sseFormats.join(' or ')}`)
    if (this.#pumps.size >= mostStreams) return say(response, 503, `${mostStreams} streams are open, which is the most`)
    const { topology, lineage } = this.#parts
    const around = { hasTopology: topology !== null, hasLineage: lineage !== null }
    const told = { ring: this.#ring, rates: this.#rates, run: this.#run, ...around }
    response.writeHead(200, {
      ...safetyHeaders,
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    })
    if (request.method === 'HEAD') return void response.end()
    response.write(sseHello(format, told))
    const lastEventId = request.headers['last-event-id'] ?? query.get('after') ?? undefined
    const from = resumeAt(String(lastEventId), this.#run)
    // Who comes for the first time gets what is there; only who was here before has missed what is not.
    this.#pump(response, wanted, from ?? this.#ring.oldest, sseEncoding(format, told))
  }

  #pump(out: ServerResponse | Duplex, wanted: Wanted, next: number, encoding: ReturnType<typeof sseEncoding>): void {
    const pump = new Pump(out, new Place(this.#ring, wanted, next), this.#ring, encoding)
    this.#pumps.add(pump)
    out.once('close', () => this.#pumps.delete(pump))
  }
}

/** Says so when a token was given, and was not the one. */
function loginPage(body: Buffer, { searchParams }: URL): Buffer {
  return searchParams.has('token')
    ? Buffer.from(body.toString().replace(' role="alert" hidden', ' role="alert"'))
    : body
}

function urlOf({ url = '/' }: IncomingMessage): URL | null {
  // The host is judged apart: here it only makes a whole URL. Two slashes at the start would name another.
  return url.startsWith('/') && URL.canParse(`http://viewer${url}`) ? new URL(`http://viewer${url}`) : null
}

/** The first is the default. */
function oneOf<T extends string>(values: readonly T[], asked: string | null): T | null {
  return asked === null ? (values[0] ?? null) : (values.find((value) => value === asked) ?? null)
}

function json(response: ServerResponse, status: number, body: object): void {
  const headers = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' }
  send(response, status, Buffer.from(JSON.stringify(body)), headers)
}

function say(response: ServerResponse, status: number, text: string, headers: Record<string, string> = {}): void {
  const type = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }
  send(response, status, Buffer.from(`${text}\n`), { ...type, ...headers })
}

function send(
  response: ServerResponse,
  status: number,
  body: Buffer | null,
  headers: Readonly<Record<string, string>>,
): void {
  const length = body === null ? {} : { 'content-length': body.length }
  response.writeHead(status, { ...safetyHeaders, ...headers, ...length }).end(body ?? undefined)
}
