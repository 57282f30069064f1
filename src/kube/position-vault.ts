import { createHash } from 'node:crypto'
import type { PositionVault } from '../contract/route-source.ts'
import type { KubeClient } from './client.ts'
import { kinds } from './kinds.ts'

/** No call waits longer: who asks comes back. Milliseconds. */
const patienceMs = 10_000

/**
 * A PositionVault that a whole fleet shares: a ConfigMap a group, in the system namespace, there only while the group is made anew. Its name
 * is a hash of the group's, since a group may have any name; the data says which group it is.
 */
export function kubeVault(client: KubeClient, namespace: string, signal: AbortSignal): PositionVault {
  const keyOf = (group: string) => {
    const hash = createHash('sha256').update(group).digest('hex').slice(0, 40)
    return { namespace, name: `millrace-positions-${hash}` }
  }
  const patience = () => AbortSignal.any([signal, AbortSignal.timeout(patienceMs)])
  return {
    save: async (group, positions) => {
      const labels = { 'app.kubernetes.io/name': 'millrace', 'app.kubernetes.io/component': 'positions' }
      const metadata = { ...keyOf(group), labels }
      const data = { group, positions }
      await client.apply(
        kinds.configMap,
        { apiVersion: 'v1', kind: 'ConfigMap', metadata, data },
        'millrace',
        patience(),
      )
    },
    load: async (group) => {
      const found = await client.get(kinds.configMap, keyOf(group), patience())
      const data = found?.['data'] as { positions?: string } | undefined
      return data?.positions ?? null
    },
    remove: async (group) => {
      await client.delete(kinds.configMap, keyOf(group), patience())
    },
  }
}
