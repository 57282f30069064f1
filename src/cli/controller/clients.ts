import type { Access } from '../../kube/access.ts'
import type { KubeClient } from '../../kube/client.ts'
import type { KubeMetrics } from '../../kube/kube-metrics.ts'
import { meteredClient } from '../../kube/metered-client.ts'
import { restClient } from '../../kube/rest.ts'

/** The ways of one replica to the API server, each with connections of its own. */
export interface ReplicaClients {
  /** Reconciles: as many at once as there are slots, and each may wait for a webhook of someone else for half a minute. */
  readonly work: KubeClient
  /** The lease: whoever leads must renew it, however much work waits for an answer. */
  readonly lease: KubeClient
  /** Reviews, which an API server waits for, and the certificates that they are served with. */
  readonly admission: KubeClient
  close(): void
}

/** They connect when they are used. @param meter absent: nobody asks for metrics. @throws Fault ApiRefused when the address of the server is none. */
export function replicaClients(access: Access, meter?: KubeMetrics): ReplicaClients {
  const work = meteredClient(restClient(access), meter)
  const lease = meteredClient(restClient(access, { maxConnections: 2 }), meter)
  const admission = meteredClient(restClient(access, { maxConnections: 4 }), meter)
  const close = (): void => [work, lease, admission].forEach((client) => client.close())
  return { work, lease, admission, close }
}
