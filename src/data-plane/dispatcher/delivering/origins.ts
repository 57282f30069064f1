import { createRequire } from 'node:module'
import type { Pool as UndiciPool } from 'undici'
import type { Target } from '../../../contract/outlet.ts'
import type { Budget } from '../reading/budget.ts'
import type { Connections } from './connections.ts'
import { H2cConnections } from './h2c.ts'
import { Lane, type LaneBounds, type LaneHost } from './lane.ts'

/** Not by undici's entry, which loads its `fetch` and its WebSocket too: 8 MB in every dispatcher, which has no use for them. */
const Pool = createRequire(import.meta.url)('undici/lib/dispatcher/pool.js') as typeof UndiciPool

const CONNECT_TIMEOUT_MS = 10_000
/** Of an answer: room for the attributes of any event that the ingress takes, and for what servers add. */
const MAX_HEAD_BYTES = 32 * 1024
/** A pool takes 16 KiB however little it does: one that had nothing to do for about so long is given up. */
const IDLE_MS = 60_000

/** One origin, with its connections while there is something to send. */
class Origin implements LaneHost {
  readonly bounds: LaneBounds
  users = 0
  readonly #url: string
  readonly #protocol: Target['protocol']
  readonly #deserted: () => void
  #connections: Connections | null = null
  /** Used since the last look. */
  #used = false
  #destroyed = false

  /** @param deserted its last lane has left. */
  constructor(url: string, protocol: Target['protocol'], bounds: LaneBounds, deserted: () => void) {
    this.#url = url
    this.#protocol = protocol
    this.bounds = bounds
    this.#deserted = deserted
  }

  pool(): Connections {
    this.#used = true
    return (this.#connections ??= newConnections(this.#url, this.#protocol))
  }

  left(): void {
    if (--this.users !== 0 || this.#destroyed) return
    this.#deserted()
    void this.#connections?.close()
  }

  /** Gives up connections that had nothing to do since the last call. */
  sweep(): void {
    if (!this.#used && this.#connections?.stats.size === 0) {
      void this.#connections.close()
      this.#connections = null
    }
    this.#used = false
  }

  /** Requests under way are cut; lanes may leave later. */
  async destroy(): Promise<void> {
    this.#destroyed = true
    await this.#connections?.destroy()
  }
}

/**
 * The connections of a process. Those to one origin are shared, but each Outlet has a bound of its own (a {@link Lane}): one that
 * waits for its subscriber cannot take the connections that another one on the same host needs.
 */
export class Origins {
  readonly #origins = new Map<string, Origin>()
  readonly #sweeping: NodeJS.Timeout
  readonly #bounds: LaneBounds

  /**
   * @param limit connections of one Outlet to one origin. @param replyBytes bound on a reply that is kept. @param mayAct false while nothing
   * may be sent. @param budget what replies are counted in while they are read.
   */
  constructor(limit: number, replyBytes: number, mayAct: () => boolean, budget: Budget) {
    this.#bounds = { limit, replyBytes, mayAct, budget }
    this.#sweeping = setInterval(() => {
      for (const origin of this.#origins.values()) origin.sweep()
    }, IDLE_MS)
    this.#sweeping.unref()
  }

  /** @param protocol h2c: the server says that it speaks it, so that is tried first. */
  lane(url: string, protocol?: Target['protocol']): Lane {
    const id = protocol === undefined ? url : `${protocol} ${url}`
    let origin = this.#origins.get(id)
    if (origin === undefined) {
      origin = new Origin(url, protocol, this.#bounds, () => this.#origins.delete(id))
      this.#origins.set(id, origin)
    }
    origin.users++
    return new Lane(origin)
  }

  async close(): Promise<void> {
    clearInterval(this.#sweeping)
    const origins = [...this.#origins.values()]
    this.#origins.clear()
    await Promise.all(origins.map((origin) => origin.destroy()))
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
function newPool(origin: string): Connections {
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
