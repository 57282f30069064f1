import { afterAll, beforeAll, describe } from 'vitest'
import { startRealApi } from '../support/real-api.ts'
import { sinkBindingPromises } from './sink-binding-promises.ts'

describe('SinkBindings on a real API server', () => {
  let real: Awaited<ReturnType<typeof startRealApi>> | undefined

  beforeAll(async () => void (real = await startRealApi()))
  afterAll(() => real?.close())

  sinkBindingPromises(() => Promise.resolve(real!.api), true)
})
