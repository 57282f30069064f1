import type { KafkaCluster } from '../../contract/source.ts'
import type { Clock } from '../../core/clock.ts'
import { openKafkaLog } from '../../kafka/kafka-log.ts'
import type { Log } from '../../kafka/log.ts'
import { meteredLog } from '../../kafka/metered-log.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { Meters } from '../metrics/meters.ts'
import type { Credentials } from './credentials.ts'

/** What every log of a worker is opened with. */
export interface LogParts {
  readonly credentials: Pick<Credentials, 'of'>
  readonly clock: Clock
  readonly logger: Logger
  /** Absent: nobody asks for metrics. */
  readonly meters?: Meters | undefined
}

/** The log of a cluster, signed in with its credential. Nothing is connected yet, and the credential may still come. */
export function openLog(cluster: KafkaCluster, clientId: string, parts: LogParts): Log {
  const { credentials, clock, logger, meters } = parts
  const { bootstrapServers, credential } = cluster
  const security = credential === undefined ? {} : { security: credentials.of(credential) }
  return meteredLog(openKafkaLog({ bootstrapServers, clientId, ...security, clock, logger }), meters?.kafka)
}
