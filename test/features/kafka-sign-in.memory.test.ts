import { describe } from 'vitest'
import { memoryApi } from '../support/memory-api.ts'
import { kafkaSignInPromises } from './kafka-sign-in-promises.ts'

describe('in memory', () => kafkaSignInPromises(memoryApi))
