import { setTimeout as sleep } from 'node:timers/promises'
import { Fault } from '../../core/fault.ts'
import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { whyEnded } from './authenticate.ts'
import { dropConnection } from './broker-connection.ts'
import type { BrokerConnection } from './broker-connection.ts'
import type { Connections, OpenOptions } from './connections.ts'
import { isRequestTimeout, isSignInFault, kafkaErrorCode, toFault } from './faults.ts'
import { nameOf, type Address } from './socket.ts'

/** One call, all servers tried, takes at most about this long. */
const BUDGET_MS = 5_000
/** A broker that hangs must not eat the whole budget. */
const REQUEST_TIMEOUT_MS = 2_500
const CONNECT_TIMEOUT_MS = 2_000
const MAX_PAUSE_MS = 1_000
/** A silence of this length is said in the log, once. */
const WARN_AFTER_MS = 2_000
/** Nobody asked for so long: what was found out before says nothing about the time between. */
const SILENCE_GAP_MS = 30_000

/** Of several servers, one that does not let us in says more than one that is away. */
function worse(one: Fault | null, other: Fault): Fault {
  return one === null || one.code === 'LogUnavailable' ? other : one
}

/** No server of the cluster answers. Times are monotonic. */
export interface Silence {
  /** When the first look began that found nobody. */
  readonly since: number
  /** When the last one ended. */
  readonly until: number
  /** Why it found nobody. */
  readonly fault: Fault
}

/**
 * One connection to any broker, for questions about the cluster. Kept alive; when it fails, the next server takes over:
 *
 *     request ──► open connection? ──► ask ──► answer (also a Kafka error: that is an answer)
 *        ▲            no: next server      │ no answer
 *        └───────── next server ◄──────────┘        all tried or budget spent ──► LogUnavailable; the next call starts after a pause
 */
export class ControlConnection {
  readonly #connections: Connections
  readonly #servers: () => readonly Address[]
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #closing = new AbortController()
  #connection: Promise<BrokerConnection> | null = null
  #cursor = 0
  #pauseMs = 0
  #notBefore = 0
  /** Servers in a row that did not answer. */
  #unanswered = 0
  #silence: Silence | null = null
  #warned = false

  constructor(options: { connections: Connections; servers: () => readonly Address[]; clock: Clock; logger: Logger }) {
    this.#connections = options.connections
    this.#servers = options.servers
    this.#clock = options.clock
    this.#logger = options.logger
  }

  /** null: someone answered last, or not all servers were tried. */
  get silence(): Silence | null {
    return this.#silence
  }

  /** A broker answered, on whatever connection. */
  heard(): void {
    this.#unanswered = 0
    if (this.#silence === null) return
    this.#silence = null
    if (this.#warned) this.#logger.info({}, 'a Kafka broker answers again')
    this.#warned = false
  }

  /**
   * @throws Fault LogUnavailable, AuthenticationFailed, TlsFailed, CredentialNotFound, Closed, LogRefused (Kafka is too old); the error of
   *   `ask` itself when Kafka answered with an error.
   */
  async request<T>(context: string, ask: (connection: BrokerConnection) => Promise<T>): Promise<T> {
    const until = this.#clock.monotonic() + BUDGET_MS
    await this.#pause()
    const startedAt = this.#clock.monotonic()
    let failure: Fault | null = null
    for (let left = this.#servers().length; left > 0 && this.#clock.monotonic() < until; left--) {
      if (this.#closing.signal.aborted) break
      const opening = (this.#connection ??= this.#open())
      try {
        const answer = await ask(await opening)
        this.#pauseMs = 0
        this.heard()
        return answer
      } catch (error) {
        if (kafkaErrorCode(error) !== null) {
          this.heard()
          throw error
        }
        const wantsUser = isRequestTimeout(error) ? null : await this.#wantsUser(opening)
        failure = worse(failure, wantsUser ?? toFault(error, context))
        this.#discard(opening)
      }
    }
    if (this.#closing.signal.aborted) throw new Fault('Closed', `${context}: the connection to the cluster was closed`)
    this.#pauseMs = Math.min(MAX_PAUSE_MS, Math.max(100, this.#pauseMs * 2))
    this.#notBefore = this.#clock.monotonic() + this.#pauseMs
    const fault = failure ?? new Fault('LogUnavailable', `${context}: there was no time to ask`)
    this.#foundNobody(startedAt, fault)
    throw fault
  }

  async close(): Promise<void> {
    this.#closing.abort()
    const opening = this.#connection
    this.#connection = null
    const connection = await opening?.catch(() => null)
    if (connection) await dropConnection(connection)
  }

  #foundNobody(startedAt: number, fault: Fault): void {
    // To be too old for us is an answer too.
    if (fault.code !== 'LogUnavailable' && !isSignInFault(fault)) return this.heard()
    const servers = this.#servers()
    // Not all were tried: the budget of one look may be spent on a few that hang.
    if (this.#unanswered < servers.length) return
    const before = this.#silence
    const goesOn = before !== null && startedAt - before.until < SILENCE_GAP_MS
    const since = goesOn ? before.since : startedAt
    const until = this.#clock.monotonic()
    this.#silence = { since, until, fault }
    if (this.#warned || until - since < WARN_AFTER_MS) return
    this.#warned = true
    const facts = { servers: servers.map(nameOf).join(','), reason: fault.message }
    const what = isSignInFault(fault) ? 'no Kafka broker lets us in' : 'no Kafka broker answers'
    this.#logger.warn(facts, `${what}; trying again until one does`)
  }

  async #pause(): Promise<void> {
    const ms = this.#notBefore - this.#clock.monotonic()
    if (ms > 0) await sleep(ms, undefined, { signal: this.#closing.signal }).catch(() => {})
  }

  async #open(): Promise<BrokerConnection> {
    const servers = this.#servers()
    const address = servers[this.#cursor % servers.length]
    if (address === undefined) throw new Fault('LogUnavailable', 'no server of the cluster is known')
    const connection = await this.#connections.open(address, this.#openOptions())
    if (this.#connection !== null) this.#keep(connection, this.#connection)
    this.#logger.debug({ server: nameOf(address) }, 'asking this server about the cluster')
    return connection
  }

  #openOptions(): OpenOptions {
    const { signal } = this.#closing
    return { connectTimeoutMs: CONNECT_TIMEOUT_MS, requestTimeoutMs: REQUEST_TIMEOUT_MS, signal }
  }

  /** While it is ours. */
  #keep(connection: BrokerConnection, link: Promise<BrokerConnection>): void {
    connection.once('close', () => {
      if (this.#connection === link) this.#connection = null
    })
    connection.heir = (next) => {
      if (this.#connection !== link) return void dropConnection(next)
      this.#connection = Promise.resolve(next)
      this.#keep(next, this.#connection)
    }
  }

  /** A broker that wants a user ends the connection at the first question of one who has none, without a word. */
  async #wantsUser(opening: Promise<BrokerConnection>): Promise<Fault | null> {
    const ended = await opening.catch(() => null)
    if (ended === null || ended.isConnected() || ended.hasUser || ended.answers > 1) return null
    const address = { host: ended.host, port: ended.port }
    try {
      const connection = await this.#connections.open(address, this.#openOptions())
      return await whyEnded(connection, nameOf(address)).finally(() => void dropConnection(connection))
    } catch {
      return null
    }
  }

  /** Only the first who notices moves on to the next server. */
  #discard(opening: Promise<BrokerConnection>): void {
    if (this.#connection === opening) {
      this.#connection = null
      this.#cursor++
      this.#unanswered++
    }
    void opening.then(dropConnection, () => {})
  }
}
