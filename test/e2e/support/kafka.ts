import { kafkaLog } from '../../support/topics.ts'
import { cluster } from './kube.ts'

/** What Kafka has of a topic and a consumer group. Asked from this machine, so only where {@link Cluster.ours}. */
export async function kafkaState(
  topic: string,
  group: string,
): Promise<{ readonly topic: boolean; readonly group: 'missing' | 'simple' | 'consumer' }> {
  await using log = kafkaLog(cluster().kafka)
  const admin = log.admin()
  try {
    const [topics, { kind }] = await Promise.all([admin.describeTopics([topic]), admin.describeGroup(group)])
    return { topic: topics.length === 1, group: kind }
  } finally {
    await admin.close()
  }
}
