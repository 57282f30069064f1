import { afterAll, beforeAll, describe } from 'vitest'
import { startRealApi } from '../support/real-api.ts'
import { kafkaSourcePromises } from './kafka-source-promises.ts'
import { progressPromises } from './progress-promises.ts'
import { sinkBindingPromises } from './sink-binding-promises.ts'

describe('on a real API server', () => {
  let real: Awaited<ReturnType<typeof startRealApi>> | undefined

  beforeAll(async () => void (real = await startRealApi()))
  afterAll(() => real?.close())

  kafkaSourcePromises(() => Promise.resolve(real!.api), true)
  progressPromises(() => Promise.resolve(real!.api))
  // The last: its workloads stay, and Kubernetes goes on writing about them.
  describe('SinkBindings', () => sinkBindingPromises(() => Promise.resolve(real!.api), true))
})
