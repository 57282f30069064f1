import { systemClock as clock } from '../../src/core/clock.ts'
import { Fault } from '../../src/core/fault.ts'
import {
  startControlPlane,
  type ControlPlane,
  type ControlPlaneOptions,
} from '../../src/control-plane/control-plane.ts'
import { KnownAddress } from '../../src/control-plane/ingress-address.ts'
import { clusterId, type KafkaCluster } from '../../src/contract/source.ts'
import type { LogAdmin, Positions, TopicSpec } from '../../src/kafka/log.ts'
import type { SecuritySource } from '../../src/kafka/security.ts'
import { openEmbeddedLog } from '../../src/kafka/embedded/embedded.ts'
import { openKafkaLog } from '../../src/kafka/kafka-log.ts'
import {
  apiVersionOf,
  type KubeClient,
  type Resource,
  type StoredObject,
  type WatchEvent,
} from '../../src/kube/client.ts'
import { eventRecorder } from '../../src/kube/events.ts'
import { kinds } from '../../src/kube/kinds.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { eventually, eventuallyPasses } from './eventually.ts'
import { ownFolder } from './millrace.ts'
import { startSimulatedWorker, type SimulatedWorker } from './simulated-workers.ts'

/** The address under which the log of the rig is Kafka. */
export const kafkaAddress = 'kafka.test:9092'
/** An address where nothing listens. */
export const nowhere = '127.0.0.1:1'

/** Conditions and what else tests read of a status. */
export interface Told {
  readonly conditions?: readonly { type: string; status: string; reason?: string; message?: string }[]
  readonly annotations?: Readonly<Record<string, string>>
  readonly address?: { readonly url: string }
  readonly subscriberUri?: string
  readonly sinkUri?: string
  readonly subjectCount?: number
  readonly subjects?: readonly { readonly kind: string; readonly name: string }[]
  readonly deadLetterSinkUri?: string
  readonly observedGeneration?: number
}

const always = new AbortController().signal
let count = 0

/** A name that no other test has. */
export function unique(prefix: string): string {
  return `${prefix}-${process.pid}-${(count += 1)}`
}

/** An API server to test on. */
export interface TestApi {
  readonly client: KubeClient
  readonly memory: boolean
  /** Makes a kind known, and gives it back when the API server serves it. */
  install(resource: Resource): Promise<Resource>
}

/** A control plane on an API server, an embedded log in place of Kafka, and simulated workers. */
export class ControlPlaneRig implements AsyncDisposable {
  readonly api: TestApi
  readonly client: KubeClient
  readonly system: string
  /** The namespace of credentials: of this rig alone. */
  readonly credentials: string
  readonly admin: LogAdmin
  /** While true the log does not answer. */
  kafkaAway = false
  readonly ingressAddress = new KnownAddress()
  readonly #closers: (() => Promise<void> | void)[] = []
  #positions: Positions | undefined
  #stop: AbortController | undefined
  #plane: ControlPlane | undefined

  private constructor(api: TestApi, admin: LogAdmin, system: string, credentials: string) {
    this.api = api
    this.client = api.client
    this.system = system
    this.credentials = credentials
    this.admin = admin
  }

  /** `kafka`: the address to configure; null: none. `system`, `credentials`: these namespaces, which exist, instead of new ones. */
  static async start(
    api: TestApi,
    { kafka = kafkaAddress, ...existing }: { kafka?: string | null; system?: string; credentials?: string } = {},
  ): Promise<ControlPlaneRig> {
    const logger = createLogger('silent')
    const retention = { bytes: 1 << 24, ms: 3_600_000 }
    const log = await openEmbeddedLog({ dir: ownFolder(), fsync: 'off', retention, clock, logger })
    const { system = unique('system'), credentials = unique('credentials') } = existing
    const rig = new ControlPlaneRig(api, log.admin(), system, credentials)
    rig.#positions = log.positions()
    rig.#closers.push(() => log.close())
    if (existing.system === undefined) await rig.createNamespace(system)
    if (existing.credentials === undefined) await rig.createNamespace(credentials)
    if (kafka !== null) await rig.configure(kafka)
    return rig
  }

  /** `kafka-broker-config` with this address. */
  configure(bootstrapServers: string): Promise<void> {
    const data = { 'bootstrap.servers': bootstrapServers, 'default.topic.replication.factor': '1' }
    return this.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: this.inSystem('kafka-broker-config'), data })
  }

  inSystem(name: string): { namespace: string; name: string } {
    return { namespace: this.system, name }
  }

  /**
   * `deafTo`: changes of this kind do not come through, as over a connection that is open on one side only. `through`: what it reaches the API server
   * by. `lateMs`: so much later it is for it, milliseconds.
   */
  startPlane({
    deafTo,
    through = this.client,
    lateMs = () => 0,
  }: { deafTo?: Resource; through?: KubeClient; lateMs?: () => number } = {}): ControlPlane {
    const stop = new AbortController()
    const logger = createLogger((process.env['MILLRACE_LOG'] as 'silent' | undefined) ?? 'silent')
    const { signal } = stop
    const client = deafTo === undefined ? through : deaf(through, deafTo)
    const events = eventRecorder({ client, component: 'millrace-controller', clock, logger, signal })
    const later = { now: () => clock.now() + lateMs(), monotonic: () => clock.monotonic() + lateMs() }
    const { ingressAddress } = this
    const parts = {
      client,
      namespace: this.system,
      credentialsNamespace: this.credentials,
      admins: this.#admins(),
      events,
      ingressAddress,
      clock: later,
      logger,
      signal,
    }
    this.#stop = stop
    return (this.#plane = startControlPlane(parts))
  }

  get plane(): ControlPlane | undefined {
    return this.#plane
  }

  async stopPlane(): Promise<void> {
    this.#stop?.abort()
    await this.#plane?.done
  }

  #admins(): ControlPlaneOptions['admins'] {
    const known = new Map<string, LogAdmin>()
    return (cluster, security) => {
      const admin = known.get(clusterId(cluster)) ?? this.#openAdmin(cluster, security)
      known.set(clusterId(cluster), admin)
      return admin
    }
  }

  #openAdmin({ bootstrapServers }: KafkaCluster, security: SecuritySource | undefined): LogAdmin {
    if (bootstrapServers !== kafkaAddress) {
      const signed = security === undefined ? {} : { security }
      const logger = createLogger('silent')
      const log = openKafkaLog({ bootstrapServers, clientId: 'test', ...signed, clock, logger })
      const admin = log.admin()
      this.#closers.push(async () => {
        await admin.close()
        await log.close()
      })
      return admin
    }
    return new Proxy(this.admin, {
      get: (target, name) => {
        const method = target[name as keyof LogAdmin] as (...args: unknown[]) => unknown
        return (...args: unknown[]) =>
          this.kafkaAway
            ? Promise.reject(new Fault('LogUnavailable', 'connection refused'))
            : method.apply(target, args)
      },
    })
  }

  async worker(role: 'ingress' | 'dispatcher', name: string = role, partitions?: number[]): Promise<SimulatedWorker> {
    const owned = partitions === undefined ? {} : { partitions }
    const worker = await startSimulatedWorker({ client: this.client, namespace: this.system, name, role, ...owned })
    this.#closers.push(async () => worker[Symbol.asyncDispose]())
    return worker
  }

  async createNamespace(name: string, labels: Record<string, string> = {}): Promise<void> {
    await this.client.create(
      kinds.namespace,
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } },
      always,
    )
    this.#closers.push(() => this.#withoutLabels(name, Object.keys(labels)))
    // Pods need it, and it comes a moment later.
    await eventually('the service account', async () => {
      const found = await this.client.get(kinds.serviceAccount, { namespace: name, name: 'default' }, always)
      return found !== null || this.api.memory
    })
  }

  /** A label may ask for a Broker: the next control plane on this API server shall not make it. */
  async #withoutLabels(name: string, labels: readonly string[]): Promise<void> {
    if (labels.length === 0) return
    const body = { metadata: { labels: Object.fromEntries(labels.map((label) => [label, null])) } }
    await this.client.patch(kinds.namespace, { namespace: '', name }, { kind: 'merge', body }, always)
  }

  async apply(object: object): Promise<void> {
    const { kind } = object as { kind: keyof typeof byKind }
    await this.client.apply(byKind[kind], object as StoredObject, 'user', always)
  }

  async delete(resource: Resource, namespace: string, name: string): Promise<void> {
    await this.client.delete(resource, { namespace, name }, always)
  }

  async get(resource: Resource, namespace: string, name: string): Promise<StoredObject | null> {
    return this.client.get(resource, { namespace, name }, always)
  }

  async status(resource: Resource, namespace: string, name: string): Promise<Told> {
    const object = await this.get(resource, namespace, name)
    return object?.['status'] ?? {}
  }

  /** Waits until Ready is so. */
  async ready(
    resource: Resource,
    namespace: string,
    name: string,
    status: string,
    reason?: string,
    withinMs = 60_000,
  ): Promise<Told> {
    let told: Told = {}
    await eventuallyPasses(
      `${resource.kind} ${namespace}/${name} Ready ${status} ${reason ?? ''}`,
      async () => {
        const object = await this.get(resource, namespace, name)
        told = object?.['status'] ?? {}
        const ready = told.conditions?.find(({ type }) => type === 'Ready')
        if (
          ready?.status !== status ||
          (reason !== undefined && ready.reason !== reason) ||
          told.observedGeneration !== object?.metadata.generation
        )
          throw new Error(JSON.stringify(told))
      },
      { withinMs },
    )
    return told
  }

  async gone(resource: Resource, namespace: string, name: string, withinMs = 60_000): Promise<void> {
    await eventually(
      `${resource.kind} ${namespace}/${name} is gone`,
      async () => (await this.get(resource, namespace, name)) === null,
      { withinMs },
    )
  }

  async names(resource: Resource, namespace: string): Promise<string[]> {
    const { items } = await this.client.list(resource, { namespace }, always)
    return items.map(({ metadata }) => metadata.name)
  }

  async topics(...names: string[]): Promise<string[]> {
    return (await this.admin.describeTopics(names)).map(({ name }) => name)
  }

  /** Commits a position of a group, as a dispatcher does. */
  async commit(group: string, topic: string): Promise<void> {
    await this.#positions?.commit(group, [{ topic, partition: 0, offset: 0n, leaderEpoch: -1, metadata: '' }])
  }

  async createTopic(name: string, more: Partial<TopicSpec> = {}): Promise<void> {
    await this.admin.ensureTopic({ name, partitions: 10, replicationFactor: 1, config: {}, ...more })
  }

  /** Everything by kind and name → resourceVersion. */
  async versions(): Promise<Record<string, string>> {
    const found: Record<string, string> = {}
    for (const resource of [
      kinds.broker,
      kinds.trigger,
      kinds.kafkaSource,
      kinds.inlet,
      kinds.outlet,
      kinds.worker,
      kinds.event,
    ]) {
      const { items } = await this.client.list(resource, {}, always)
      for (const { metadata } of items)
        found[`${resource.kind} ${metadata.namespace}/${metadata.name}`] = metadata.resourceVersion
    }
    return found
  }

  /** {@link versions}, once nothing was written for a second. */
  async atRest(): Promise<Record<string, string>> {
    let last = ''
    return eventually(
      'nothing is written any more',
      async () => {
        const now = await this.versions()
        const same = JSON.stringify(now) === last && this.plane?.idle === true
        last = JSON.stringify(now)
        return same && now
      },
      { everyMs: 1_000 },
    )
  }

  /** How often objects of a kind change from now on. */
  async countChanges(resource: Resource): Promise<() => number> {
    const { resourceVersion } = await this.client.list(resource, {}, always)
    const stop = new AbortController()
    let count = 0
    const on = ({ type }: { type: string }): void => void (count += type === 'bookmark' ? 0 : 1)
    void this.client.watch(resource, { resourceVersion }, on, stop.signal).catch(() => undefined)
    this.#closers.push(() => stop.abort())
    return () => count
  }

  /** Calls `on` with each change of an object of a kind in a namespace, from now on. */
  async follow(resource: Resource, namespace: string, on: (object: StoredObject) => void): Promise<void> {
    const { resourceVersion } = await this.client.list(resource, { namespace }, always)
    const stop = new AbortController()
    const take = (event: WatchEvent): void => {
      if (event.type === 'added' || event.type === 'modified') on(event.object)
    }
    void this.client.watch(resource, { namespace, resourceVersion }, take, stop.signal).catch(() => undefined)
    this.#closers.push(() => stop.abort())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopPlane()
    // Nothing may be left for the next one on this API server.
    for (const resource of [
      kinds.trigger,
      kinds.broker,
      kinds.sinkBinding,
      kinds.kafkaSource,
      kinds.inlet,
      kinds.outlet,
    ]) {
      for (const { metadata } of (await this.client.list(resource, {}, always)).items) {
        const key = { namespace: metadata.namespace ?? '', name: metadata.name }
        await this.client.delete(resource, key, always)
        const body = { metadata: { finalizers: null } }
        await this.client.patch(resource, key, { kind: 'merge', body }, always).catch(() => undefined)
      }
    }
    for (const close of this.#closers.toReversed()) await close()
  }
}

function deaf(client: KubeClient, to: Resource): KubeClient {
  const watch: KubeClient['watch'] = (resource, options, on, signal) =>
    client.watch(resource, options, resource.plural === to.plural ? () => undefined : on, signal)
  return clientWith(client, { watch })
}

/** A client some of whose calls go another way. */
export function clientWith(client: KubeClient, own: Partial<KubeClient>): KubeClient {
  return new Proxy(client, {
    get: (target, name) => {
      const method = target[name as keyof KubeClient] as (...args: unknown[]) => unknown
      return own[name as keyof KubeClient] ?? method.bind(target)
    },
  })
}

const byKind = {
  Broker: kinds.broker,
  Trigger: kinds.trigger,
  Service: kinds.service,
  ConfigMap: kinds.configMap,
  Namespace: kinds.namespace,
  Secret: kinds.secret,
  SinkBinding: kinds.sinkBinding,
  KafkaSource: kinds.kafkaSource,
  Deployment: kinds.deployment,
  StatefulSet: kinds.statefulSet,
  DaemonSet: kinds.daemonSet,
  ReplicaSet: kinds.replicaSet,
  Job: kinds.job,
  CronJob: kinds.cronJob,
}

export function broker(
  namespace: string,
  name = 'default',
  more: { spec?: object; annotations?: object } = {},
): object {
  const { annotations = {}, spec } = more
  const metadata = { namespace, name, annotations }
  return { apiVersion: apiVersionOf(kinds.broker), kind: 'Broker', metadata, ...(spec === undefined ? {} : { spec }) }
}

export function trigger(namespace: string, name = 'orders', spec: object = {}): object {
  const subscriber = { ref: { apiVersion: 'v1', kind: 'Service', name: 'my-service' } }
  return {
    apiVersion: apiVersionOf(kinds.trigger),
    kind: 'Trigger',
    metadata: { namespace, name },
    spec: { broker: 'default', subscriber, ...spec },
  }
}

export function service(namespace: string, name = 'my-service', port = 80): object {
  const spec = { selector: { app: name }, ports: [{ port }] }
  return { apiVersion: 'v1', kind: 'Service', metadata: { namespace, name }, spec }
}
