import { onKafka } from './delivery-rules-rig.ts'
import { filterRules } from './filter-rules.ts'

filterRules('on a real Kafka', onKafka)
