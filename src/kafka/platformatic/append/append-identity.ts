import type { Cluster } from '../cluster.ts'
import { notAuthorized } from '../../signing-in/access.ts'
import { kafkaErrorCode, toFault } from '../faults.ts'
import type { Identity } from './append-batch.ts'

/** The producer id under which partitions begin that have none yet. */
export class ProducerIdentity {
  readonly #cluster: Cluster
  #current: Identity | null = null
  #renewing: Promise<void> | null = null

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** null: {@link renew} first. */
  get current(): Identity | null {
    return this.#current
  }

  /** Who asks while it is asked for shares the answer. @throws Fault */
  renew(): Promise<void> {
    return (this.#renewing ??= this.#ask())
  }

  /** No partition may begin under this one any more; those that have begun go on under it. */
  wornOut(identity: Identity): void {
    if (this.#current === identity) this.#current = null
  }

  async #ask(): Promise<void> {
    try {
      const answer = await this.#cluster.request('asking for a producer id', (connection) =>
        connection.calls.initProducerId.async(connection, null, 60_000),
      )
      this.#current = { id: answer.producerId, epoch: answer.producerEpoch }
    } catch (error) {
      if (kafkaErrorCode(error) === 'CLUSTER_AUTHORIZATION_FAILED') {
        // Kafka wants Write on any topic, or IdempotentWrite on the cluster
        throw notAuthorized('Write', 'topic', 'that is appended to', 'CLUSTER_AUTHORIZATION_FAILED')
      }
      throw toFault(error, 'asking for a producer id')
    } finally {
      this.#renewing = null
    }
  }
}
