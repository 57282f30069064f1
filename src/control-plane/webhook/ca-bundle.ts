import type { KubeClient, Resource, StoredObject } from '../../kube/client.ts'
import { kinds } from '../../kube/kinds.ts'
import { authoritiesIn, authorityOf } from './certificate-secret.ts'
import { bindingKindsName, bindingName, mutatingName, validatingName } from './names.ts'

const configurations: readonly (readonly [resource: Resource, name: string])[] = [
  [kinds.mutatingWebhook, mutatingName],
  [kinds.validatingWebhook, validatingName],
  [kinds.mutatingWebhook, bindingName],
  [kinds.mutatingWebhook, bindingKindsName],
]

interface Webhook {
  readonly clientConfig?: { readonly caBundle?: string }
}

/**
 * Puts the authorities into all webhook configurations, where they differ. A configuration that is not installed calls nobody, and lacks
 * nothing.
 *
 * @returns whether all had them already.
 * @throws Fault ApiConflict when somebody else was faster: look again.
 */
export async function trustAuthorities(
  client: KubeClient,
  trusted: readonly string[],
  signal: AbortSignal,
): Promise<boolean> {
  const caBundle = Buffer.from(trusted.join('')).toString('base64')
  const changed = await Promise.all(
    configurations.map(async ([resource, name]) => {
      const key = { namespace: '', name }
      const found = await client.get(resource, key, signal)
      const operations = found === null ? [] : differences(found, caBundle)
      if (found === null || operations.length === 0) return false
      // Against a leader of yesterday that wakes up: what it read is not current.
      const { resourceVersion } = found.metadata
      const guard = { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion }
      await client.patch(resource, key, { kind: 'json', body: [guard, ...operations] }, signal)
      return true
    }),
  )
  return !changed.includes(true)
}

/**
 * Whether all webhook configurations trust who signed `cert`, as the API server has them now. One that is not installed calls nobody, and
 * lacks nothing.
 *
 * @throws what the API server says.
 */
export async function trusts(client: KubeClient, cert: string, signal: AbortSignal): Promise<boolean> {
  const found = await Promise.all(
    configurations.map(([resource, name]) => client.get(resource, { namespace: '', name }, signal)),
  )
  return found.every((configuration) => {
    const webhooks = (configuration?.['webhooks'] ?? []) as readonly Webhook[]
    return webhooks.every(({ clientConfig }) => {
      const trusted = authoritiesIn(Buffer.from(clientConfig?.caBundle ?? '', 'base64').toString())
      return authorityOf({ trusted }, cert) !== undefined
    })
  })
}

function differences(configuration: StoredObject, caBundle: string): object[] {
  const webhooks = (configuration['webhooks'] ?? []) as readonly Webhook[]
  return webhooks.flatMap(({ clientConfig }, i) => {
    const path = `/webhooks/${i}/clientConfig/caBundle`
    return clientConfig?.caBundle === caBundle ? [] : [{ op: 'add', path, value: caBundle }]
  })
}
