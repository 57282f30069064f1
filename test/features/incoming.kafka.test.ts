import { describe } from 'vitest'
import { batchRules } from './incoming/batches.ts'
import { onKafka } from './delivery-rules-rig.ts'
import { ingressRules } from './incoming/events.ts'
import { methodRules } from './incoming/methods.ts'

describe('events on their way in, on real Kafka', () => ingressRules(onKafka))
describe('batches on their way in, on real Kafka', () => batchRules(onKafka))
describe('what is no event, on real Kafka', () => methodRules(onKafka))
