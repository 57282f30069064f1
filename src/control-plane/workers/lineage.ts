import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { Fault } from '../../core/fault.ts'
import { managedBy } from '../../kube/child.ts'
import type { KubeClient, OwnerReference } from '../../kube/client.ts'
import { kinds } from '../../kube/kinds.ts'
import type { Mounted } from './volumes.ts'

/** What workers remember of events, for `millrace trace`: key `lineage` of the settings. */
export const LineageSettings = z.strictObject({
  enabled: z.boolean({ error: 'must be true or false' }).default(true),
  /** How much each worker keeps, MiB. */
  mib: z.int('must be a whole number').min(1, 'must be 1 or more').max(65_536, 'must be 65536 or less').default(64),
  /** How long. */
  hours: z.number().positive('must be more than 0').max(8_760, 'must be 8760 or less').default(24),
})
export type LineageSettings = z.infer<typeof LineageSettings>

export const usualLineage: LineageSettings = LineageSettings.parse({})

/** Secret of the system namespace: who shows its `token` is told what workers remember. */
const tokenSecretName = 'millrace-lineage'
const tokenKey = 'token'
const folder = '/var/lib/millrace'
const tokenFolder = '/etc/millrace/lineage'
/** What the folder may take beyond what is kept: a pod that goes beyond it is evicted. MiB. */
const spareMib = 16

/** Flags of a worker. */
export function lineageArgs({ enabled, mib, hours }: LineageSettings): readonly string[] {
  if (!enabled) return []
  const bounds = ['--lineage-mib', String(mib), '--lineage-hours', String(hours)]
  return ['--lineage', folder, ...bounds, '--lineage-token-file', `${tokenFolder}/${tokenKey}`]
}

/** What is remembered lives as long as the pod. The token may come after the pod, and change: the kubelet brings it. */
export function lineageVolumes({ enabled, mib }: LineageSettings): readonly Mounted[] {
  if (!enabled) return []
  const secret = { secretName: tokenSecretName, optional: true, defaultMode: 0o644 }
  return [
    { name: 'lineage', mountPath: folder, source: { emptyDir: { sizeLimit: sizeOf(mib + spareMib) } } },
    { name: 'lineage-token', mountPath: tokenFolder, readOnly: true, source: { secret } },
  ]
}

/** As the API server writes it, else a pod that is as it shall be would not compare equal. */
function sizeOf(mib: number): string {
  return mib % 1024 === 0 ? `${mib / 1024}Gi` : `${mib}Mi`
}

/**
 * Makes the Secret with a token that nobody can guess. One that is there is never changed, whoever made it.
 * @returns why there is none; null: there is one; a Fault: trying again helps.
 */
export async function ensureToken(
  client: KubeClient,
  { namespace, owner }: { readonly namespace: string; readonly owner?: OwnerReference | undefined },
  signal: AbortSignal,
): Promise<string | Fault | null> {
  const name = { namespace, name: tokenSecretName }
  const labels = { 'app.kubernetes.io/name': 'millrace', 'app.kubernetes.io/part-of': 'millrace', ...managedBy }
  const metadata = { ...name, labels, ...(owner === undefined ? {} : { ownerReferences: [owner] }) }
  const token = Buffer.from(randomBytes(32).toString('hex')).toString('base64')
  const secret = { apiVersion: 'v1', kind: 'Secret', type: 'Opaque', metadata, data: { [tokenKey]: token } }
  try {
    if ((await client.get(kinds.secret, name, signal)) === null) await client.create(kinds.secret, secret, signal)
    return null
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    // another replica was faster
    if (error.code === 'ApiAlreadyExists') return null
    if (error.code !== 'ApiRefused' && error.code !== 'ApiForbidden') return error
    const so = 'so nobody can ask workers what became of events'
    return `Secret ${namespace}/${tokenSecretName} cannot be made, ${so} (millrace trace): ${error.message}`
  }
}
