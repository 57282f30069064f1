import type { Logger } from '../../telemetry/logger.ts'
import type { SecuritySource } from '../security.ts'
import { dropConnection, openConnection, type BrokerConnection, type ConnectionOptions } from './broker-connection.ts'
import { Renewal } from './renewal.ts'
import type { Address } from './socket.ts'

/** A handshake is work for a broker, and all its clients come at once when it has restarted. */
const TLS_PATIENCE = 2

/** How to connect to one broker. */
export type OpenOptions = Omit<ConnectionOptions, 'security'>

/**
 * Opens the connections to one cluster, each with the credential of the moment, and renews them when that changes.
 *
 *     open ─► current credential ─► connect ─► changed meanwhile? ─ yes: once more
 *                                               └─ no ─► its owner, and under the eyes of the renewal
 */
export class Connections {
  readonly #clientId: string
  readonly #security: SecuritySource | undefined
  readonly #renewal: Renewal
  readonly #unsubscribe: () => void
  /** Counts changes of the credential. */
  #changes = 0

  constructor(options: { clientId: string; security?: SecuritySource | undefined; logger: Logger }) {
    this.#clientId = options.clientId
    this.#security = options.security
    this.#renewal = new Renewal(options.logger)
    const changed = (): void => {
      this.#changes++
      this.#renewal.outdated()
    }
    this.#unsubscribe = options.security?.subscribe(changed) ?? (() => {})
  }

  /** @throws as openConnection; Fault CredentialNotFound. */
  async open(address: Address, options: OpenOptions): Promise<BrokerConnection> {
    for (;;) {
      const before = this.#changes
      try {
        const security = this.#security?.current()
        const timeout = options.connectTimeoutMs * (security?.tls === undefined ? 1 : TLS_PATIENCE)
        const patient = { ...options, connectTimeoutMs: timeout, security }
        const connection = await openConnection(this.#clientId, address, patient)
        if (before === this.#changes) {
          this.#renewal.watch(connection, () => this.open(address, options))
          return connection
        }
        void dropConnection(connection)
      } catch (error) {
        if (before === this.#changes) throw error
      }
    }
  }

  /** Nothing is renewed any more; open connections are their owners'. */
  close(): void {
    this.#unsubscribe()
    this.#renewal.close()
  }
}
