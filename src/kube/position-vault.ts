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
 * PositionVaults that a whole fleet shares, one a Kafka: a ConfigMap a group, in the system namespace, there only while the group is made anew. Its
 * name is a hash of servers and group, since a group may have any name; the data says which group it is, and where.
 *
 * Each new Outlet asks once, and nearly always nothing is there: those who ask at the same time share a list, never older than their question.
 */
export function kubeVaults(
  client: KubeClient,
  namespace: string,
  signal: AbortSignal,
): (bootstrapServers: string) => PositionVault {
  const keyOf = (text: string) => {
    const hash = createHash('sha256').update(text).digest('hex').slice(0, 40)
    return { namespace, name: `millrace-positions-${hash}` }
  }
  const patience = () => AbortSignal.any([signal, AbortSignal.timeout(patienceMs)])
  const saved = new SharedAnswer(() => listSaved(client, namespace, patience()))
  return (kafka) => {
    const key = (group: string) => keyOf(`${kafka} ${group}`)
    return {
      save: async (group, positions) => {
        const metadata = { ...key(group), labels }
        const data = { group, kafka, positions }
        const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data }
        await client.apply(kinds.configMap, configMap, 'millrace', patience())
      },
      load: async (group) => {
        const all = await saved.get()
        return (all.get(key(group).name) ?? fromBefore(all.get(keyOf(group).name)))?.positions ?? null
      },
      remove: async (group) => {
        const before = keyOf(group)
        const isThere = fromBefore((await saved.get()).get(before.name)) !== undefined
        await client.delete(kinds.configMap, key(group), patience())
        if (isThere) await client.delete(kinds.configMap, before, patience())
      },
    }
  }
}

interface Saved {
  readonly positions: string
  readonly kafka: string | undefined
}

/** Version 0.1 did not say of which Kafka a group is. */
function fromBefore(saved: Saved | undefined): Saved | undefined {
  return saved?.kafka === undefined ? saved : undefined
}

/** By name of the ConfigMap. */
async function listSaved(
  client: KubeClient,
  namespace: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Saved>> {
  const saved = new Map<string, Saved>()
  for (let next: string | undefined = ''; next !== undefined;) {
    const from: { continue?: string } = next === '' ? {} : { continue: next }
    const page = await client.list(kinds.configMap, { namespace, labelSelector, limit: pageSize, ...from }, signal)
    for (const { metadata, ...object } of page.items) {
      const { positions, kafka } = (object['data'] ?? {}) as { positions?: string; kafka?: string }
      if (positions !== undefined) saved.set(metadata.name, { positions, kafka })
    }
    next = page.continue
  }
  return saved
}
