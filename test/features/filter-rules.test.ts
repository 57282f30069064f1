import { onEmbeddedLog } from './delivery-rules-rig.ts'
import { filterRules } from './filter-rules.ts'

filterRules('on the embedded log', onEmbeddedLog)
