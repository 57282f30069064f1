import { startControlPlane, type ControlPlane } from '../../control-plane/control-plane.ts'
import { KnownAddress } from '../../control-plane/ingress-address.ts'
import { readyReplicas, rotateCertificates } from '../../control-plane/webhook/rotation.ts'
import type { WorkersSummary } from '../../control-plane/workers/reconciler.ts'
import { findSelf } from '../../control-plane/workers/self.ts'
import { startWorkers } from '../../control-plane/workers/workers.ts'
import { eventRecorder, type EventRecorder } from '../../kube/events.ts'
import { aborted } from '../stop.ts'
import { KafkaAdmins } from './admins.ts'
import type { ReplicaParts } from './admission.ts'
import { persist } from './persist.ts'

interface GovernParts extends ReplicaParts {
  /** What the certificates of the webhooks are for. */
  readonly names: readonly string[]
}

/** What the one that leads does, until `signal` aborts; resolves when nothing of it runs any more, so that another may lead. */
export async function govern(parts: GovernParts, signal: AbortSignal): Promise<void> {
  const { client, namespace, identity, names, flags, clock, logger, meters } = parts
  await using admins = new KafkaAdmins(clock, logger, meters?.kafka)
  const events = eventRecorder({ client, component: 'millrace-controller', clock, logger, signal })
  const { clusterDomain } = flags
  const ingressAddress = new KnownAddress()
  const plane = startControlPlane({
    client,
    namespace,
    admins: admins.of,
    letGo: admins.letGo,
    events,
    clusterDomain,
    ingressAddress,
    clock,
    logger,
    signal,
    observe: meters?.loops.of,
  })
  const replicas = readyReplicas(client, namespace)
  const rotation = rotateCertificates({ client, namespace, identity, names, replicas, clock, logger }, signal)
  const workers = flags.workers ? manageWorkers(parts, plane, events, ingressAddress, signal) : undefined
  await aborted(signal)
  await Promise.all([plane.done, rotation, workers])
}

async function manageWorkers(
  parts: GovernParts,
  { mainCluster }: ControlPlane,
  events: EventRecorder,
  ingress: KnownAddress,
  signal: AbortSignal,
): Promise<void> {
  const { client, namespace, clock, logger, meters } = parts
  const report = ({ address }: WorkersSummary): void => ingress.set(address)
  const look = async (): Promise<void> => {
    const self = await imageAndOwner(parts, signal)
    const observe = meters?.loops.of
    const workers = await startWorkers({
      ...{ client, namespace, ...self, mainCluster, events, report, clock, logger, signal, observe },
    })
    await workers.done
  }
  const failed = (error: unknown): void =>
    logger.error({ err: error }, 'the workers could not be looked after; trying again')
  await persist(look, failed, signal)
}

async function imageAndOwner({ client, namespace, identity, flags }: GovernParts, signal: AbortSignal) {
  const self = await findSelf(client, namespace, identity, signal)
  const image = flags.image ?? self.image
  if (image === null) {
    throw new Error(`pod ${namespace}/${identity} has no container "controller" to take the image from: say --image`)
  }
  return { image, ...(self.owner === null ? {} : { owner: self.owner }) }
}
