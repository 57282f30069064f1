import { afterAll, beforeAll, describe } from 'vitest'
import { startRealApi } from '../support/real-api.ts'
import { progressPromises } from './progress-promises.ts'

describe('on a real API server', () => {
  let real: Awaited<ReturnType<typeof startRealApi>> | undefined

  beforeAll(async () => void (real = await startRealApi()))
  afterAll(() => real?.close())

  progressPromises(() => Promise.resolve(real!.api))
})
