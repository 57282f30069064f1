import { afterAll, beforeAll, describe } from 'vitest'
import { startKafka, type RunningKafka } from '../support/kafka-process.ts'
import { appendingPromises } from './failover/appending.ts'
import { readingPromises } from './failover/reading.ts'
import { shortMetadataPromises } from './failover/short-metadata.ts'

/** What asks for a Kafka of its own, of three brokers that fail: one for all, since to start it costs most of a minute of CPU. */
let kafka: RunningKafka
beforeAll(async () => {
  kafka = await startKafka({ brokers: 3, set: { 'offset.metadata.max.bytes': '20' } })
}, 180_000)
afterAll(() => kafka?.close(), 60_000)
const current = (): RunningKafka => kafka

describe('positions', () => shortMetadataPromises(current))
describe('reading', () => readingPromises(current))
describe('appending', () => appendingPromises(current))
