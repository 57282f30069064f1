import type { Clock } from '../core/clock.ts'
import type { Logger } from '../telemetry/logger.ts'
import { createKafkaAdmin } from './kafkajs.ts'
import type { Log } from './log.ts'
import { createAppender } from './platformatic/append/append.ts'
import { Cluster } from './platformatic/cluster.ts'
import { createMembership } from './platformatic/membership/membership.ts'
import { createPositions } from './platformatic/positions/positions.ts'
import { createReader } from './platformatic/read/reader.ts'

/** How to reach a Kafka. */
export interface KafkaLogOptions {
  /** `host:port`, several separated by commas. */
  readonly bootstrapServers: string
  readonly clientId: string
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * A log on Apache Kafka: the event path on @platformatic/kafka, the administration on kafkajs (docs/decisions/0003). Nothing is connected
 * before the first use, so a Kafka that is away does not fail here.
 */
export function openKafkaLog(options: KafkaLogOptions): Log {
  const cluster = new Cluster(options)
  return {
    appender: (more = {}) => createAppender(cluster, { ...options, ...more }),
    reader: () => createReader(cluster, options),
    positions: () => createPositions(cluster, options),
    membership: (member, handler) => createMembership(cluster, member, handler, options),
    // kafkajs cannot know topic ids: the cluster tells them.
    admin: () => createKafkaAdmin({ ...options, topics: (names) => cluster.topics(names, { refresh: true }) }),
    close: () => cluster.close(),
  }
}
