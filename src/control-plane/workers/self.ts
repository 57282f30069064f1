import { kinds } from '../../kube/kinds.ts'
import { apiVersionOf } from '../../kube/client.ts'
import type { KubeClient, OwnerReference } from '../../kube/client.ts'

/** What the controller finds out about itself. */
export interface Self {
  /** Image of its own container; null when it does not run in a pod of this namespace. */
  readonly image: string | null
  /** Its Deployment, whose deletion collects the workers; null when there is none in this namespace. */
  readonly owner: OwnerReference | null
}

/** Names of the shipped manifests (`config/`). */
const [deploymentName, containerName] = ['millrace-controller', 'controller']

/**
 * Reads the image from the pod rather than from a setting: so `kustomize edit set image` and digests need to name it once.
 * `pod`: name of our pod, '' when unknown.
 */
export async function findSelf(client: KubeClient, namespace: string, pod: string, signal: AbortSignal): Promise<Self> {
  const [own, deployment] = await Promise.all([
    pod === '' ? null : client.get(kinds.pod, { namespace, name: pod }, signal),
    client.get(kinds.deployment, { namespace, name: deploymentName }, signal),
  ])
  const { containers } = (own?.['spec'] ?? { containers: [] }) as { containers: { name: string; image: string }[] }
  const { kind } = kinds.deployment
  return {
    image: containers.find(({ name }) => name === containerName)?.image ?? null,
    owner:
      deployment === null
        ? null
        : { apiVersion: apiVersionOf(kinds.deployment), kind, name: deploymentName, uid: deployment.metadata.uid },
  }
}
