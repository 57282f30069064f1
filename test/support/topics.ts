import { systemClock as clock } from '../../src/core/clock.ts'
import { openKafkaLog } from '../../src/kafka/kafka-log.ts'
import type { Log, TopicSpec } from '../../src/kafka/log.ts'
import { Cluster } from '../../src/kafka/platformatic/cluster.ts'
import { createReader } from '../../src/kafka/platformatic/read/reader.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { eventually } from './eventually.ts'

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
  await untilServed(bootstrapServers, [spec.name])
  return spec.name
}

/**
 * Waits until every broker knows the topics, and the leaders of their partitions serve them: what Kafka calls created, a slow broker still calls
 * missing for seconds. By connections of its own: what the caller's know is not touched.
 */
export async function untilServed(bootstrapServers: string, names: readonly string[]): Promise<void> {
  const common = { bootstrapServers, clientId: 'test', clock, logger: createLogger('silent') }
  const cluster = new Cluster(common)
  const reader = createReader(cluster, common)
  try {
    await eventually(`all brokers serve ${names.join(', ')}`, async () => {
      for (const nodeId of await cluster.brokers()) if (!(await isKnown(cluster, nodeId, names))) return false
      const topics = await cluster.topics(names, { refresh: true })
      if (topics.size < names.length) return false
      // it throws until all leaders answer
      await reader.range(
        [...topics].flatMap(([topic, { partitions }]) => partitions.map((_, partition) => ({ topic, partition }))),
      )
      return true
    })
  } finally {
    await Promise.all([reader.close(), cluster.close()])
  }
}

async function isKnown(cluster: Cluster, nodeId: number, names: readonly string[]): Promise<boolean> {
  const connection = await cluster.connect(nodeId)
  try {
    const { topics } = await connection.calls.metadata.async(connection, [...names], false)
    return topics.every(({ partitions }) => partitions.length > 0 && partitions.every(({ leaderId }) => leaderId >= 0))
  } finally {
    await connection.close()
  }
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
