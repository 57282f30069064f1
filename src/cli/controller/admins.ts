import type { Clock } from '../../core/clock.ts'
import { inTime } from '../../core/deadline.ts'
import { clusterId, type KafkaCluster } from '../../contract/source.ts'
import { openKafkaLog } from '../../kafka/kafka-log.ts'
import type { KafkaMetrics } from '../../kafka/kafka-metrics.ts'
import type { Log, LogAdmin } from '../../kafka/log.ts'
import { meteredLog } from '../../kafka/metered-log.ts'
import type { SecuritySource } from '../../kafka/security.ts'
import type { Logger } from '../../telemetry/logger.ts'

/** A Kafka that does not answer must not keep the lease from being given back in time, milliseconds. */
const closeMs = 3_000

interface OpenAdmin {
  readonly log: Log
  readonly admin: LogAdmin
}

/** The administration of Kafka clusters, opened when first asked for, one each, until it is let go. */
export class KafkaAdmins implements AsyncDisposable {
  readonly #open = new Map<string, OpenAdmin>()
  readonly #closing = new Set<Promise<void>>()
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #meter: KafkaMetrics | undefined

  /** @param meter absent: nobody asks for metrics. */
  constructor(clock: Clock, logger: Logger, meter?: KafkaMetrics) {
    this.#clock = clock
    this.#meter = meter
    this.#logger = logger
  }

  /** `security`: what to sign in with; absent: nothing is asked for. */
  readonly of = (cluster: KafkaCluster, security: SecuritySource | undefined): LogAdmin => {
    const id = clusterId(cluster)
    const found = this.#open.get(id)
    if (found !== undefined) return found.admin
    const parts = { clientId: 'millrace-controller', clock: this.#clock, logger: this.#logger }
    const { bootstrapServers } = cluster
    const opened = openKafkaLog({ bootstrapServers, ...parts, ...(security === undefined ? {} : { security }) })
    const log = meteredLog(opened, this.#meter)
    const admin = log.admin()
    this.#open.set(id, { log, admin })
    return admin
  }

  /** Closes that one; asked for again it is opened anew. Never throws. */
  readonly letGo = (cluster: KafkaCluster): void => {
    const found = this.#open.get(clusterId(cluster))
    if (found === undefined) return
    this.#open.delete(clusterId(cluster))
    const warn = (error: unknown): void =>
      this.#logger.warn(
        { err: error, kafka: cluster.bootstrapServers },
        'the administration of a Kafka could not be closed',
      )
    const closing = close(found)
      .catch(warn)
      .finally(() => this.#closing.delete(closing))
    this.#closing.add(closing)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#open.values()]
    this.#open.clear()
    await inTime(Promise.all([...this.#closing, ...all.map(close)]), { ms: closeMs })
  }
}

async function close({ log, admin }: OpenAdmin): Promise<void> {
  await admin.close()
  await log.close()
}
