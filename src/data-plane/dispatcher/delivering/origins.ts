import { Pool } from 'undici'
import { Lane } from './send.ts'

const CONNECT_TIMEOUT_MS = 10_000

/**
 * The connections of a process. Those to one origin are shared, but each Outlet has a bound of its own (a {@link Lane}): one that
 * waits for its subscriber cannot take the connections that another one on the same host needs.
 */
export class Origins {
  readonly #pools = new Map<string, { readonly pool: Pool; users: number }>()
  readonly #connections: number
  readonly #replyBytes: number
  readonly #mayAct: () => boolean

  /**
   * @param connections of one Outlet to one origin. @param replyBytes bound on a reply that is kept. @param mayAct false while nothing may
   * be sent.
   */
  constructor(connections: number, replyBytes: number, mayAct: () => boolean) {
    this.#connections = connections
    this.#replyBytes = replyBytes
    this.#mayAct = mayAct
  }

  lane(origin: string): Lane {
    const entry = this.#pools.get(origin) ?? { pool: newPool(origin), users: 0 }
    this.#pools.set(origin, entry)
    entry.users++
    const bounds = { limit: this.#connections, replyBytes: this.#replyBytes }
    return new Lane(entry.pool, bounds, this.#mayAct, () => this.#leave(origin))
  }

  async close(): Promise<void> {
    const pools = [...this.#pools.values()]
    this.#pools.clear()
    await Promise.all(pools.map(({ pool }) => pool.destroy()))
  }

  #leave(origin: string): void {
    const entry = this.#pools.get(origin)
    if (entry === undefined || --entry.users > 0) return
    this.#pools.delete(origin)
    void entry.pool.close()
  }
}

/** HTTP/1.1, keep-alive; no bound here (lanes have it) and no timeouts of the pool's own: each exchange has its one timer. */
function newPool(origin: string): Pool {
  return new Pool(origin, {
    connections: null,
    pipelining: 1,
    allowH2: false,
    headersTimeout: 0,
    bodyTimeout: 0,
    connectTimeout: CONNECT_TIMEOUT_MS,
  })
}
