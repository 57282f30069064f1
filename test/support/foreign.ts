import { Kafka, logLevel, type Admin, type Consumer, type Producer } from 'kafkajs'
import { untilServed } from './topics.ts'

/** A client that we did not write: everything that the Millrace appender does not do. */
export interface Foreign extends AsyncDisposable {
  readonly kafka: Kafka
  readonly admin: Admin
  /** @param transactionalId makes it transactional. */
  producer(transactionalId?: string): Promise<Producer>
}

/**
 * A consumer that is a member of the group and consumes, without committing, when this resolves. Before its first fetch it must not be
 * disconnected: kafkajs does nothing then, and it stays in the group for ever.
 */
export async function joinGroup(kafka: Kafka, groupId: string, topic: string): Promise<Consumer> {
  const timeouts = { sessionTimeout: 6_000, rebalanceTimeout: 6_000, heartbeatInterval: 500, maxWaitTimeInMs: 200 }
  const consumer = kafka.consumer({ groupId, ...timeouts })
  const consumes = new Promise((resolve) => consumer.on(consumer.events.FETCH_START, resolve))
  await consumer.connect()
  await consumer.subscribe({ topic })
  await consumer.run({ autoCommit: false, eachMessage: () => Promise.resolve() })
  await consumes
  return consumer
}

export async function foreignClient(bootstrap: string): Promise<Foreign> {
  const kafka = new Kafka({
    clientId: 'foreign',
    brokers: bootstrap.split(','),
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 100, retries: 20 },
  })
  const admin = kafka.admin()
  const producers: Producer[] = []
  await admin.connect()
  return {
    kafka,
    admin: { ...admin, createTopics: patientCreation(admin, bootstrap) },
    async producer(transactionalId) {
      const transactional = transactionalId === undefined ? {} : { transactionalId, idempotent: true }
      const producer = kafka.producer({ ...transactional, maxInFlightRequests: 1 })
      producers.push(producer)
      await producer.connect()
      return producer
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(producers.map((producer) => producer.disconnect()))
      await admin.disconnect()
    },
  }
}

/** kafkajs waits for leaders, but gives up at once when the broker that it asks has not heard of the topic yet. */
function patientCreation(admin: Admin, bootstrap: string): Admin['createTopics'] {
  return async (options) => {
    const created = await admin.createTopics({ ...options, waitForLeaders: false })
    const names = options.topics.map(({ topic }) => topic)
    if (options.waitForLeaders !== false) await untilServed(bootstrap, names)
    return created
  }
}
