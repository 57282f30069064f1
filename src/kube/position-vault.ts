import { createHash } from 'node:crypto'
import type { PositionVault } from '../contract/route-source.ts'
import { SharedAnswer } from '../core/shared-answer.ts'
import type { KubeClient } from './client.ts'
import { kinds } from './kinds.ts'

/** No call waits longer: who asks comes back. Milliseconds. */
const patienceMs = 10_000
const pageSize = 500
const labels = { 'app.kubernetes.io/name': 'millrace', 'app.kubernetes.io/component': 'positions' }
const labelSelector = Object.entries(labels)
  .map(([name, value]) => `${name}=${value}`)
  .join(',')

/**
 * A PositionVault that a whole fleet shares: a ConfigMap a group, in the system namespace, there only while the group is made anew. Its name
 * is a hash of the group's, since a group may have any name; the data says which group it is.
 *
 * Each new Outlet asks once, and nearly always nothing is there: those who ask at the same time share a list, never older than their question.
 */
export function kubeVault(client: KubeClient, namespace: string, signal: AbortSignal): PositionVault {
  const keyOf = (group: string) => {
    const hash = createHash('sha256').update(group).digest('hex').slice(0, 40)
    return { namespace, name: `millrace-positions-${hash}` }
  }
  const patience = () => AbortSignal.any([signal, AbortSignal.timeout(patienceMs)])
  const saved = new SharedAnswer(() => listSaved(client, namespace, patience()))
  return {
    save: async (group, positions) => {
      const metadata = { ...keyOf(group), labels }
      const data = { group, positions }
      await client.apply(
        kinds.configMap,
        { apiVersion: 'v1', kind: 'ConfigMap', metadata, data },
        'millrace',
        patience(),
      )
    },
    load: async (group) => (await saved.get()).get(keyOf(group).name) ?? null,
    remove: async (group) => {
      await client.delete(kinds.configMap, keyOf(group), patience())
    },
  }
}

/** By name of the ConfigMap. */
async function listSaved(
  client: KubeClient,
  namespace: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const saved = new Map<string, string>()
  for (let next: string | undefined = ''; next !== undefined;) {
    const from: { continue?: string } = next === '' ? {} : { continue: next }
    const page = await client.list(kinds.configMap, { namespace, labelSelector, limit: pageSize, ...from }, signal)
    for (const { metadata, ...object } of page.items) {
      const { positions } = (object['data'] ?? {}) as { positions?: string }
      if (positions !== undefined) saved.set(metadata.name, positions)
    }
    next = page.continue
  }
  return saved
}
