import { restClient } from '../../src/kube/rest.ts'
import { kinds } from '../../src/kube/kinds.ts'
import { isFault } from '../../src/kube/faults.ts'
import { sharedApiServer } from '../support/api.ts'
import { eventually } from '../support/eventually.ts'
import { kubeLoopSuite } from './kube-loop.suite.ts'
import { definitionOf, gadget } from './kube-loop/subject.ts'

kubeLoopSuite('Kubernetes', async () => {
  const { url, ca, cert, key } = await sharedApiServer()
  const client = () => restClient({ server: url, ca, cert, key, namespace: 'default' })
  const admin = client()
  const { signal } = new AbortController()
  await admin.create(kinds.crd, definitionOf(gadget), signal).catch((error: unknown) => {
    if (!isFault(error, 'ApiAlreadyExists')) throw error
  })
  await eventually('gadgets are served', () => admin.list(gadget, {}, signal))
  return { client, real: true, close: () => Promise.resolve(admin.close()) }
})
