import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Resource } from '../../src/kube/client.ts'
import { kinds } from '../../src/kube/kinds.ts'
import { restClient } from '../../src/kube/rest.ts'
import { startApiServer, type ApiAccess } from './api-server.ts'
import type { TestApi } from './control-plane-rig.ts'
import { eventually } from './eventually.ts'
import { kubectl } from './kubectl.ts'

const crds = join(import.meta.dirname, '..', '..', 'crds')

/** A real API server of its own, with our definitions: a control plane reconciles every Broker that there is. */
export async function startRealApi(): Promise<{
  readonly api: TestApi
  readonly access: ApiAccess
  close(): Promise<void>
}> {
  const server = await startApiServer()
  const files = (await readdir(crds)).filter((file) => file !== 'kustomization.yaml')
  await kubectl(['apply', ...files.flatMap((file) => ['-f', join(crds, file)])], server)
  await kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=120s'], server)
  const { url, ca, cert, key } = server
  const client = restClient({ server: url, ca, cert, key, namespace: 'default' })

  async function install(resource: Resource): Promise<Resource> {
    const { group, version, plural, kind } = resource
    const { signal } = new AbortController()
    const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } }
    const versions = [{ name: version, served: true, storage: true, schema, subresources: { status: {} } }]
    const names = { plural, kind, singular: kind.toLowerCase(), listKind: `${kind}List` }
    const spec = { group, scope: 'Namespaced', names, versions }
    const metadata = { name: `${plural}.${group}` }
    const crd = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata, spec }
    await client.create(kinds.crd, crd, signal)
    await eventually('the kind is served', () => client.list(resource, {}, signal))
    return resource
  }

  const close = async (): Promise<void> => {
    client.close()
    await server.close()
  }
  return { api: { client, memory: false, install }, access: server, close }
}
