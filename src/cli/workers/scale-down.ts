import type { KubeClient } from '../../kube/client.ts'
import { kinds } from '../../kube/kinds.ts'

/** A drain has better things to do than to wait for this. */
const patienceMs = 2_000

/**
 * Whether a pod of a StatefulSet that ends will not come back under its name: the set is gone, or wants fewer. Then it leaves the fleet at
 * once; else its partitions wait for it. When it cannot be found out: false, which costs a session timeout.
 */
export async function leavesForGood(client: KubeClient, namespace: string, pod: string): Promise<boolean> {
  const [, name, ordinal] = /^(.+)-(\d+)$/.exec(pod) ?? []
  if (name === undefined || ordinal === undefined) return false
  try {
    const set = await client.get(kinds.statefulSet, { namespace, name }, AbortSignal.timeout(patienceMs))
    if (set === null || set.metadata.deletionTimestamp !== undefined) return true
    const spec = set['spec'] as { replicas?: number; ordinals?: { start?: number } } | undefined
    return Number(ordinal) >= (spec?.ordinals?.start ?? 0) + (spec?.replicas ?? 1)
  } catch {
    return false
  }
}
