import { Fault } from '../../../core/fault.ts'
import { dropConnection } from '../broker-connection.ts'
import type { BrokerConnection } from '../broker-connection.ts'
import type { Cluster } from '../cluster.ts'
import { kafkaErrorCode } from '../faults.ts'

/** Answers of a broker that is not (or not yet) the coordinator: look it up again. */
const MOVED = new Set(['NOT_COORDINATOR', 'COORDINATOR_NOT_AVAILABLE'])

/**
 * A connection to a group's coordinator, opened when needed and again after a failure. A broker answers one request after the other on a
 * connection, so what waits at the broker (join, sync) and what must not wait (heartbeat) each have a link.
 */
export class CoordinatorLink {
  readonly #cluster: Cluster
  readonly #group: string
  readonly #requestTimeoutMs: number
  #opening: Promise<BrokerConnection> | null = null
  #closed = false

  constructor(cluster: Cluster, group: string, requestTimeoutMs: number) {
    this.#cluster = cluster
    this.#group = group
    this.#requestTimeoutMs = requestTimeoutMs
  }

  /**
   * @throws the client library's error when Kafka answered with one or did not answer; Fault as Cluster.connect; Closed.
   */
  async call<T>(ask: (connection: BrokerConnection) => Promise<T>): Promise<T> {
    if (this.#closed) throw new Fault('Closed', `the membership in ${this.#group} is closed`)
    let opening = this.#opening ?? this.#connect()
    try {
      let connection = await opening
      // The link may have been idle for long: only a call finds out that the broker has closed it.
      if (!connection.isConnected()) {
        if (this.#opening === opening) this.drop()
        opening = this.#opening ?? this.#connect()
        connection = await opening
      }
      return await ask(connection)
    } catch (error) {
      const code = kafkaErrorCode(error)
      if (code === null || MOVED.has(code)) {
        this.#cluster.forgetCoordinator(this.#group)
        if (this.#opening === opening) this.drop()
      }
      throw error
    }
  }

  /** Requests in flight fail; the next call opens a new connection. */
  drop(): void {
    const opening = this.#opening
    this.#opening = null
    opening?.then(dropConnection).catch(() => {})
  }

  close(): void {
    this.#closed = true
    this.drop()
  }

  /** While it is ours: what waits at the broker is answered on the old connection, what comes next goes by the new one. */
  #keep(connection: BrokerConnection, link: Promise<BrokerConnection>): void {
    connection.heir = (next) => {
      if (this.#opening !== link) return void dropConnection(next)
      this.#opening = Promise.resolve(next)
      this.#keep(next, this.#opening)
    }
  }

  #connect(): Promise<BrokerConnection> {
    const link = this.#open()
    this.#opening = link
    link.then((connection) => this.#keep(connection, link)).catch(() => {})
    return link
  }

  async #open(): Promise<BrokerConnection> {
    const nodeId = (await this.#cluster.coordinators([this.#group])).get(this.#group)
    if (nodeId === undefined) throw this.#cluster.whyNoCoordinator(this.#group)
    return this.#cluster.connect(nodeId, { requestTimeoutMs: this.#requestTimeoutMs })
  }
}
