import { describe } from 'vitest'
import { memoryApi } from '../support/memory-api.ts'
import { controlPlanePromises } from './control-plane-promises.ts'
import { kafkaSignInPromises } from './kafka-sign-in-promises.ts'

describe('in memory', () => {
  controlPlanePromises(memoryApi, false)
  kafkaSignInPromises(memoryApi)
})
