import type { KafkaCluster } from '../../contract/source.ts'
import type { WorkerSpec, WorkerStatus } from '../../contract/worker.ts'
import type { Clock } from '../../core/clock.ts'
import { inClusterAccess } from '../../kube/access.ts'
import type { KubeClient } from '../../kube/client.ts'
import { credentialSecrets } from '../../kube/credential-secrets.ts'
import { meteredClient } from '../../kube/metered-client.ts'
import { restClient } from '../../kube/rest.ts'
import { kubeRoutes, type KubeRoutes } from '../../kube/routes.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { UsageError } from '../flags.ts'
import type { Meters } from '../metrics/meters.ts'
import type { KubernetesFlags } from '../worker-flags.ts'
import { Credentials } from './credentials.ts'
import { withOwnShare } from './outlet-status.ts'
import { Seen } from './seen.ts'
import { WorkerObject } from './worker-object.ts'

/** What a worker shares with the Kubernetes cluster that it runs for. */
export interface ClusterSide {
  readonly client: KubeClient
  readonly namespace: string
  readonly routes: KubeRoutes
  readonly seen: Seen
  /** From Secrets. They are not looked at before the first credential is asked for. */
  readonly credentials: Credentials
  /** Says what this process does. Begins once the routes are loaded: before that there is nothing to say. */
  announce(owns: () => WorkerStatus['owns']): WorkerObject
}

interface ClusterSideParts {
  readonly flags: KubernetesFlags
  readonly role: WorkerSpec['role']
  readonly kafka: KafkaCluster | undefined
  readonly clock: Clock
  readonly logger: Logger
  readonly signal: AbortSignal
  /** Absent: nobody asks for metrics. */
  readonly meters?: Meters | undefined
}

/** The system namespace, where nothing says otherwise. */
const usualNamespace = 'knative-eventing'

/**
 * Connects a worker with the API server and follows its routes.
 * @throws Fault ApiRefused when the kubeconfig is not usable; UsageError when this is no pod and there is no kubeconfig.
 */
export async function clusterSide(parts: ClusterSideParts): Promise<ClusterSide> {
  const { flags } = parts
  const access = await accessOf(flags)
  const inCluster = flags.kubeconfig === undefined ? access.namespace : undefined
  const namespace = flags.namespace ?? inCluster ?? usualNamespace
  return sideOf(meteredClient(restClient(access), parts.meters?.kube), namespace, parts)
}

/** What a worker shares with the cluster behind `client`. */
export function sideOf(client: KubeClient, namespace: string, parts: ClusterSideParts): ClusterSide {
  const { flags, role, kafka, clock, logger, signal } = parts
  const watch = role === 'ingress' ? 'inlets' : 'outlets'
  const keepStatus = (status: unknown): unknown => withOwnShare(status, flags.name)
  const routes = kubeRoutes({ client, namespace, watch, kafka, keepStatus, clock, logger, signal })
  const credentials = new Credentials(() => credentialSecrets({ client, clock, logger, signal }), logger)
  const seen = new Seen(() => routes.resourceVersion)
  const announce = (owns: () => WorkerStatus['owns']): WorkerObject => {
    const status = (): WorkerStatus => {
      const refused = [...routes.refused].sort()
      return { seen: seen.version, owns: owns(), ...(refused.length === 0 ? {} : { refused }) }
    }
    const { name, podUid } = flags
    const worker = new WorkerObject({ client, namespace, name, podUid, role, status, clock, logger })
    routes.objects.subscribe(() => worker.seenMoved())
    routes.onListed(() => worker.seenMoved())
    worker.seenMoved()
    return worker
  }
  return { client, namespace, routes, seen, credentials, announce }
}

/** In a pod nothing that reads kubeconfig files is loaded. */
async function accessOf({ kubeconfig }: KubernetesFlags): ReturnType<typeof inClusterAccess> {
  if (kubeconfig === undefined) {
    return inClusterAccess().catch((error: NodeJS.ErrnoException) => {
      throw new UsageError(`--kubeconfig is missing: this is no pod of a cluster (${error.message})`)
    })
  }
  const { clusterAccess } = await import('../kubeconfig/cluster-access.ts')
  return clusterAccess(kubeconfig)
}
