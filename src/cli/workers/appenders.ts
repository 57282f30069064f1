import type { Inlet } from '../../contract/inlet.ts'
import type { RouteSet } from '../../contract/route-source.ts'
import { clusterOf, type KafkaCluster } from '../../contract/source.ts'
import { Fault } from '../../core/fault.ts'
import type { Appender } from '../../kafka/log.ts'
import { openLog, type LogParts } from './open-log.ts'
import { nowhere, PerCluster } from './per-cluster.ts'

export interface AppendersParts extends LogParts {
  readonly inlets: RouteSet<Inlet>
  /** The cluster of Inlets that name none. */
  readonly kafka: KafkaCluster | undefined
}

interface Unit {
  readonly appender: Appender
  end(): Promise<void>
  close(deadlineMs: number): Promise<void>
}

/** An appender whose cluster is named no more has this long to answer what is pending, milliseconds. */
const endMs = 30_000

/** An appender for each Kafka cluster that Inlets name, and for each credential there. */
export class Appenders {
  readonly #parts: AppendersParts
  readonly #clusters: PerCluster<Inlet, Unit>

  constructor(parts: AppendersParts) {
    this.#parts = parts
    this.#clusters = new PerCluster<Inlet, Unit>({
      routes: parts.inlets,
      clusterOf: (inlet) => clusterOf(inlet, parts.kafka) ?? nowhere,
      open: (cluster) => this.#open(cluster),
    })
  }

  /** @throws Fault Closed when the Inlet has just gone. */
  of(inlet: Inlet): Appender {
    const unit = this.#clusters.of(inlet.uid)
    if (unit === undefined) throw new Fault('Closed', 'the Inlet has gone')
    return unit.appender
  }

  /** Answers what is pending, at the latest after `deadlineMs`. */
  async close(deadlineMs: number): Promise<void> {
    const units = this.#clusters.close()
    await Promise.all(units.map((unit) => unit.close(deadlineMs)))
  }

  #open(cluster: KafkaCluster): Unit {
    const log = openLog(cluster, 'millrace-ingress', this.#parts)
    const appender = log.appender()
    const close = async (deadlineMs: number): Promise<void> => {
      await appender.close(deadlineMs)
      await log.close()
    }
    return { appender, close, end: () => close(endMs) }
  }
}
