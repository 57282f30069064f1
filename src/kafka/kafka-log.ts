import type { Clock } from '../core/clock.ts'
import type { Logger } from '../telemetry/logger.ts'
import { createChanges } from './kafkajs.ts'
import type { Log, LogAdmin } from './log.ts'
import { createQuestions } from './platformatic/admin/questions.ts'
import { createAppender } from './platformatic/append/append.ts'
import { Cluster } from './platformatic/cluster.ts'
import { createMembership } from './platformatic/membership/membership.ts'
import { createPositions } from './platformatic/positions/positions.ts'
import { createReader } from './platformatic/read/reader.ts'
import type { SecuritySource } from './security.ts'

/** How to reach a Kafka. */
export interface KafkaLogOptions {
  /** `host:port`, several separated by commas. */
  readonly bootstrapServers: string
  readonly clientId: string
  /** What to sign in with; absent: nothing is asked for. Connections made with what does not hold any more are replaced, without loss. */
  readonly security?: SecuritySource
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * A log on Apache Kafka: the event path and questions on @platformatic/kafka, changes of topics and groups on kafkajs
 * (docs/decisions/0003). Nothing is connected
 * before the first use, so a Kafka that is away does not fail here.
 */
export function openKafkaLog(options: KafkaLogOptions): Log {
  const cluster = new Cluster(options)
  return {
    appender: (more = {}) => createAppender(cluster, { ...options, ...more }),
    reader: () => createReader(cluster, options),
    positions: () => createPositions(cluster, options),
    membership: (member, handler) => createMembership(cluster, member, handler, options),
    admin: () => createAdmin(cluster, options),
    close: () => cluster.close(),
  }
}

function createAdmin(cluster: Cluster, options: KafkaLogOptions): LogAdmin {
  const questions = createQuestions(cluster, options)
  const isSeen = async (topic: string) => (await cluster.topics([topic], { refresh: true })).has(topic)
  const changes = createChanges({ ...options, isSeen, signIn: () => cluster.signInAnew() })
  return {
    describeTopics: (names, signal) => questions.describeTopics(names, signal),
    clusterId: (signal) => questions.clusterId(signal),
    listTopics: (signal) => questions.listTopics(signal),
    describeGroup: (group, signal) => questions.describeGroup(group, signal),
    positionRetentionMs: (signal) => questions.positionRetentionMs(signal),
    ensureTopic: (spec, signal) => changes.ensureTopic(spec, signal),
    deleteTopic: (name, signal) => changes.deleteTopic(name, signal),
    deleteGroup: (group, signal) => changes.deleteGroup(group, signal),
    close: async () => void (await Promise.all([questions.close(), changes.close()])),
  }
}
