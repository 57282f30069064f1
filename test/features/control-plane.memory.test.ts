import { describe } from 'vitest'
import type { Resource } from '../../src/kube/client.ts'
import { kinds } from '../../src/kube/kinds.ts'
import { MemoryApi } from '../../src/kube/memory.ts'
import { controlPlanePromises } from './control-plane-promises.ts'

describe('in memory', () =>
  controlPlanePromises(async () => {
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
    return { client, memory: true, install }
  }, false))
