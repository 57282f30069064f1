import { eventually } from '../../support/eventually.ts'
import { uniqueName } from '../../support/kafka.ts'
import { kubectl as run } from '../../support/kubectl.ts'
import type { Load, Outcome } from '../app/send.ts'
import type { Behaviour, RecordedRequest } from '../app/serve.ts'
import { apply, cluster, kubectl, waitFor, type KubeObject } from './kube.ts'

/** The test application in the cluster, a Deployment with a Service: it records every request, and sends events when told. */
export interface TestApp {
  readonly name: string
  readonly namespace: string
  /** As pods of any namespace reach it. */
  readonly url: string
  /** What came so far, oldest first; `from` leaves out the first ones. */
  records(from?: number): Promise<RecordedRequest[]>
  /** The ce-id of each request so far; null for one without. */
  ids(): Promise<(string | null)[]>
  /** How it answers from now on. */
  behave(behaviour: Behaviour): Promise<void>
  /** The status that a GET from inside the cluster is answered with; 0 when there is no answer. */
  reach(url: string): Promise<number>
  /** Sends events from inside the cluster and resolves when each has its answer. For loads of up to some 30 s; else {@link startSender}. */
  send(load: Load): Promise<Outcome>
}

/** The manifest of a test application, one replica, because each replica records for itself. */
export function testAppManifest(name: string, labels: Readonly<Record<string, string>> = {}): object[] {
  const container = {
    name: 'app',
    image: cluster().appImage,
    ports: [{ containerPort: 8080 }],
    readinessProbe: { httpGet: { path: '/healthz', port: 8080 }, periodSeconds: 1 },
    resources: { requests: { cpu: '10m', memory: '64Mi' } },
    securityContext: restricted,
  }
  const template = {
    metadata: { labels: { app: name, ...labels } },
    spec: { containers: [container], terminationGracePeriodSeconds: 5 },
  }
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name },
      spec: { selector: { matchLabels: { app: name } }, template },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name },
      spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }] },
    },
  ]
}

/** Deploys a test application and resolves when pods can reach it (3 s): Available comes before the node's rules for its Service do. */
export async function deployTestApp(namespace: string, name = 'recorder'): Promise<TestApp> {
  await apply(testAppManifest(name), namespace)
  await waitFor('deployment', name, 'Available', { namespace })
  const app = testApp(namespace, name)
  await eventually(`pods reach ${app.url}`, async () => (await app.reach(`${app.url}/healthz`)) === 200)
  return app
}

/** A handle of a test application that is there already. It is reached through the API server, so from any machine with a kubeconfig. */
export function testApp(namespace: string, name: string): TestApp {
  const path = `/api/v1/namespaces/${namespace}/services/${name}:80/proxy`
  const read = async <T>(from: string): Promise<T> => JSON.parse(await kubectl('get', '--raw', path + from)) as T
  const post = (to: string, body: unknown): Promise<string> =>
    run(['create', '--raw', path + to, '-f', '-'], { ...cluster(), stdin: JSON.stringify(body) })
  return {
    name,
    namespace,
    url: `http://${name}.${namespace}.svc.cluster.local`,
    records: (from = 0) => read(`/records?from=${from}`),
    ids: () => read('/ids'),
    behave: async (behaviour) => void (await post('/_behaviour', behaviour)),
    reach: (to) => read(`/_reach?url=${encodeURIComponent(to)}`),
    send: async (load) => JSON.parse(await post('/_send', load)) as Outcome,
  }
}

/** A pod that sends events on its own: what happens to this test or to the API server meanwhile does not touch it. */
export interface Sender {
  readonly pod: string
  /** Waits for its end and gives what became of the events. */
  outcome(withinMs?: number): Promise<Outcome>
}

/** Starts a pod that sends a load (without `headers`). */
export async function startSender(namespace: string, load: Omit<Load, 'headers'>): Promise<Sender> {
  const pod = uniqueName('sender')
  const options: [string, string | number | undefined][] = [
    ['count', load.count],
    ['rate', load.rate],
    ['in-flight', load.inFlight],
    ['type', load.type],
    ['source', load.source],
    ['prefix', load.prefix],
    ['data', load.data === undefined ? undefined : JSON.stringify(load.data)],
  ]
  const args = options.flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`]))
  const container = {
    name: 'sender',
    image: cluster().appImage,
    args: ['send', load.url, ...args, ...(load.resend === true ? ['--resend'] : [])],
    securityContext: restricted,
  }
  const spec = { restartPolicy: 'Never', terminationGracePeriodSeconds: 0, containers: [container] }
  await apply([{ apiVersion: 'v1', kind: 'Pod', metadata: { name: pod }, spec }], namespace)
  return {
    pod,
    outcome: async (withinMs = 60_000) => {
      const ended = ({ status }: KubeObject) => ['Succeeded', 'Failed'].includes(String(status?.['phase']))
      await waitFor('pod', pod, ended, { namespace, withinMs })
      return JSON.parse(await kubectl('logs', '--namespace', namespace, pod)) as Outcome
    },
  }
}

/** POSTs one CloudEvent (or `load.count`) from a pod of its own and gives what became of it. */
export async function postFromPod(
  namespace: string,
  load: Omit<Load, 'headers' | 'count'> & { count?: number },
): Promise<Outcome> {
  const sender = await startSender(namespace, { count: 1, ...load })
  return sender.outcome()
}

/** What the `restricted` Pod Security level asks of a container. */
const restricted = {
  runAsNonRoot: true,
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
}
