import { describe } from 'vitest'
import { onEmbeddedLog } from './delivery-rules-rig.ts'
import { outgoingRules } from './outgoing/rules.ts'

describe('on the embedded log', () => outgoingRules(onEmbeddedLog))
