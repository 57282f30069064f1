import { randomUUID } from 'node:crypto'
import { foreignMessage, foreignObjects } from '../../control-plane/preflight.ts'
import { systemClock as clock } from '../../core/clock.ts'
import { Fault } from '../../core/fault.ts'
import { inClusterAccess } from '../../kube/access.ts'
import type { KubeClient } from '../../kube/client.ts'
import { lead } from '../../kube/lease.ts'
import { createLogger, type Logger } from '../../telemetry/logger.ts'
import { UsageError, type Environment } from '../flags.ts'
import { aborted, drainDeadline, stopSignal } from '../stop.ts'
import type { ControllerFlags } from './flags.ts'
import { startAdmission } from './admission.ts'
import { replicaClients } from './clients.ts'
import { openMetrics } from '../metrics/serve.ts'
import { govern } from './govern.ts'
import { observeLeading } from './leader-metrics.ts'
import { persist } from './persist.ts'

/** The system namespace, where nothing says otherwise. */
const usualNamespace = 'knative-eventing'
/** Which Lease says who leads. */
const leaseName = 'millrace-controller'
/** How long /readyz says no before the webhooks stop taking reviews: API servers and kube-proxy must have seen it. */
const lameDuckMs = 3_000

/**
 * The controller: every replica answers webhooks, one of them leads.
 *
 *     preflight ──► webhooks, certificates (all) ──► lease ──► control plane, workers, renewal (the leader)
 *
 * Runs until SIGINT or SIGTERM. @throws UsageError when another manager of Brokers and Triggers is installed.
 */
export async function controller(flags: ControllerFlags, env: Environment): Promise<void> {
  const stop = stopSignal()
  const logger = createLogger(env.MILLRACE_LOG ?? 'warn')
  await using cleanup = new AsyncDisposableStack()
  const access = await accessOf(flags)
  const namespace = flags.namespace ?? (flags.kubeconfig === undefined ? access.namespace : usualNamespace)
  const { host, metricsPort: port } = flags
  const { meters, url: metricsUrl } = cleanup.use(await openMetrics('controller', { host, port }, logger))
  const clients = replicaClients(access, meters?.kube)
  cleanup.defer(() => clients.close())
  await preflight(clients.work, namespace, flags.adopt, logger, stop)
  if (stop.aborted) return

  const identity = flags.name
  // outlives `stop`: reviews are answered while this process drains
  const serving = new AbortController()
  cleanup.defer(() => serving.abort())
  const admission = await startAdmission(
    { client: clients.admission, namespace, identity, flags, lameDuckMs, clock, logger, meters },
    serving.signal,
  )
  console.log(`controller ${admission.server.url}`)
  if (metricsUrl !== undefined) console.log(`metrics ${metricsUrl}`)
  const { names } = admission
  const governing = { client: clients.work, namespace, identity, flags, names, clock, logger, meters }
  const leading = lead({
    ...{ client: clients.lease, namespace, name: leaseName, clock, logger, signal: stop },
    identity: `${identity}-${randomUUID().slice(0, 8)}`,
    onLeading: observeLeading(meters?.metrics, (signal) => govern(governing, signal)),
  })
  // It fails when what it led could not be stopped in time: then another leads already, and only our end is safe.
  await Promise.race([aborted(stop), leading])
  const left = drainDeadline(clock)
  await Promise.all([leading, admission.server.close(left())])
}

async function accessOf({ kubeconfig }: ControllerFlags): ReturnType<typeof inClusterAccess> {
  if (kubeconfig === undefined) return inClusterAccess()
  const { clusterAccess } = await import('../kubeconfig/cluster-access.ts')
  return clusterAccess(kubeconfig)
}

/** Waits for an API server that is not there yet; what stands in the way is said and ends us. */
async function preflight(
  client: KubeClient,
  namespace: string,
  adopt: boolean,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  const look = async (): Promise<void> => {
    const foreign = await foreignObjects(client, namespace, signal)
    if (foreign.length === 0) return
    if (!adopt) throw new UsageError(foreignMessage(foreign))
    logger.warn({ foreign }, 'adopting what another manager left')
  }
  const failed = (error: unknown): void => {
    if (!(error instanceof Fault)) throw error
    logger.warn({ err: error }, 'the cluster could not be looked at; trying again')
  }
  await persist(look, failed, signal)
}
