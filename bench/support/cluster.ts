import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseAllDocuments, stringify } from 'yaml'
import { kinds } from '../../src/kube/kinds.ts'
import type { KubeClient } from '../../src/kube/client.ts'
import { restClient } from '../../src/kube/rest.ts'
import { apiRequest } from '../../test/support/api-request.ts'
import { startApiServer, type RunningApiServer } from '../../test/support/api-server.ts'
import { readCpuMs, startChild, type Child } from '../../test/support/child.ts'
import { installCrds } from '../../test/support/crds.ts'
import { eventually } from '../../test/support/eventually.ts'
import { kubectl } from '../../test/support/kubectl.ts'

const top = join(import.meta.dirname, '..', '..')
const main = join(top, 'dist', 'main.js')
/** The flags of the image's entry point (Dockerfile). */
const nodeFlags = ['--max-semi-space-size=4']
/** How large V8 lets the heap grow, MiB: half of the memory limit that the pod has by default. On a large machine without limit it collects late. */
const heapMib = { controller: 512, dispatcher: 512, ingress: 256 }
const flagsOf = (role: keyof typeof heapMib): string[] => [...nodeFlags, `--max-old-space-size=${heapMib[role]}`]
const inAPod = new URL('in-a-pod.mjs', import.meta.url)

export const system = 'knative-eventing'
const forever = new AbortController().signal

type Role = 'ingress' | 'dispatcher'

/**
 * Millrace on a real API server without nodes: what config/ installs is there, the processes are of this machine. Pods that nobody runs stand for
 * those of the workers, and the webhooks are reached by address.
 */
export class Cluster implements AsyncDisposable {
  readonly api: RunningApiServer
  /** As the administrator. */
  readonly client: KubeClient
  readonly #folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  readonly #cleanup: AsyncDisposableStack

  private constructor(api: RunningApiServer, cleanup: AsyncDisposableStack) {
    this.api = api
    this.client = restClient({ ...api, server: api.url, namespace: system })
    cleanup.defer(() => this.client.close())
    this.#cleanup = cleanup
  }

  /** @param without controller: workers alone, whoever writes; everybody: only the kinds and the namespace, nobody looks at what is written. */
  static async start(options: { without?: 'controller' | 'everybody' } = {}): Promise<Cluster> {
    await using cleanup = new AsyncDisposableStack()
    const api = cleanup.use(await startApiServer())
    await installCrds(api)
    const cluster = new Cluster(api, cleanup.move())
    const accounts = options.without === 'controller' ? ['200-accounts.yaml', '220-worker-rights.yaml'] : []
    if (options.without !== undefined) await cluster.#apply(['100-namespace.yaml', ...accounts])
    return cluster
  }

  /** @returns the controller, once it has what it takes to answer webhooks. */
  async install(kafka: string, flags: readonly string[] = []): Promise<Child> {
    const files = readdirSync(join(top, 'config')).filter((name) => /^[1234]\d\d-/.test(name))
    const port = await freePort()
    await this.#apply(files, port)
    const data = { 'bootstrap.servers': kafka, 'default.topic.replication.factor': '1' }
    const key = { namespace: system, name: 'kafka-broker-config' }
    await this.client.patch(kinds.configMap, key, { kind: 'merge', body: { data } }, forever)
    const kubeconfig = join(this.#folder, 'controller.kubeconfig')
    writeFileSync(kubeconfig, this.#kubeconfig(await this.#token('millrace-controller')))
    const args = ['--kubeconfig', kubeconfig, '-n', system, '--port', String(port), '--no-workers']
    const child = this.#cleanup.use(startChild(main, ['controller', ...args], [...flagsOf('controller'), ...flags]))
    await child.line('controller ')
    await eventually('the API server trusts the webhooks', () => this.#trusted(), { withinMs: 60_000, everyMs: 100 })
    return child
  }

  /** CPU that the API server and its etcd have taken so far, milliseconds. */
  apiCpuMs(): number {
    const pids = ['kube-apiserver', 'etcd'].map((name) =>
      Number(readFileSync(join(dirname(this.api.kubeconfig), 'pid', name), 'utf8').split(' ')[0]),
    )
    return pids.reduce((sum, pid) => sum + (readCpuMs(pid) ?? 0), 0)
  }

  async ingress(flags: readonly string[] = []): Promise<{ child: Child; url: string }> {
    const child = await this.#worker('ingress', ['--port', '0', '--lame-duck', '0'], flags)
    return { child, url: (await child.line('ingress ')).slice('ingress '.length) }
  }

  async dispatcher(flags: readonly string[] = []): Promise<Child> {
    const child = await this.#worker('dispatcher', ['--health-port', '0'], flags)
    await child.line('dispatcher ')
    return child
  }

  /** As in a pod of its account: see in-a-pod.mjs. */
  async #worker(role: Role, args: readonly string[], flags: readonly string[]): Promise<Child> {
    const name = `bench-${role}-0`
    await this.#pod(role, name)
    const folder = join(this.#folder, role)
    mkdirSync(folder)
    writeFileSync(join(folder, 'token'), await this.#token(`millrace-${role}`, name))
    writeFileSync(join(folder, 'ca.crt'), this.api.ca)
    writeFileSync(join(folder, 'namespace'), system)
    const preload = `${inAPod.href}?${encodeURIComponent(folder)}#${encodeURIComponent(this.api.url)}`
    const common = ['--kubernetes', '--host', '127.0.0.1', '--instance', name, '--metrics-port', '0']
    return this.#cleanup.use(
      startChild(main, [role, ...common, ...args], [...flagsOf(role), '--import', preload, ...flags]),
    )
  }

  /** No node runs it: it only says that it is Ready. */
  async #pod(role: Role, name: string): Promise<void> {
    const labels = { 'app.kubernetes.io/name': 'millrace', 'app.kubernetes.io/component': role }
    const container = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }
    const spec = {
      serviceAccountName: `millrace-${role}`,
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, runAsUser: 1, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [{ name: role, image: 'none', securityContext: container }],
    }
    const key = { namespace: system, name }
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { ...key, labels }, spec }
    await this.client.create(kinds.pod, pod, forever)
    const body = { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } }
    await this.client.patch(kinds.pod, key, { kind: 'merge', body }, forever, { subresource: 'status' })
  }

  /** @param webhookPort where the webhooks listen: a Service has no pods here. */
  async #apply(files: readonly string[], webhookPort?: number): Promise<void> {
    const documents = files.flatMap((file) =>
      parseAllDocuments(readFileSync(join(top, 'config', file), 'utf8')).map(
        (document) =>
          document.toJS() as { webhooks?: { clientConfig: { service?: { path: string }; url?: string } }[] },
      ),
    )
    for (const { webhooks = [] } of documents)
      for (const webhook of webhooks)
        webhook.clientConfig = { url: `https://127.0.0.1:${webhookPort}${webhook.clientConfig.service?.path}` }
    const stdin = documents.map((document) => stringify(document)).join('---\n')
    await kubectl(['apply', '--server-side', '-f', '-'], { ...this.api, stdin })
  }

  async #trusted(): Promise<boolean> {
    for (const kind of ['mutating', 'validating']) {
      const path = `/apis/admissionregistration.k8s.io/v1/${kind}webhookconfigurations`
      const { items } = (await apiRequest(this.api, 'GET', path)).body as { items: Hooks[] }
      // one of them is empty until a SinkBinding binds a kind of others
      const all = items.flatMap(({ webhooks = [] }) => webhooks)
      if (!all.every(({ clientConfig }) => clientConfig.caBundle !== undefined)) return false
    }
    return true
  }

  /** @param pod whose token it is: a Worker is written with that of its pod alone. */
  async #token(account: string, pod?: string): Promise<string> {
    const path = `/api/v1/namespaces/${system}/serviceaccounts/${account}/token`
    const bound = pod === undefined ? {} : { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: pod } }
    const answer = await apiRequest(this.api, 'POST', path, { body: { spec: { expirationSeconds: 7_200, ...bound } } })
    return (answer.body as { status: { token: string } }).status.token
  }

  #kubeconfig(token: string): string {
    const data = Buffer.from(this.api.ca).toString('base64')
    return JSON.stringify({
      ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'bench' },
      clusters: [{ name: 'bench', cluster: { server: this.api.url, 'certificate-authority-data': data } }],
      users: [{ name: 'bench', user: { token } }],
      contexts: [{ name: 'bench', context: { cluster: 'bench', user: 'bench' } }],
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup.disposeAsync()
  }
}

interface Hooks {
  readonly webhooks?: readonly { readonly clientConfig: { readonly caBundle?: string } }[]
}

async function freePort(): Promise<number> {
  const server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
