import { useAuthKafka } from '../support/kafka-auth.ts'
import { logSuite } from './log.suite.ts'
import { openKafkaSubject } from './log/kafka-subject.ts'

const kafka = useAuthKafka()

/** TLS and signing in change nothing of what is promised; what a test does from outside it does without. */
logSuite('Apache Kafka over SASL_SSL', () => {
  const bootstrapServers = kafka().address('SASL_SSL')
  const security = kafka().credential('SASL_SSL')
  return openKafkaSubject(kafka().address('PLAINTEXT'), undefined, { bootstrapServers, security })
})
