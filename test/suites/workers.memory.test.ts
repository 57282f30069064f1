import { MemoryApi } from '../../src/kube/memory.ts'
import { workersSuite } from './workers.suite.ts'

workersSuite('the workers in memory', () => {
  const api = new MemoryApi()
  return Promise.resolve({ client: () => api.client(), real: false, close: () => Promise.resolve() })
})
