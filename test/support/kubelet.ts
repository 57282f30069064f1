import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock as clock } from '../../src/core/clock.ts'
import type { KubeClient, StoredObject } from '../../src/kube/client.ts'
import { startInformer } from '../../src/kube/informer.ts'
import { kinds } from '../../src/kube/kinds.ts'
import { restClient } from '../../src/kube/rest.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import type { ApiAccess } from './api-server.ts'
import type { Child } from './child.ts'
import { eventually } from './eventually.ts'
import { kubectl } from './kubectl.ts'
import { millrace, ownFolder } from './millrace.ts'

interface Pod {
  readonly role: WorkerRole
  readonly child: Promise<Child>
  /** Where it listens, once it is Ready. */
  url: string | undefined
}

type WorkerRole = 'ingress' | 'dispatcher'

/**
 * A kubelet in miniature, for an API server that has no nodes: each pod of a worker is a process of this machine, signed in as the account of that pod, so that
 * rights and admission policies are those of a cluster.
 *
 *     a pod comes ──► token ──► `millrace ARGS of its container` ──► /readyz ──► condition Ready
 *     a pod goes  ──► SIGTERM
 */
export class Kubelet implements AsyncDisposable {
  readonly #api: ApiAccess
  readonly #namespace: string
  readonly #client: KubeClient
  readonly #stop = new AbortController()
  /** By UID. */
  readonly #pods = new Map<string, Pod>()
  readonly #ended: Promise<void>[] = []

  /** @param namespace the system namespace. */
  constructor(api: ApiAccess, namespace: string) {
    this.#api = api
    this.#namespace = namespace
    this.#client = restClient({ ...api, server: api.url, namespace })
    const selection = { namespace, labelSelector: 'app.kubernetes.io/component in (ingress, dispatcher)' }
    const { signal } = this.#stop
    const parts = { client: this.#client, clock, logger: createLogger('silent'), signal }
    const pods = startInformer({ ...parts, resource: kinds.pod, selection })
    pods.subscribe(({ kind, object }) => (kind === 'gone' ? this.#end(object) : this.#begin(object)))
  }

  /** Where those of this role that are Ready listen. */
  urls(role: WorkerRole): readonly string[] {
    return this.#of(role).flatMap(({ url }) => url ?? [])
  }

  /** Resolves when no process of this role runs: those whose pods are gone end after them here, as there is no node that they wait for. */
  async none(role: WorkerRole): Promise<void> {
    await eventually(`no pod of ${role}`, () => this.#of(role).length === 0)
    await Promise.all(this.#ended)
  }

  /** The node is lost: all processes end as in a power cut, and nobody is told. */
  async powerCut(): Promise<void> {
    this.#stop.abort()
    for (const child of await this.#children()) {
      child.signal('SIGKILL')
      await child.exited
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    const children = await this.#children()
    await Promise.all([...children.map((child) => child.stop()), ...this.#ended])
    this.#client.close()
  }

  #of(role: WorkerRole): readonly Pod[] {
    return [...this.#pods.values()].filter((pod) => pod.role === role)
  }

  #children(): Promise<readonly Child[]> {
    return Promise.all([...this.#pods.values()].map(({ child }) => child))
  }

  #begin(object: StoredObject): void {
    const { uid, name } = object.metadata
    if (this.#pods.has(uid)) return
    const { containers } = object['spec'] as { containers: [{ name: WorkerRole; args: string[] }] }
    const [{ name: role, args }] = containers
    const started = this.#start(
      role,
      args.map((arg) => arg.replace('$(POD_NAME)', name)),
      object,
    )
    const pod: Pod = { role, child: started, url: undefined }
    this.#pods.set(uid, pod)
    void started.then((child) => this.#watch(child, pod, object))
  }

  #end({ metadata: { uid } }: StoredObject): void {
    const pod = this.#pods.get(uid)
    this.#pods.delete(uid)
    if (pod !== undefined) this.#ended.push(pod.child.then((child) => child.stop()))
  }

  async #start(role: WorkerRole, args: readonly string[], { metadata }: StoredObject): Promise<Child> {
    const here = ['--kubeconfig', await this.#kubeconfig(role, metadata), '--namespace', this.#namespace]
    const ports = role === 'ingress' ? ['--port', '0', '--lame-duck', '0'] : ['--health-port', '0']
    const own = ['--instance', metadata.name, '--metrics-port', '0', '--lineage', ownFolder()]
    return millrace(...args, ...here, ...ports, ...own)
  }

  /** Its readiness probe. */
  async #watch(child: Child, pod: Pod, { metadata: { uid, name } }: StoredObject): Promise<void> {
    const { signal } = this.#stop
    const gone = (): boolean => signal.aborted || !this.#pods.has(uid)
    const url = (await child.line(`${pod.role} `).catch(() => '')).slice(pod.role.length + 1)
    await eventually(`${name} is ready`, async () => gone() || (await fetch(`${url}/readyz`)).ok, { withinMs: 60_000 })
    if (gone()) return
    const value = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] }
    const body = [{ op: 'add', path: '/status', value }]
    const key = { namespace: this.#namespace, name }
    await this.#client
      .patch(kinds.pod, key, { kind: 'json', body }, signal, { subresource: 'status' })
      .then(() => (pod.url = url))
      .catch(() => undefined) // it went meanwhile
  }

  async #kubeconfig(role: WorkerRole, { name, uid }: StoredObject['metadata']): Promise<string> {
    const bound = ['--bound-object-kind', 'Pod', '--bound-object-name', name, '--bound-object-uid', uid]
    return kubeconfigOf(this.#api, `millrace-${role}`, this.#namespace, bound)
  }
}

/** A kubeconfig file of an account. @param flags of `kubectl create token`. */
export async function kubeconfigOf(
  api: ApiAccess,
  account: string,
  namespace: string,
  flags: readonly string[] = [],
): Promise<string> {
  const token = (await kubectl(['create', 'token', account, '-n', namespace, ...flags], api)).trim()
  const cluster = { server: api.url, 'certificate-authority-data': Buffer.from(api.ca).toString('base64') }
  const config = {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'test' },
    clusters: [{ name: 'test', cluster }],
    users: [{ name: 'test', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
  }
  const file = join(ownFolder(), 'kubeconfig')
  writeFileSync(file, JSON.stringify(config))
  return file
}
