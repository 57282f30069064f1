import { describe } from 'vitest'
import { onKafka } from './delivery-rules-rig.ts'
import { outgoingRules } from './outgoing/rules.ts'

describe('on real Kafka', () => outgoingRules(onKafka))
