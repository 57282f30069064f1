import type { Clock } from '../../core/clock.ts'
import { inTime } from '../../core/deadline.ts'
import { openKafkaLog } from '../../kafka/kafka-log.ts'
import type { Log, LogAdmin } from '../../kafka/log.ts'
import type { Logger } from '../../telemetry/logger.ts'

/** A Kafka that does not answer must not keep the lease from being given back in time, milliseconds. */
const closeMs = 3_000

/** The administration of Kafka clusters, opened when first asked for, one each. */
export class KafkaAdmins implements AsyncDisposable {
  readonly #open = new Map<string, { readonly log: Log; readonly admin: LogAdmin }>()
  readonly #clock: Clock
  readonly #logger: Logger

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock
    this.#logger = logger
  }

  readonly of = (bootstrapServers: string): LogAdmin => {
    const found = this.#open.get(bootstrapServers)
    if (found !== undefined) return found.admin
    const parts = { clientId: 'millrace-controller', clock: this.#clock, logger: this.#logger }
    const log = openKafkaLog({ bootstrapServers, ...parts })
    const admin = log.admin()
    this.#open.set(bootstrapServers, { log, admin })
    return admin
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#open.values()]
    this.#open.clear()
    const closed = Promise.all(all.map(async ({ log, admin }) => admin.close().then(() => log.close())))
    await inTime(closed, { ms: closeMs })
  }
}
