import { describe } from 'vitest'
import { memoryApi } from '../support/memory-api.ts'
import { kafkaSourcePromises } from './kafka-source-promises.ts'

describe('in memory', () => kafkaSourcePromises(memoryApi, false))
