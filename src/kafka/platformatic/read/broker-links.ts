import { Fault } from '../../../core/fault.ts'
import { dropConnection } from '../broker-connection.ts'
import type { BrokerConnection } from '../broker-connection.ts'
import type { Cluster } from '../cluster.ts'
import { kafkaErrorCode } from '../faults.ts'

/** Connections for one purpose, at most one a broker, opened on first use and again after a failure. */
export class BrokerLinks {
  readonly #cluster: Cluster
  readonly #requestTimeoutMs: number | undefined
  readonly #links = new Map<number, Promise<BrokerConnection>>()
  #closed = false

  /** @param requestTimeoutMs after this long without an answer the connection counts as broken; default: the cluster's. */
  constructor(cluster: Cluster, requestTimeoutMs?: number) {
    this.#cluster = cluster
    this.#requestTimeoutMs = requestTimeoutMs
  }

  /** @throws Fault LogUnavailable, NotAuthorized, Closed. */
  async to(nodeId: number): Promise<BrokerConnection> {
    if (this.#closed) throw new Fault('Closed', 'the connections were closed')
    const open = this.#links.get(nodeId)
    if (open !== undefined) return open
    const timeout = this.#requestTimeoutMs
    const opening = this.#cluster.connect(nodeId, timeout === undefined ? {} : { requestTimeoutMs: timeout })
    this.#links.set(nodeId, opening)
    const forget = (): void => {
      if (this.#links.get(nodeId) === opening) this.#links.delete(nodeId)
    }
    opening.then((connection) => connection.once('close', forget), forget)
    return opening
  }

  /**
   * Asks that broker. When it does not answer, its connection is broken.
   * @throws as `to`; the client library's error when Kafka answered with an error, or not at all.
   */
  async ask<T>(nodeId: number, request: (connection: BrokerConnection) => Promise<T>): Promise<T> {
    const connection = await this.to(nodeId)
    const link = this.#links.get(nodeId)
    try {
      return await request(connection)
    } catch (error) {
      // not the one that others have opened since
      const broken = !(error instanceof Fault) && kafkaErrorCode(error) === null
      if (broken && this.#links.get(nodeId) === link) this.discard(nodeId)
      throw error
    }
  }

  /** Breaks the connection: what is in flight on it fails, and the next use opens a new one. */
  discard(nodeId: number): void {
    const link = this.#links.get(nodeId)
    this.#links.delete(nodeId)
    void link?.then(dropConnection, () => {})
  }

  /** Breaks all; a connection that is still being opened is dropped when it comes. */
  close(): void {
    this.#closed = true
    for (const nodeId of [...this.#links.keys()]) this.discard(nodeId)
  }
}
