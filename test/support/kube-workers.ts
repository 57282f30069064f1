import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { credentialKey, credentialsNamespace } from '../../src/contract/credential.ts'
import type { Credential } from '../../src/contract/credential.ts'
import type { Inlet } from '../../src/contract/inlet.ts'
import { InletSpec, OutletSpec } from '../../src/contract/objects.ts'
import { OutletStatus } from '../../src/contract/outlet.ts'
import type { Outlet } from '../../src/contract/outlet.ts'
import { WorkerStatus } from '../../src/contract/worker.ts'
import { apiVersionOf, type KubeClient, type Resource, type StoredObject } from '../../src/kube/client.ts'
import { kinds } from '../../src/kube/kinds.ts'
import { restClient } from '../../src/kube/rest.ts'
import type { ApiAccess } from './api-server.ts'
import type { Child } from './child.ts'
import { eventually } from './eventually.ts'
import { kubectl } from './kubectl.ts'
import { uniqueName } from './kafka.ts'
import { startKubeProxy, type KubeProxy } from './kube-proxy.ts'
import { millrace, ownFolder } from './millrace.ts'

const top = join(import.meta.dirname, '..', '..')
const forever = new AbortController().signal

/** A worker process, and its own way to the API server. */
export interface KubeWorker extends AsyncDisposable {
  readonly name: string
  readonly child: Child
  /** `http://host:port` that it said it listens on. */
  readonly url: string
  readonly proxy: KubeProxy
  /** Requests of it that changed something. */
  writes(path?: RegExp): number
}

/** A system namespace of its own on a real API server: Inlets and Outlets as the controller would write them, and workers that follow them. */
export class KubeScene implements AsyncDisposable {
  readonly namespace: string
  readonly client: KubeClient
  readonly group = uniqueName('fleet')
  readonly #api: ApiAccess
  readonly #cleanup = new AsyncDisposableStack()

  private constructor(api: ApiAccess, namespace: string) {
    this.#api = api
    this.namespace = namespace
    this.client = restClient({ ...api, server: api.url, namespace })
    this.#cleanup.defer(() => this.client.close())
  }

  static async open(api: ApiAccess): Promise<KubeScene> {
    const crds = ['inlet', 'outlet', 'worker'].flatMap((name) => ['-f', join(top, 'crds', `${name}.yaml`)])
    await kubectl(['apply', '--server-side', '--force-conflicts', ...crds], api)
    await kubectl(['wait', '--for=condition=Established', '--timeout=120s', ...crds], api)
    const scene = new KubeScene(api, uniqueName('system'))
    const metadata = { name: scene.namespace }
    await scene.client.create(kinds.namespace, { apiVersion: 'v1', kind: 'Namespace', metadata }, forever)
    return scene
  }

  /** Applies an Inlet as it is now. The generation is the API server's. */
  async inlet({ uid, ...inlet }: Inlet): Promise<StoredObject> {
    return this.#apply(kinds.inlet, uid, InletSpec.strip().parse(inlet))
  }

  async outlet({ uid, ...outlet }: Outlet): Promise<StoredObject> {
    return this.#apply(kinds.outlet, uid, OutletSpec.strip().parse(outlet))
  }

  /** @returns the version of its deletion. */
  async delete(resource: Resource, uid: string): Promise<number> {
    const { namespace } = this
    const { resourceVersion } = await this.client.list(resource, { namespace }, forever)
    const deleted = Promise.withResolvers<number>()
    const ended = new AbortController()
    const watching = this.client.watch(
      resource,
      { namespace, resourceVersion },
      (event) => {
        if (event.type === 'deleted' && event.object.metadata.name === uid)
          deleted.resolve(Number(event.object.metadata.resourceVersion))
      },
      ended.signal,
    )
    watching.catch(deleted.reject)
    await this.client.delete(resource, { namespace, name: uid }, forever)
    return deleted.promise.finally(() => ended.abort())
  }

  /** A StatefulSet that wants so many pods. */
  async statefulSet(name: string, replicas: number): Promise<void> {
    const labels = { app: name }
    const template = { metadata: { labels }, spec: { containers: [{ name: 'none', image: 'none' }] } }
    const spec = { replicas, serviceName: name, selector: { matchLabels: labels }, template }
    await this.#apply(kinds.statefulSet, name, spec)
  }

  async statusOf(uid: string): Promise<OutletStatus | undefined> {
    const object = await this.client.get(kinds.outlet, { namespace: this.namespace, name: uid }, forever)
    return object?.['status'] === undefined ? undefined : OutletStatus.parse(object['status'])
  }

  /** Resolves with the status that says that this generation consumes. */
  consuming(uid: string, generation = 1): Promise<OutletStatus> {
    return eventually(
      `Outlet ${uid} consumes in generation ${generation}`,
      async () => {
        const status = await this.statusOf(uid)
        return status?.state === 'consuming' && status.observedGeneration === generation && status
      },
      { withinMs: 60_000, everyMs: 100 },
    )
  }

  async worker(name: string): Promise<WorkerStatus | undefined> {
    const object = await this.client.get(kinds.worker, { namespace: this.namespace, name }, forever)
    return object?.['status'] === undefined ? undefined : WorkerStatus.parse(object['status'])
  }

  /** The partitions of a topic that a worker says it owns. */
  async owned(name: string, topic: string): Promise<readonly number[]> {
    return (await this.worker(name))?.owns.find((one) => one.topic === topic)?.partitions ?? []
  }

  /** @param options.apart it cannot reach the API server until its proxy is `up`. */
  async ingress(options: { apart?: boolean } = {}): Promise<KubeWorker> {
    return this.#start('ingress', uniqueName('ingress'), ['--port', '0', '--lame-duck', '0'], options)
  }

  /** @param options.kafka the main Kafka cluster, where dispatchers meet. */
  async dispatcher(name: string, options: { apart?: boolean; kafka?: string } = {}): Promise<KubeWorker> {
    const main = options.kafka === undefined ? [] : ['--kafka', options.kafka]
    return this.#start('dispatcher', name, ['--health-port', '0', '--group', this.group, ...main], options)
  }

  /** Writes a credential as the controller does; a text is stored as it is, null deletes it. */
  async credential(name: string, value: Credential | string | null): Promise<void> {
    const key = { namespace: credentialsNamespace, name }
    if (value === null) return void (await this.client.delete(kinds.secret, key, forever))
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    const data = { [credentialKey]: Buffer.from(text).toString('base64') }
    const metadata = { name: credentialsNamespace }
    await this.client.apply(kinds.namespace, { apiVersion: 'v1', kind: 'Namespace', metadata }, 'test', forever)
    await this.client.apply(kinds.secret, { apiVersion: 'v1', kind: 'Secret', metadata: key, data }, 'test', forever)
  }

  async #start(
    role: 'ingress' | 'dispatcher',
    name: string,
    args: readonly string[],
    { apart = false }: { apart?: boolean },
  ): Promise<KubeWorker> {
    const proxy = await startKubeProxy(this.#api)
    if (apart) await proxy.down()
    const kubeconfig = kubeconfigOf(proxy.access.server)
    const common = ['--kubernetes', '--kubeconfig', kubeconfig, '--namespace', this.namespace, '--instance', name]
    const child = millrace(role, ...common, ...args)
    const line = await child.line(`${role} `)
    let stopped: Promise<void> | undefined
    const stop = async (): Promise<void> => {
      await child.stop()
      await proxy[Symbol.asyncDispose]()
    }
    const dispose = (): Promise<void> => (stopped ??= stop())
    this.#cleanup.defer(dispose)
    const writes = (path = /./): number =>
      proxy.seen.filter((request) => request.method !== 'GET' && path.test(request.path)).length
    return { name, child, proxy, url: line.slice(role.length + 1), writes, [Symbol.asyncDispose]: dispose }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.delete(kinds.namespace, { namespace: '', name: this.namespace }, forever)
    await this.#cleanup.disposeAsync()
  }

  #apply(resource: Resource, name: string, spec: object): Promise<StoredObject> {
    const metadata = { namespace: this.namespace, name }
    const object = { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata, spec }
    return this.client.apply(resource, object, 'test', forever)
  }
}

function kubeconfigOf(server: string): string {
  const file = join(ownFolder(), 'kubeconfig')
  const config = {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'test' },
    clusters: [{ name: 'test', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'test', user: {} }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
  }
  writeFileSync(file, JSON.stringify(config))
  return file
}
