import { Kafka, logLevel } from 'kafkajs'
import { systemClock } from '../../../src/core/clock.ts'
import { openKafkaLog } from '../../../src/kafka/kafka-log.ts'
import { createLogger } from '../../../src/telemetry/logger.ts'
import type { KafkaSecurity } from '../../../src/kafka/security.ts'
import { constantly } from '../../support/kafka-auth.ts'
import { joinGroup } from '../../support/foreign.ts'
import type { LogUnderTest } from './subject.ts'

/**
 * A real Kafka whose positions' retention is the default, and someone else on it: a client that we did not write.
 * @param stop what else ends with it.
 * @param ours how we come there, when by another door than the outside.
 */
export async function openKafkaSubject(
  bootstrapServers: string,
  stop?: () => Promise<void>,
  ours: { readonly bootstrapServers: string; readonly security?: KafkaSecurity } = { bootstrapServers },
): Promise<LogUnderTest> {
  const open = (clientId: string) =>
    openKafkaLog({
      bootstrapServers: ours.bootstrapServers,
      ...(ours.security === undefined ? {} : { security: constantly(ours.security) }),
      clientId,
      clock: systemClock,
      logger: createLogger('silent'),
    })
  const foreign = new Kafka({
    clientId: 'foreign',
    brokers: bootstrapServers.split(','),
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 100, retries: 20 },
  })
  const admin = foreign.admin()
  await admin.connect()
  let log = open('suite')
  return {
    get log() {
      return log
    },
    reopen: async () => {
      await log.close()
      log = open('suite')
    },
    expire: async ({ topic, partition }) => {
      await admin.fetchTopicOffsets(topic)
      await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: '7' }] })
    },
    foreignConsumer: async (groupId, topic) => {
      const consumer = await joinGroup(foreign, groupId, topic)
      return { close: () => consumer.disconnect() }
    },
    // the default of Kafka: 7 days
    positionRetentionMs: 7 * 86_400_000,
    openAgain: () => Promise.resolve(open('suite-again')),
    close: async () => {
      await log.close()
      await admin.disconnect()
      await stop?.()
    },
  }
}
