import { kafkaBootstrap } from '../support/kafka.ts'
import { logSuite } from './log.suite.ts'
import { openKafkaSubject } from './log/kafka-subject.ts'

logSuite('Apache Kafka', () => openKafkaSubject(kafkaBootstrap()))
