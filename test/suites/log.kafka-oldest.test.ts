import { startKafka } from '../support/kafka-process.ts'
import { logSuite } from './log.suite.ts'
import { openKafkaSubject } from './log/kafka-subject.ts'

/** The oldest Kafka that README.md promises to work with keeps the same promises as the newest. */
logSuite('Apache Kafka 3.5', async () => {
  const kafka = await startKafka({ version: '3.5.2', heapMib: 256 })
  return openKafkaSubject(kafka.bootstrap, () => kafka.close())
})
