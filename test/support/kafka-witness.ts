import { Kafka, logLevel, type IHeaders } from 'kafkajs'
import { uniqueGroup } from './kafka.ts'

/** A record as a client sees it that we did not write. */
export interface Witnessed {
  readonly partition: number
  readonly offset: bigint
  readonly key: string | null
  readonly value: string | null
  readonly headers: IHeaders
}

/** All records of a topic from its start to its present end, by partition and in order of offset, read by kafkajs. */
export async function witness(bootstrap: string, topic: string): Promise<Map<number, Witnessed[]>> {
  const kafka = new Kafka({ brokers: bootstrap.split(','), logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  const ends = await admin.fetchTopicOffsets(topic)
  await admin.disconnect()
  const seen = new Map<number, Witnessed[]>(ends.map(({ partition }) => [partition, []]))
  const missing = new Map(ends.filter(({ low, high }) => low !== high).map(({ partition, high }) => [partition, high]))
  if (missing.size === 0) return seen

  const consumer = kafka.consumer({ groupId: uniqueGroup() })
  const done = Promise.withResolvers<void>()
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    eachMessage: ({ partition, message }) => {
      const { offset, key, value, headers } = message
      const text = (bytes: Buffer | null) => bytes?.toString() ?? null
      seen
        .get(partition)
        ?.push({ partition, offset: BigInt(offset), key: text(key), value: text(value), headers: headers ?? {} })
      if (BigInt(offset) + 1n >= BigInt(missing.get(partition) ?? 0)) missing.delete(partition)
      if (missing.size === 0) done.resolve()
      return Promise.resolve()
    },
  })
  await done.promise
  await consumer.disconnect()
  return seen
}
