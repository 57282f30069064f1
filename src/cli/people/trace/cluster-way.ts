import { outletOf } from '../../../contract/objects.ts'
import type { Outlet } from '../../../contract/outlet.ts'
import { clusterId } from '../../../contract/source.ts'
import { Fault } from '../../../core/fault.ts'
import type { StoredObject } from '../../../kube/client.ts'
import { isFault } from '../../../kube/faults.ts'
import { kinds } from '../../../kube/kinds.ts'
import { serviceProxy, type ServiceProxy } from '../../../kube/service-proxy.ts'
import { listAll, listIfAllowed, untilDone, withClusterOf, type Cluster } from '../cluster.ts'
import type { Witness } from './ask.ts'
import type { TraceFlags } from './flags.ts'
import type { KnownTopic, Silent, Way } from './way.ts'

/** Who shows its `token` is told what workers remember. The controller makes it. */
const tokenSecret = 'millrace-lineage'
const tokenHeader = 'x-millrace-token'
/** Of containers that name none. */
const usualPort = 9090

type Where = Pick<TraceFlags, 'kubeconfig' | 'context' | 'namespace' | 'systemNamespace'>

/** The workers of a cluster, each through the API server. @throws Fault that says which rights are missing, and what else is. */
export async function clusterWay(flags: Where): Promise<Way> {
  return withClusterOf(flags, async (cluster) => {
    const { systemNamespace } = flags
    const [pods, token, { topics, outlets }] = await Promise.all([
      workerPods(cluster, systemNamespace),
      tokenIn(cluster, systemNamespace),
      routesOf(cluster, systemNamespace),
    ])
    const proxy = serviceProxy(cluster.access)
    const way = pods.map((pod) => wayTo(pod, proxy, token))
    return {
      where: `the cluster at ${cluster.access.server}`,
      kind: 'cluster',
      witnesses: way.filter((each) => 'base' in each),
      silent: way.filter((each) => 'why' in each),
      topics,
      outlets,
      namespace: cluster.namespace,
      close: () => proxy.close(),
    }
  })
}

/** What to say when the API server refuses. */
export function rightsAdvice(systemNamespace: string): string {
  const bind = `kubectl create rolebinding millrace-trace-NAME -n ${systemNamespace} --clusterrole=millrace-trace --user=NAME`
  return `Ask an administrator for the ClusterRole millrace-trace in namespace ${systemNamespace}: ${bind}`
}

async function workerPods(cluster: Cluster, namespace: string): Promise<readonly StoredObject[]> {
  const labelSelector = 'app.kubernetes.io/name=millrace,app.kubernetes.io/component in (ingress,dispatcher)'
  const found = await allowed(namespace, listAll(cluster.client, kinds.pod, { namespace, labelSelector }, untilDone))
  if (found.length > 0) return found
  const advice = 'is Millrace installed there? Another is named with --system-namespace'
  throw new Fault('ApiNotFound', `There are no workers of Millrace in namespace ${namespace}: ${advice}`)
}

async function tokenIn({ client }: Cluster, namespace: string): Promise<string> {
  const secret = await allowed(namespace, client.get(kinds.secret, { namespace, name: tokenSecret }, untilDone))
  const { token } = (secret?.['data'] ?? {}) as { readonly token?: string }
  if (token !== undefined) return Buffer.from(token, 'base64').toString().trim()
  const what = secret === null ? 'There is no' : 'There is no token in'
  const advice =
    'the controller makes it, unless lineage is off in ConfigMap config-millrace: does it run? kubectl get pods'
  throw new Fault('ApiNotFound', `${what} Secret ${namespace}/${tokenSecret}; ${advice} -n ${namespace}`)
}

async function allowed<T>(namespace: string, asked: Promise<T>): Promise<T> {
  try {
    return await asked
  } catch (error) {
    if (!isFault(error, 'ApiForbidden') || error.details['status'] === 401) throw error
    throw new Fault('NotAuthorized', `${error.message}\n${rightsAdvice(namespace)}`, { cause: error })
  }
}

interface PodSeen {
  readonly spec?: {
    readonly containers?: readonly {
      readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[]
    }[]
  }
  readonly status?: { readonly phase?: string }
}

function wayTo(object: StoredObject, proxy: ServiceProxy, token: string): Witness | Silent {
  const { namespace = '', name, labels = {}, deletionTimestamp } = object.metadata
  const { spec, status } = object as PodSeen
  if (status?.phase !== 'Running') return { name, why: `is ${status?.phase ?? 'not running'}` }
  const ports = spec?.containers?.flatMap((container) => container.ports ?? []) ?? []
  const port = ports.find((each) => each.name === 'metrics')?.containerPort ?? usualPort
  return {
    name: deletionTimestamp === undefined ? name : `${name} (ends now)`,
    role: labels['app.kubernetes.io/component'] === 'ingress' ? 'ingress' : 'dispatcher',
    base: proxy.urlOfPod({ namespace, pod: name, port }),
    agent: proxy.agent,
    headers: async () => ({ ...(await proxy.headers()), [tokenHeader]: token }),
  }
}

interface RouteSeen {
  readonly topic?: string
  readonly bootstrapServers?: string
  readonly credential?: string
  readonly source?: { readonly kind: string; readonly namespace: string; readonly name: string }
}

/** As Inlets and Outlets have them, which know the Kafka too; who may not look at those is told by the Brokers. */
async function routesOf(cluster: Cluster, systemNamespace: string): Promise<Pick<Way, 'topics' | 'outlets'>> {
  const [inlets, outlets] = await Promise.all(
    [kinds.inlet, kinds.outlet].map((kind) =>
      listIfAllowed(cluster.client, kind, { namespace: systemNamespace }, untilDone),
    ),
  )
  const read = (outlets ?? []).flatMap(outletsIn)
  const topics = [...(inlets ?? []), ...(outlets ?? [])].flatMap(routeTopic)
  return { topics: inlets ? topics : [...topics, ...(await brokerTopics(cluster))], outlets: read }
}

async function brokerTopics({ client, namespace: own }: Cluster): Promise<readonly KnownTopic[]> {
  const everywhere = await listIfAllowed(client, kinds.broker, {}, untilDone)
  const brokers = everywhere ?? (await listIfAllowed(client, kinds.broker, { namespace: own }, untilDone)) ?? []
  return brokers.flatMap(({ metadata: { namespace = '', name }, ...broker }) => {
    const { annotations } = (broker['status'] ?? {}) as { readonly annotations?: Readonly<Record<string, string>> }
    const topic = annotations?.['default.topic']
    return topic === undefined ? [] : [{ topic, kind: 'Broker', namespace, name }]
  })
}

/** One of another version is left out: its workers say more of it. */
function outletsIn(object: StoredObject): readonly Outlet[] {
  try {
    return [outletOf(object)]
  } catch {
    return []
  }
}

/** Triggers read the topics of Brokers, which are there already. */
function routeTopic(object: StoredObject): readonly KnownTopic[] {
  const { topic, bootstrapServers, credential, source } = (object['spec'] ?? {}) as RouteSeen
  if (topic === undefined || source === undefined || source.kind === 'Trigger') return []
  const cluster = bootstrapServers === undefined ? {} : { cluster: clusterId({ bootstrapServers, credential }) }
  const { kind, namespace, name } = source
  return [{ topic, kind, namespace, name, ...cluster }]
}
