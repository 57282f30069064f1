import type { Resource } from '../../src/kube/client.ts'
import { kinds } from '../../src/kube/kinds.ts'
import { MemoryApi } from '../../src/kube/memory.ts'
import type { TestApi } from './control-plane-rig.ts'

/** An API server in memory, of its own. */
export function memoryApi(): Promise<TestApi> {
  const api = new MemoryApi()
  const client = api.client()
  const install = async (resource: Resource): Promise<Resource> => {
    api.install(resource)
    const { group, plural, kind, version } = resource
    const versions = [{ name: version, served: true, storage: true }]
    const spec = { group, scope: 'Namespaced', names: { plural, kind }, versions }
    const metadata = { name: `${plural}.${group}` }
    const crd = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata, spec }
    await client.create(kinds.crd, crd, new AbortController().signal)
    return resource
  }
  return Promise.resolve({ client, memory: true, install })
}
