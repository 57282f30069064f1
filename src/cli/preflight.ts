import { CommanderError } from 'commander'
import { foreignMessage, foreignObjects } from '../control-plane/preflight.ts'
import { clusterAccess } from './kubeconfig/cluster-access.ts'
import { restClient } from '../kube/rest.ts'
import type { PreflightFlags } from './flags.ts'

/** The API server has this long to say what is there, milliseconds. */
const patienceMs = 30_000

/**
 * Says whether Millrace may be installed into the cluster of a kubeconfig.
 * @throws CommanderError with exit code 1, after it has said why not; Fault when the API server cannot be asked.
 */
export async function preflight({ kubeconfig, namespace }: PreflightFlags): Promise<void> {
  const client = restClient(await clusterAccess(kubeconfig))
  try {
    const foreign = await foreignObjects(client, namespace, AbortSignal.timeout(patienceMs))
    if (foreign.length === 0) return console.log('No other manager of Brokers and Triggers is in the way.')
    console.error(`error: ${foreignMessage(foreign)}`)
    throw new CommanderError(1, 'millrace.preflight', 'another manager is installed')
  } finally {
    client.close()
  }
}
