import { systemClock as clock } from '../../src/core/clock.ts'
import { openKafkaLog } from '../../src/kafka/kafka-log.ts'
import type { Log, TopicSpec } from '../../src/kafka/log.ts'
import { createLogger } from '../../src/telemetry/logger.ts'

/** A Log on a real Kafka that ends with the test: `await using kafka = kafkaLog(address)`. */
export function kafkaLog(bootstrapServers: string): Log & AsyncDisposable {
  const log = openKafkaLog({ bootstrapServers, clientId: 'test', clock, logger: createLogger('silent') })
  return { ...log, [Symbol.asyncDispose]: () => log.close() }
}

/** Makes a topic on a real Kafka. */
export async function createTopic(
  bootstrapServers: string,
  spec: Partial<TopicSpec> & { name: string; partitions: number },
): Promise<string> {
  await using log = kafkaLog(bootstrapServers)
  const admin = log.admin()
  try {
    await admin.ensureTopic({ replicationFactor: 1, config: {}, ...spec })
  } finally {
    await admin.close()
  }
  return spec.name
}

/** For each partition: how many offsets the group is behind the end; null where it has no position. */
export async function lags(
  bootstrapServers: string,
  group: string,
  topic: string,
): Promise<readonly (number | null)[]> {
  await using log = kafkaLog(bootstrapServers)
  const [admin, reader, positions] = [log.admin(), log.reader(), log.positions()]
  try {
    const [description] = await admin.describeTopics([topic])
    const partitions = Array.from({ length: description?.partitions ?? 0 }, (_, partition) => ({ topic, partition }))
    const committed = (await positions.fetch(new Map([[group, partitions]]))).get(group) ?? []
    const ranges = await reader.range(partitions)
    return ranges.map(({ partition, end }) => {
      const position = committed.find((one) => one.partition === partition)
      return position === undefined ? null : Number(end - position.offset)
    })
  } finally {
    await Promise.all([admin.close(), reader.close(), positions.close()])
  }
}
