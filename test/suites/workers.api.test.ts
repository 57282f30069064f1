import { restClient } from '../../src/kube/rest.ts'
import { sharedApiServer } from '../support/api.ts'
import { workersSuite } from './workers.suite.ts'

workersSuite('the workers on Kubernetes', async () => {
  const { url, ca, cert, key } = await sharedApiServer()
  const client = () => restClient({ server: url, ca, cert, key, namespace: 'default' })
  return { client, real: true, close: () => Promise.resolve() }
})
