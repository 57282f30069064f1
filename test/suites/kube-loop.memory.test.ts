import { kinds } from '../../src/kube/kinds.ts'
import { MemoryApi } from '../../src/kube/memory.ts'
import { kubeLoopSuite } from './kube-loop.suite.ts'
import { gadget } from './kube-loop/subject.ts'

kubeLoopSuite('memory', () => {
  const api = new MemoryApi({ installed: [...Object.values(kinds), gadget] })
  return Promise.resolve({ client: () => api.client(), real: false, close: () => Promise.resolve() })
})
