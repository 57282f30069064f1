import { describe } from 'vitest'
import { memoryApi } from '../support/memory-api.ts'
import { sinkBindingPromises } from './sink-binding-promises.ts'

describe('SinkBindings in memory', () => sinkBindingPromises(memoryApi, false))
