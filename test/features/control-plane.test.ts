import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe } from 'vitest'
import type { Resource } from '../../src/kube/client.ts'
import { kinds } from '../../src/kube/kinds.ts'
import { restClient } from '../../src/kube/rest.ts'
import type { TestApi } from '../support/control-plane-rig.ts'
import { startApiServer, type RunningApiServer } from '../support/api-server.ts'
import { eventually } from '../support/eventually.ts'
import { kubectl } from '../support/kubectl.ts'
import { controlPlanePromises } from './control-plane-promises.ts'

const crds = join(import.meta.dirname, '..', '..', 'crds')

describe('on a real API server', () => {
  let server: RunningApiServer
  let api: TestApi

  // One of its own: a control plane reconciles every Broker that there is.
  beforeAll(async () => {
    server = await startApiServer()
    const files = (await readdir(crds)).filter((file) => file !== 'kustomization.yaml')
    await kubectl(['apply', ...files.flatMap((file) => ['-f', join(crds, file)])], server)
    await kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s'], server)
    const { url, ca, cert, key } = server
    const client = restClient({ server: url, ca, cert, key, namespace: 'default' })
    api = { client, memory: false, install }
  })

  afterAll(async () => {
    api?.client.close()
    await server?.close()
  })

  async function install(resource: Resource): Promise<Resource> {
    const { group, version, plural, kind } = resource
    const { signal } = new AbortController()
    const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } }
    const versions = [{ name: version, served: true, storage: true, schema, subresources: { status: {} } }]
    const names = { plural, kind, singular: kind.toLowerCase(), listKind: `${kind}List` }
    const spec = { group, scope: 'Namespaced', names, versions }
    const metadata = { name: `${plural}.${group}` }
    const crd = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata, spec }
    await api.client.create(kinds.crd, crd, signal)
    await eventually('the kind is served', () => api.client.list(resource, {}, signal))
    return resource
  }

  controlPlanePromises(() => Promise.resolve(api), true)
})
