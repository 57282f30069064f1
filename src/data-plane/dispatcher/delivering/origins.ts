import { Pool } from 'undici'
import type { Target } from '../../../contract/outlet.ts'
import type { Budget } from '../reading/budget.ts'
import type { Connections } from './connections.ts'
import { H2cConnections } from './h2c.ts'
import { Lane } from './send.ts'

const CONNECT_TIMEOUT_MS = 10_000
/** Of an answer: room for the attributes of any event that the ingress takes, and for what servers add. */
const MAX_HEAD_BYTES = 32 * 1024
/** A pool takes 16 KiB however little it does: one that had nothing to do for about so long is given up. */
const IDLE_MS = 60_000

/** The connections to one origin, while there is something to send. */
interface Origin {
  pool: Connections | null
  users: number
  /** Used since the last look. */
  used: boolean
}

/**
 * The connections of a process. Those to one origin are shared, but each Outlet has a bound of its own (a {@link Lane}): one that
 * waits for its subscriber cannot take the connections that another one on the same host needs.
 */
export class Origins {
  readonly #origins = new Map<string, Origin>()
  readonly #sweeping: NodeJS.Timeout
  readonly #connections: number
  readonly #replyBytes: number
  readonly #mayAct: () => boolean
  readonly #budget: Budget

  /**
   * @param connections of one Outlet to one origin. @param replyBytes bound on a reply that is kept. @param mayAct false while nothing may
   * be sent. @param budget what replies are counted in while they are read.
   */
  constructor(connections: number, replyBytes: number, mayAct: () => boolean, budget: Budget) {
    this.#connections = connections
    this.#replyBytes = replyBytes
    this.#mayAct = mayAct
    this.#budget = budget
    this.#sweeping = setInterval(() => this.#sweep(), IDLE_MS)
    this.#sweeping.unref()
  }

  /** @param protocol h2c: the server says that it speaks it, so that is tried first. */
  lane(origin: string, protocol?: Target['protocol']): Lane {
    const id = protocol === undefined ? origin : `${protocol} ${origin}`
    const entry = this.#origins.get(id) ?? { pool: null, users: 0, used: false }
    this.#origins.set(id, entry)
    entry.users++
    const bounds = { limit: this.#connections, replyBytes: this.#replyBytes, budget: this.#budget }
    const pool = (): Connections => {
      entry.used = true
      return (entry.pool ??= newConnections(origin, protocol))
    }
    return new Lane(pool, bounds, this.#mayAct, () => this.#leave(id))
  }

  async close(): Promise<void> {
    clearInterval(this.#sweeping)
    const origins = [...this.#origins.values()]
    this.#origins.clear()
    await Promise.all(origins.map(async ({ pool }) => pool?.destroy()))
  }

  #leave(origin: string): void {
    const entry = this.#origins.get(origin)
    if (entry === undefined || --entry.users > 0) return
    this.#origins.delete(origin)
    void entry.pool?.close()
  }

  #sweep(): void {
    for (const entry of this.#origins.values()) {
      if (!entry.used && entry.pool?.stats.size === 0) {
        void entry.pool.close()
        entry.pool = null
      }
      entry.used = false
    }
  }
}

function newConnections(origin: string, protocol: Target['protocol']): Connections {
  const http1 = newPool(origin)
  return protocol === undefined ? http1 : new H2cConnections(origin, http1)
}

/**
 * HTTP/1.1, keep-alive; no bound here (lanes have it) and no timeouts of the pool's own: each exchange has its one timer. No HTTP/2 of undici's: a
 * stream that is reset in the midst of a body (a proxy does so when the server behind it dies) looks complete to undici 7, so half a reply
 * would be stored as a whole one. What speaks h2c is spoken to by ours ({@link H2cConnections}).
 */
function newPool(origin: string): Pool {
  return new Pool(origin, {
    connections: null,
    pipelining: 1,
    allowH2: false,
    maxHeaderSize: MAX_HEAD_BYTES,
    headersTimeout: 0,
    bodyTimeout: 0,
    connectTimeout: CONNECT_TIMEOUT_MS,
  })
}
