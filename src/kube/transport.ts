import type { Agent, ClientRequest, IncomingMessage, OutgoingHttpHeaders, RequestOptions } from 'node:http'
import https from 'node:https'
import { systemClock, type Clock } from '../core/clock.ts'
import { inTime } from '../core/deadline.ts'
import { Fault } from '../core/fault.ts'
import { http } from '../core/node-http.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Access } from './access.ts'
import { refusalFault, retryAfterMs } from './rest-faults.ts'
import { Call, closedFault } from './transport-call.ts'
import { Lines } from './transport-lines.ts'
import { isOfCertificates, Pools } from './transport-pools.ts'

/** One request to an API server. */
export interface Ask {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** With the query. */
  readonly path: string
  /** For messages: `create triggers.eventing.knative.dev shop/orders`. */
  readonly what: string
  /** Default application/json. */
  readonly accept?: string
  readonly contentType?: string
  /** Sent as JSON. */
  readonly body?: unknown
}

export interface TransportOptions {
  /** Warnings of the API server go there, at debug. */
  readonly logger?: Logger
  readonly clock?: Clock
  /** From the request to the last byte of the answer, waiting for a connection included; of a watch to its head. Default 30,000. */
  readonly requestTimeoutMs?: number
  /** Connections for requests; further ones wait. Each watch has one of its own besides. Default 32. */
  readonly maxConnections?: number
}

type PoolName = 'requests' | 'watches'

interface Answer {
  readonly call: Call
  readonly response: IncomingMessage
}

const tokenMaxAgeMs = 60_000

/**
 * HTTP(S) to one API server, as light as can be: workers live on it.
 *
 *     ask ─► token ─► connection of the pool ─► head ─┬─ 2xx ─► JSON, or lines as they come
 *              ▲                                      ├─ else ─► Status ─► Fault
 *              └─ once, with a new token, certificate ┴─ 401
 *
 * A server that is not trusted, or to which we cannot show ours, is tried once more when there are other certificates by now: they are rotated.
 */
export class Transport {
  readonly #access: Access
  readonly #base: URL
  readonly #logger: Logger | undefined
  readonly #timeoutMs: number
  readonly #clock: Clock
  readonly #maxConnections: number
  #pools: Pools
  readonly #calls = new Set<Call>()
  #token: { readonly value: string; readonly at: number } | undefined
  #closed = false

  /** @throws Fault ApiRefused when the address of the server is none. */
  constructor(access: Access, options: TransportOptions = {}) {
    this.#access = access
    if (!/^https?:/.test(access.server) || !URL.canParse(access.server))
      throw new Fault('ApiRefused', `the API server's address is no URL (https://HOST:PORT): ${access.server}`)
    this.#base = new URL(access.server)
    this.#logger = options.logger
    this.#timeoutMs = options.requestTimeoutMs ?? 30_000
    this.#clock = options.clock ?? systemClock
    this.#maxConnections = options.maxConnections ?? 32
    this.#pools = new Pools(access, this.#maxConnections)
  }

  /** The answer, parsed. @throws Fault */
  async json(ask: Ask, signal: AbortSignal): Promise<unknown> {
    const { call, response } = await this.#send(ask, 'requests', signal)
    try {
      return parsed(await text(call, response), ask.what)
    } finally {
      this.#release(call)
    }
  }

  /**
   * Calls `on` for each line of the answer as it comes, until the server ends it. What `on` throws ends it and is thrown.
   * @param silenceMs nothing for so long: ApiUnavailable
   * @throws Fault
   */
  async lines(ask: Ask, silenceMs: number, on: (line: string) => void, signal: AbortSignal): Promise<void> {
    const { call, response } = await this.#send(ask, 'watches', signal)
    const lines = new Lines()
    const unlessEnded = (line: string): void => (call.ended ? undefined : on(line))
    try {
      call.silenceEndsAfter(silenceMs)
      for await (const chunk of call.body(response)) {
        call.heard()
        lines.add(chunk, unlessEnded)
      }
    } finally {
      this.#release(call)
    }
    if (lines.open) throw new Fault('ApiUnavailable', `${ask.what}: broke off in the middle of an event`)
  }

  /** Ends everything that is under way with Closed. */
  close(): void {
    this.#closed = true
    for (const call of this.#calls) call.end(closedFault('API client'))
    this.#pools.destroy()
  }

  /** An answer that is 2xx, to be released by the caller. */
  async #send(ask: Ask, pool: PoolName, signal: AbortSignal): Promise<Answer> {
    const used = this.#pools
    const token = await this.#currentToken(ask, signal, undefined)
    const first = await this.#exchange(ask, pool, token, signal)
    if (!(first instanceof Fault)) return first
    if (first.details['status'] !== 401) throw first
    const fresh = await this.#currentToken(ask, signal, token)
    const renewed = await this.#hasRenewed(used, signal)
    const second = fresh === token && !renewed ? first : await this.#exchange(ask, pool, fresh, signal)
    if (second instanceof Fault) throw second
    return second
  }

  async #exchange(ask: Ask, pool: PoolName, token: string | undefined, signal: AbortSignal): Promise<Answer | Fault> {
    const used = this.#pools
    try {
      return await this.#attempt(ask, used[pool], token, signal)
    } catch (error) {
      if (!isOfCertificates(error) || !(await this.#hasRenewed(used, signal))) throw error
      return this.#attempt(ask, this.#pools[pool], token, signal)
    }
  }

  /** Whether there are other certificates now than those of the pools that were used. */
  async #hasRenewed(used: Pools, signal: AbortSignal): Promise<boolean> {
    const reading = Promise.resolve(this.#access.certificates?.()).catch(() => undefined)
    const read = await inTime(reading, { ms: this.#timeoutMs, signal })
    const now = { ...this.#access, ...(read.late ? undefined : read.value) }
    if (!read.late && read.value !== undefined && this.#pools.isReplacedBy(now) && !this.#closed) {
      this.#logger?.debug({}, 'the certificates for the API server have changed')
      this.#pools.retire()
      this.#pools = new Pools(now, this.#maxConnections)
    }
    return this.#pools !== used
  }

  async #attempt(ask: Ask, pool: Agent, token: string | undefined, signal: AbortSignal): Promise<Answer | Fault> {
    if (this.#closed || signal.aborted) throw closedFault(ask.what, signal)
    const body = ask.body === undefined ? undefined : Buffer.from(JSON.stringify(ask.body))
    const request = begin(this.#target(ask, pool, headers(ask, body, token)), this.#access, ask)
    const call = new Call(request, { what: ask.what, host: this.#base.host, timeoutMs: this.#timeoutMs }, signal)
    this.#calls.add(call)
    try {
      request.end(body)
      const response = await call.head()
      this.#passOnWarnings(response, ask)
      const code = response.statusCode ?? 0
      if (code >= 200 && code < 300) return { call, response }
      const said = await text(call, response)
      this.#release(call)
      return refusalFault({
        code,
        body: parsedOrText(said),
        what: ask.what,
        retryAfterMs: retryAfterMs(response.headers['retry-after']),
      })
    } catch (error) {
      this.#release(call)
      throw error
    }
  }

  #target({ method, path }: Ask, agent: Agent, headers: OutgoingHttpHeaders): RequestOptions {
    const { hostname, port, pathname } = this.#base
    const host = hostname.replace(/^\[(.*)\]$/, '$1') // IPv6
    return { method, host, port, agent, headers, path: `${pathname.replace(/\/$/, '')}${path}` }
  }

  #release(call: Call): void {
    call.release()
    this.#calls.delete(call)
  }

  /** @param refused the one that was answered with 401: another one is wanted */
  async #currentToken(ask: Ask, signal: AbortSignal, refused: string | undefined): Promise<string | undefined> {
    if (this.#access.token === undefined) return undefined
    const now = this.#clock.monotonic()
    const held = this.#token
    if (held && held.value !== refused && now - held.at < tokenMaxAgeMs) return held.value
    const reading = Promise.resolve(this.#access.token(refused)).catch((cause: Error) => {
      throw new Fault('ApiUnavailable', `${ask.what}: no token: ${cause.message.trim()}`, { cause })
    })
    const read = await inTime(reading, { ms: this.#timeoutMs, signal })
    if (signal.aborted) throw closedFault(ask.what, signal)
    if (read.late) throw new Fault('ApiUnavailable', `${ask.what}: no token in ${this.#timeoutMs / 1000} s`)
    this.#token = { value: read.value, at: now }
    return read.value
  }

  #passOnWarnings(response: IncomingMessage, { what }: Ask): void {
    for (const warning of response.headersDistinct['warning'] ?? []) {
      this.#logger?.debug({ what, warning }, 'the API server warns')
    }
  }
}

/** @throws Fault when our certificates, or the token, are none. */
function begin(target: RequestOptions, { server }: Access, { what }: Ask): ClientRequest {
  try {
    return (server.startsWith('http:') ? http : https).request(target)
  } catch (cause) {
    const { message } = cause as Error
    throw new Fault('ApiUnavailable', `${what}: our certificates or token cannot be used: ${message}`, { cause })
  }
}

function headers(ask: Ask, body: Buffer | undefined, token: string | undefined): OutgoingHttpHeaders {
  return {
    accept: ask.accept ?? 'application/json',
    'accept-encoding': 'identity', // packing costs both sides more than the bytes do in a cluster
    'user-agent': 'millrace',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(body === undefined
      ? {}
      : { 'content-type': ask.contentType ?? 'application/json', 'content-length': body.length }),
  }
}

async function text(call: Call, response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of call.body(response)) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

function parsed(body: string, what: string): unknown {
  try {
    return JSON.parse(body)
  } catch (cause) {
    throw new Fault('ApiUnavailable', `${what}: the answer is not JSON: ${body.slice(0, 100)}`, { cause })
  }
}

function parsedOrText(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return body
  }
}
