import { Fault } from '../../../core/fault.ts'
import { dropConnection } from '../broker-connection.ts'
import type { BrokerConnection } from '../broker-connection.ts'
import type { Cluster } from '../cluster.ts'
import { kafkaErrorCode } from '../faults.ts'

/** Connections for one purpose, at most one a broker, opened on first use and again after a failure. */
export class BrokerLinks {
  readonly #cluster: Cluster
  readonly #requestTimeoutMs: number | undefined
  readonly #smooth: boolean
  readonly #links = new Map<number, Promise<BrokerConnection>>()
  #closed = false

  /**
   * @param requestTimeoutMs after this long without an answer the connection counts as broken; default: the cluster's.
   * @param renewal `at once`: after a change of the credential the next request goes by the new one, or fails with it; by default the old
   *   connection goes on until a new one is there.
   */
  constructor(cluster: Cluster, requestTimeoutMs?: number, renewal: 'smooth' | 'at once' = 'smooth') {
    this.#cluster = cluster
    this.#requestTimeoutMs = requestTimeoutMs
    this.#smooth = renewal === 'smooth'
  }

  /** @throws Fault as Cluster.connect; Closed. */
  async to(nodeId: number): Promise<BrokerConnection> {
    if (this.#closed) throw new Fault('Closed', 'the connections were closed')
    const link = this.#links.get(nodeId) ?? this.#open(nodeId)
    const connection = await link
    if (!connection.isRetired) return connection
    this.#forget(nodeId, link)
    return this.to(nodeId)
  }

  #open(nodeId: number): Promise<BrokerConnection> {
    const timeout = this.#requestTimeoutMs
    const link = this.#cluster.connect(nodeId, timeout === undefined ? {} : { requestTimeoutMs: timeout })
    this.#links.set(nodeId, link)
    link.then(
      (connection) => this.#keep(nodeId, link, connection),
      () => this.#forget(nodeId, link),
    )
    return link
  }

  #keep(nodeId: number, link: Promise<BrokerConnection>, connection: BrokerConnection): void {
    connection.once('close', () => this.#forget(nodeId, link))
    if (!this.#smooth) return
    connection.heir = (next) => {
      if (this.#links.get(nodeId) !== link) return void dropConnection(next)
      const renewed = Promise.resolve(next)
      this.#links.set(nodeId, renewed)
      this.#keep(nodeId, renewed, next)
    }
  }

  #forget(nodeId: number, link: Promise<BrokerConnection>): void {
    if (this.#links.get(nodeId) === link) this.#links.delete(nodeId)
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
