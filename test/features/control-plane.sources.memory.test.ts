import { describe } from 'vitest'
import { memoryApi } from '../support/memory-api.ts'
import { kafkaSourcePromises } from './kafka-source-promises.ts'
import { progressPromises } from './progress-promises.ts'

describe('in memory', () => {
  kafkaSourcePromises(memoryApi, false)
  progressPromises(memoryApi)
})
