import { Bindings } from '../../control-plane/sink-binding/bindings.ts'
import { admission } from '../../control-plane/webhook/admission.ts'
import { brokerDefaultsName } from '../../control-plane/webhook/admit/broker-defaults.ts'
import { answerBinding, type BindReview } from '../../control-plane/webhook/bind.ts'
import { followCertificates, webhookNames } from '../../control-plane/webhook/certificates.ts'
import { awaitTrust } from '../../control-plane/webhook/trust.ts'
import { startWebhookServer, type WebhookServer } from '../../control-plane/webhook/server.ts'
import { WebhookMetrics } from '../../control-plane/webhook/webhook-metrics.ts'
import { admissionWorld } from '../../control-plane/webhook/world.ts'
import type { Clock } from '../../core/clock.ts'
import type { KubeClient } from '../../kube/client.ts'
import { startInformer, type Informer } from '../../kube/informer.ts'
import { kinds } from '../../kube/kinds.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { listenOn } from '../listen.ts'
import type { Meters } from '../metrics/meters.ts'
import type { ControllerFlags } from './flags.ts'

/** What every replica has. */
export interface ReplicaParts {
  readonly client: KubeClient
  readonly namespace: string
  readonly identity: string
  readonly flags: ControllerFlags
  readonly clock: Clock
  readonly logger: Logger
  /** Absent: nobody asks for metrics. */
  readonly meters?: Meters | undefined
}

export interface RunningAdmission {
  readonly server: WebhookServer
  /** What its certificates are for. */
  readonly names: readonly string[]
}

/** The webhooks of this replica, until `signal` aborts. They answer from the start: what caches do not hold is asked. */
export async function startAdmission(
  parts: ReplicaParts & { readonly lameDuckMs: number },
  signal: AbortSignal,
): Promise<RunningAdmission> {
  const { client, namespace, identity, flags, lameDuckMs, clock, logger, meters } = parts
  const common = { client, clock, logger, signal }
  const brokers = startInformer({ ...common, resource: kinds.broker, selection: { metadataOnly: true } })
  const selection = { namespace, fieldSelector: `metadata.name=${brokerDefaultsName}` }
  const configMaps = startInformer({ ...common, resource: kinds.configMap, selection })
  const sinkBindings = startInformer({ ...common, resource: kinds.sinkBinding })
  const controller = `system:serviceaccount:${namespace}:millrace-controller`
  const binding = { bindings: new Bindings(sinkBindings), controller }
  const bound = awaitBindings(sinkBindings, clock)
  const names = [...webhookNames(namespace), ...(flags.kubeconfig === undefined ? [] : ['localhost', '127.0.0.1'])]
  const certificate = followCertificates({ client, namespace, identity, names, clock, logger }, signal)
  const counts = meters === undefined ? null : new WebhookMetrics(meters.metrics, certificate)
  const uncounted = admission(admissionWorld({ client, brokers, configMaps, namespace, logger }))
  const admit = counts?.admission(uncounted) ?? uncounted
  const answerBind = (review: BindReview): object => answerBinding(review, binding)
  const bind = counts?.bind(answerBind) ?? answerBind
  const trust = awaitTrust({ client, certificate, clock, logger }, signal)
  const unready = (): string | null => trust.unready() ?? bound.unready()
  const { port } = flags
  const server = await listenOn(flags.host, (host) =>
    startWebhookServer({
      ...{ host, port, certificate, admit, bind, unready, clock, logger, lameDuckMs },
    }),
  )
  return { server, names }
}

/** So long a replica waits for SinkBindings before it is Ready without, milliseconds: it must come up while the API server is away. */
const patienceMs = 30_000

/** A workload that is admitted before SinkBindings are known begins without its variables, and is rolled for them. */
function awaitBindings(sinkBindings: Informer, clock: Clock): { readonly unready: () => string | null } {
  const start = clock.monotonic()
  const reason = 'SinkBindings are not known yet'
  // Without the definition there is none.
  const known = (): boolean => sinkBindings.synced || sinkBindings.fault?.code === 'ApiNotFound'
  return { unready: () => (known() || clock.monotonic() - start > patienceMs ? null : reason) }
}
