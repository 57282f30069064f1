import { Kafka, logLevel, type Admin, type Producer } from 'kafkajs'

/** A client that we did not write: everything that the Millrace appender does not do. */
export interface Foreign extends AsyncDisposable {
  readonly kafka: Kafka
  readonly admin: Admin
  /** @param transactionalId makes it transactional. */
  producer(transactionalId?: string): Promise<Producer>
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
    admin,
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
