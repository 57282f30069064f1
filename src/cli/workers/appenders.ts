import type { Inlet } from '../../contract/inlet.ts'
import type { RouteSet } from '../../contract/route-source.ts'
import type { Clock } from '../../core/clock.ts'
import { Fault } from '../../core/fault.ts'
import { openKafkaLog } from '../../kafka/kafka-log.ts'
import type { Appender } from '../../kafka/log.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { PerCluster } from './per-cluster.ts'

export interface AppendersParts {
  readonly inlets: RouteSet<Inlet>
  /** The cluster of Inlets that name none. */
  readonly kafka: string | undefined
  readonly clock: Clock
  readonly logger: Logger
}

interface Unit {
  readonly appender: Appender
  end(): Promise<void>
  close(deadlineMs: number): Promise<void>
}

/** An appender whose cluster is named no more has this long to answer what is pending, milliseconds. */
const endMs = 30_000

/** An appender for each Kafka cluster that Inlets name. */
export class Appenders {
  readonly #parts: AppendersParts
  readonly #clusters: PerCluster<Inlet, Unit>

  constructor(parts: AppendersParts) {
    this.#parts = parts
    const clusterOf = (inlet: Inlet): string => this.#clusterOf(inlet)
    this.#clusters = new PerCluster<Inlet, Unit>({ routes: parts.inlets, clusterOf, open: (name) => this.#open(name) })
  }

  /** @throws Fault Closed when the Inlet has just gone. */
  of(inlet: Inlet): Appender {
    const unit = this.#clusters.get(this.#clusterOf(inlet))
    if (unit === undefined) throw new Fault('Closed', 'the Inlet has gone')
    return unit.appender
  }

  /** Answers what is pending, at the latest after `deadlineMs`. */
  async close(deadlineMs: number): Promise<void> {
    const units = this.#clusters.close()
    await Promise.all(units.map((unit) => unit.close(deadlineMs)))
  }

  #clusterOf(inlet: Inlet): string {
    return inlet.bootstrapServers ?? this.#parts.kafka ?? ''
  }

  #open(bootstrapServers: string): Unit {
    const { clock, logger } = this.#parts
    const log = openKafkaLog({ bootstrapServers, clientId: 'millrace-ingress', clock, logger })
    const appender = log.appender()
    const close = async (deadlineMs: number): Promise<void> => {
      await appender.close(deadlineMs)
      await log.close()
    }
    return { appender, close, end: () => close(endMs) }
  }
}
