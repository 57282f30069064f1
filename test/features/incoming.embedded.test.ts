import { describe } from 'vitest'
import { batchRules } from './incoming/batches.ts'
import { onEmbeddedLog } from './delivery-rules-rig.ts'
import { ingressRules } from './incoming/events.ts'
import { methodRules } from './incoming/methods.ts'

describe('events on their way in, on the embedded log', () => ingressRules(onEmbeddedLog))
describe('batches on their way in, on the embedded log', () => batchRules(onEmbeddedLog))
describe('what is no event, on the embedded log', () => methodRules(onEmbeddedLog))
