import { once } from 'node:events'
import { get } from 'node:https'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { Bindings } from '../../../src/control-plane/sink-binding/bindings.ts'
import { admission } from '../../../src/control-plane/webhook/admission.ts'
import { answerBinding } from '../../../src/control-plane/webhook/bind.ts'
import { followCertificates, webhookNames } from '../../../src/control-plane/webhook/certificates.ts'
import { webhookConfigurations } from '../../../src/control-plane/webhook/configuration.ts'
import { rotateCertificates } from '../../../src/control-plane/webhook/rotation.ts'
import { awaitTrust } from '../../../src/control-plane/webhook/trust.ts'
import { startWebhookServer, type WebhookServer } from '../../../src/control-plane/webhook/server.ts'
import { admissionWorld } from '../../../src/control-plane/webhook/world.ts'
import { systemClock as clock } from '../../../src/core/clock.ts'
import type { KubeClient } from '../../../src/kube/client.ts'
import { startInformer } from '../../../src/kube/informer.ts'
import { kinds } from '../../../src/kube/kinds.ts'
import { restClient } from '../../../src/kube/rest.ts'
import { createLogger } from '../../../src/telemetry/logger.ts'
import type { RunningApiServer } from '../../support/api-server.ts'
import { installCrds } from '../../support/crds.ts'
import { eventually } from '../../support/eventually.ts'
import { kubectl, tryKubectl, type KubectlResult } from '../../support/kubectl.ts'

export const system = 'knative-eventing'
/** The account of the controller. */
const controller = `system:serviceaccount:${system}:millrace-controller`
/** How often the Secret is looked at where a test is not about certificates; in a cluster each 5 s. */
const restMs = 1_000
/** So that a test sees a whole renewal; in a cluster 15 s. */
const settleMs = 400
const logger = createLogger('silent')

/** A pod of the controller, as far as webhooks go. */
export interface Replica {
  readonly name: string
  readonly server: WebhookServer
  /** How many reviews it has been sent connections for. */
  connections: number
  /** Out of the Service, then down. */
  stop(): Promise<void>
}

/**
 * An API server with the CRDs, whose webhooks are called through a stand-in for the Service:
 *
 *     API server ── https://127.0.0.1:PORT ──► Service (round robin over the replicas that are ready) ──► replica ──► replica …
 */
export class WebhookRig implements AsyncDisposable {
  readonly replicas: Replica[] = []
  readonly api: RunningApiServer
  readonly client: KubeClient
  readonly #stop = new AbortController()
  readonly #service: Server
  #next = 0

  private constructor(api: RunningApiServer, service: Server) {
    this.api = api
    this.client = restClient({ ...api, server: api.url, namespace: system })
    this.#service = service
    service.on('connection', (socket) => this.#forward(socket))
  }

  /** On an API server that others may have used before. */
  static async start(api: RunningApiServer): Promise<WebhookRig> {
    const service = createServer({ noDelay: true })
    await once(service.listen(0, '127.0.0.1'), 'listening')
    const rig = new WebhookRig(api, service)
    await installCrds(api)
    await rig.createNamespace(system)
    return rig
  }

  /** Makes it, unless it is there. */
  async createNamespace(name: string): Promise<void> {
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }
    await this.client.apply(kinds.namespace, namespace, 'test', this.signal)
  }

  get signal(): AbortSignal {
    return this.#stop.signal
  }

  /** As `config/` has them, but for the URL. */
  get configurations(): string {
    const { port } = this.#service.address() as AddressInfo
    const items = webhookConfigurations({
      namespace: system,
      serviceName: 'millrace-webhook',
      url: `https://127.0.0.1:${port}`,
    })
    return JSON.stringify({ apiVersion: 'v1', kind: 'List', items })
  }

  /**
   * `pollMs`: a fast one finds what the leader does too early, a slow one what it does not wait for. `lateMs`: so much later than others it hears of
   * SinkBindings.
   */
  async replica(name: string, { pollMs = restMs, lateMs = 0 } = {}): Promise<Replica> {
    const stop = new AbortController()
    const signal = AbortSignal.any([stop.signal, this.signal])
    const { client } = this
    const brokers = startInformer({ client, resource: kinds.broker, clock, logger, signal })
    const selection = { namespace: system }
    const configMaps = startInformer({ client, resource: kinds.configMap, selection, clock, logger, signal })
    const slow = lateMs === 0 ? client : late(client, lateMs)
    const sinkBindings = startInformer({ client: slow, resource: kinds.sinkBinding, clock, logger, signal })
    const bindings = new Bindings(sinkBindings)
    const certificate = followCertificates(this.#certificateParts(name, pollMs), signal)
    const world = admissionWorld({ client, brokers, configMaps, namespace: system, logger })
    const { unready } = awaitTrust({ client, certificate, clock, logger }, signal)
    const server = await startWebhookServer({
      host: '127.0.0.1',
      port: 0,
      certificate,
      unready,
      admit: admission(world),
      bind: (review) => answerBinding(review, { bindings, controller }),
      clock,
      logger,
      lameDuckMs: 500,
    })
    await eventually('there is a certificate', () => certificate.current())
    await brokers.ready()
    await configMaps.ready()
    await sinkBindings.ready()
    const replica: Replica = {
      name,
      server,
      connections: 0,
      stop: async () => {
        // The Service hears of it a little later than the pod does.
        const closed = server.close(5_000)
        await delay(100)
        this.replicas.splice(this.replicas.indexOf(replica), 1)
        await closed
        stop.abort()
      },
    }
    this.replicas.push(replica)
    return replica
  }

  /** Rotates until the returned function is called. */
  lead(name: string, pollMs = restMs): () => void {
    const stop = new AbortController()
    const replicas = async (): Promise<string[]> => this.replicas.map(({ name }) => name)
    const parts = { ...this.#certificateParts(name, pollMs), replicas, settleMs }
    void rotateCertificates(parts, AbortSignal.any([stop.signal, this.signal]))
    return () => stop.abort()
  }

  #certificateParts(identity: string, pollMs: number) {
    const names = [...webhookNames(system), '127.0.0.1']
    return { client: this.client, namespace: system, identity, names, clock, logger, pollMs }
  }

  /** What both configurations trust; '' where they trust nobody, or not the same. */
  async trusted(): Promise<string> {
    const found = await Promise.all([
      this.client.get(kinds.mutatingWebhook, { namespace: '', name: 'webhook.millrace.dev' }, this.signal),
      this.client.get(kinds.validatingWebhook, { namespace: '', name: 'validation.webhook.millrace.dev' }, this.signal),
    ])
    const bundles = found.map((each) => {
      const webhooks = (each?.['webhooks'] ?? []) as { clientConfig: { caBundle?: string } }[]
      return webhooks[0]?.clientConfig.caBundle ?? ''
    })
    return bundles[0] === bundles[1] ? Buffer.from(bundles[0] ?? '', 'base64').toString() : ''
  }

  /** `kubectl ARGS -f -` with a manifest. */
  async apply(manifest: string, args: readonly string[] = ['apply']): Promise<string> {
    return kubectl([...args, '-f', '-'], { ...this.api, stdin: manifest })
  }

  async tryApply(manifest: string, args: readonly string[] = ['apply']): Promise<KubectlResult> {
    return tryKubectl([...args, '-f', '-'], { ...this.api, stdin: manifest })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.replicas].map((replica) => replica.server.close(100)))
    this.#stop.abort()
    this.#service.close()
    this.client.close()
  }

  #forward(from: Socket): void {
    const replica = this.replicas[this.#next++ % Math.max(1, this.replicas.length)]
    from.on('error', () => undefined)
    if (replica === undefined) return void from.resetAndDestroy()
    replica.connections += 1
    const to = connect({ host: '127.0.0.1', port: replica.server.port, noDelay: true })
    to.on('error', () => from.resetAndDestroy())
    from.on('close', () => to.destroy())
    to.on('close', () => from.destroy())
    from.pipe(to)
    to.pipe(from)
  }
}

/** What it is told of changes comes in order, and late. */
function late(client: KubeClient, ms: number): KubeClient {
  const watch: KubeClient['watch'] = (resource, options, on, signal) =>
    client.watch(resource, options, (event) => void setTimeout(() => on(event), ms), signal)
  return new Proxy(client, {
    get: (target, name) => {
      const method = target[name as keyof KubeClient] as (...args: unknown[]) => unknown
      return name === 'watch' ? watch : method.bind(target)
    },
  })
}

/** Whether its /readyz says so. */
export function isReady({ server: { url } }: Replica): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const asked = get(`${url}/readyz`, { rejectUnauthorized: false, agent: false }, (response) =>
      resolve(response.resume().statusCode === 200),
    )
    asked.on('error', reject)
  })
}

/** The certificate that a server shows, if one of `ca` has signed it. @throws the error of the handshake. */
export function handshake(port: number, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: '127.0.0.1', port, ca }, () => {
      resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? '')
      socket.destroy()
    })
    socket.on('error', reject)
  })
}
