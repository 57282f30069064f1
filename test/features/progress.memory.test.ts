import { describe } from 'vitest'
import { memoryApi } from '../support/memory-api.ts'
import { progressPromises } from './progress-promises.ts'

describe('in memory', () => progressPromises(memoryApi))
