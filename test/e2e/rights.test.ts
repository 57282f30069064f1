import { join } from 'node:path'
import { readFile } from 'node:fs/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { eventually } from '../support/eventually.ts'
import { foreignClient, joinGroup } from '../support/foreign.ts'
import { uniqueTopic } from '../support/kafka.ts'
import { createTopic } from '../support/topics.ts'
import { asked, describeGrant, grants, used, type Asked } from './support/audit.ts'
import { createFlow, triggerToRecorder, type Flow } from './support/flow.ts'
import { apply, cluster, get, kubectl, list, systemNamespace, waitFor, type KubeObject } from './support/kube.ts'
import { killPod } from './support/machine.ts'
import { producer } from './support/producer.ts'
import { installMillrace, pods, workersReady } from './support/millrace.ts'

/**
 * Least rights, proven by the API server's own book: whatever the accounts of Millrace may do they did since the cluster is up, and in this
 * run they were refused nothing. The last file of a run: the others leave their traces before.
 */

const config = join(import.meta.dirname, '..', '..', 'config')
const inSystem = ['-n', systemNamespace]

beforeAll(installMillrace)

describe.skipIf(cluster().auditLog === null)('what the accounts of Millrace may do', () => {
  it('is needed: what happens seldom is made to happen here', async () => {
    await using flow = await createFlow('rights')
    await Promise.all([renewCertificates(), adoptGroup(flow), changeContract(flow), bindWorkloads(flow), signIn(flow)])
    await editChildren()
    await deleteChildren()
    await killPod((await pods('ingress'))[0] ?? '')
    await killPod((await pods('dispatcher'))[0] ?? '')
    await loseFinalizer(flow)
    await workersReady()
    await kubectl('scale', 'statefulset/millrace-dispatcher', '--replicas=1', ...inSystem)
    await workersReady()
    await kubectl('scale', 'statefulset/millrace-dispatcher', '--replicas=2', ...inSystem)
    await workersReady()
    await waitFor('trigger', 'all', 'Ready', { namespace: flow.namespace })
  }, 420_000)

  it('is all used', async () => {
    const roles = await Promise.all(['210-controller-rights.yaml', '220-worker-rights.yaml'].map(manifest))
    const granted = grants(roles.flat())
    const requests = await asked(cluster().auditLog ?? '', systemNamespace)
    expect(granted.length).toBeGreaterThan(50)
    expect(granted.filter((grant) => !requests.some((request) => used(grant, request))).map(describeGrant)).toEqual([])
  })

  it('is enough: nothing was forbidden', async () => {
    const requests = await asked(cluster().auditLog ?? '', systemNamespace)
    // An API server that has just started forbids what its caches do not hold yet; the same is allowed a moment later.
    const isSame = (a: Asked, b: Asked): boolean =>
      (['account', 'verb', 'group', 'resource', 'namespace', 'name'] as const).every((field) => a[field] === b[field])
    const allowedLater = (one: Asked): boolean =>
      requests.some((other) => other.allowed && other.at > one.at && isSame(one, other))
    const forbidden = requests.filter((one) => !one.allowed && one.at >= cluster().since && !allowedLater(one))
    expect(forbidden.map(({ account, verb, uri }) => `${account}: ${verb} ${uri}`)).toEqual([])
  })
})

async function manifest(file: string): Promise<KubeObject[]> {
  return parseAllDocuments(await readFile(join(config, file), 'utf8')).map((one) => one.toJS() as KubeObject)
}

/** A Secret that signs in to Kafka comes, changes and is not needed any more. This Kafka asks nobody who he is, and refuses to be told. */
async function signIn({ namespace }: Flow): Promise<void> {
  const metadata = { namespace, name: 'signing-in' }
  const secret = (password: string): KubeObject => {
    const stringData = { protocol: 'SASL_PLAINTEXT', user: 'ann', password }
    return { apiVersion: 'v1', kind: 'Secret', metadata, stringData }
  }
  const kept = async (): Promise<string> => JSON.stringify(await list('secrets', 'millrace-credentials'))
  const shared = await get('configmap', 'kafka-broker-config', systemNamespace)
  const data = { ...(shared?.['data'] as object), 'auth.secret.ref.name': 'signing-in' }
  const config = { apiVersion: 'v1', kind: 'ConfigMap', name: 'signing-in', namespace }
  await apply([secret('first'), { apiVersion: 'v1', kind: 'ConfigMap', metadata, data }])
  await apply([{ apiVersion: 'eventing.knative.dev/v1', kind: 'Broker', metadata, spec: { config } }])
  await eventually('it is handed on', async () => (await kept()).includes(`${namespace}/signing-in`), {
    withinMs: 30_000,
  })
  const before = await kept()
  await apply([secret('second')])
  await kubectl('annotate', 'broker', 'signing-in', '-n', namespace, 'eventing.millrace.dev/refresh=1')
  await eventually('so is its change', async () => (await kept()) !== before, { withinMs: 30_000 })
  await kubectl('delete', 'broker', 'signing-in', '-n', namespace)
  await eventually('it is taken away', async () => !(await kept()).includes(`${namespace}/signing-in`), {
    withinMs: 180_000,
    everyMs: 1_000,
  })
}

/** As an operator does who suspects that a key has leaked; then the Secret itself is lost. */
async function renewCertificates(): Promise<void> {
  const secret = () => get('secret', 'millrace-webhook-certs', systemNamespace)
  await kubectl('annotate', 'secret', 'millrace-webhook-certs', 'webhook.millrace.dev/renew=now', ...inSystem)
  await eventually(
    'the renewal begins',
    async () =>
      !(
        'webhook.millrace.dev/renew' in ((await secret())?.metadata.annotations ?? { 'webhook.millrace.dev/renew': '' })
      ),
    {
      withinMs: 60_000,
      everyMs: 500,
    },
  )
  await kubectl('delete', 'secret', 'millrace-webhook-certs', ...inSystem)
  await eventually('the Secret is there again', secret, { withinMs: 60_000, everyMs: 500 })
}

/** A Trigger whose consumer group a consumer made, as Knative's own dispatcher does. */
async function adoptGroup({ namespace }: Flow): Promise<void> {
  await using foreign = await foreignClient(cluster().kafka)
  const group = `knative-trigger-${namespace}-adopted`
  const member = await joinGroup(foreign.kafka, group, `knative-broker-${namespace}-default`)
  await member.disconnect()
  await apply([triggerToRecorder('adopted')], namespace)
  await waitFor('trigger', 'adopted', 'Ready', { namespace })
}

/** What becomes of an Inlet and an Outlet when what they come from changes. */
async function changeContract({ namespace }: Flow): Promise<void> {
  const delivery = JSON.stringify({ spec: { delivery: { retry: 3, backoffPolicy: 'linear', backoffDelay: 'PT1S' } } })
  await kubectl('patch', 'trigger', 'all', '-n', namespace, '--type=merge', '-p', delivery)
  const data = {
    'bootstrap.servers': cluster().kafka,
    'default.topic.partitions': '2',
    'default.topic.replication.factor': '1',
  }
  const settings = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'own' }, data }
  const spec = { config: { apiVersion: 'v1', kind: 'ConfigMap', name: 'own', namespace } }
  await apply(
    [settings, { apiVersion: 'eventing.knative.dev/v1', kind: 'Broker', metadata: { name: 'own' }, spec }],
    namespace,
  )
  await waitFor('broker', 'own', 'Ready', { namespace })
  const twice = `${cluster().kafka},${cluster().kafka}`
  await apply([{ ...settings, data: { ...data, 'bootstrap.servers': twice } }], namespace)
  const inlets = () => list('inlets', systemNamespace, '-l', `millrace.dev/source-namespace=${namespace}`)
  await eventually('the Inlet has the new address', async () => JSON.stringify(await inlets()).includes(twice))
  await waitFor('broker', 'own', 'Ready', { namespace })
}

/** A workload of each kind that was there before its SinkBinding, and one that began with it: all lose it again. */
async function bindWorkloads({ namespace }: Flow): Promise<void> {
  const workloads = ['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'CronJob', 'Job'] as const
  // Of one name they would take each other's pods for their own.
  const nameOf = (kind: string): string => `bound-${kind.toLowerCase()}`
  const binding = (kind: string) => {
    const apiVersion = kind.endsWith('Job') ? 'batch/v1' : 'apps/v1'
    const spec = { subject: { apiVersion, kind, name: nameOf(kind) }, sink: { uri: 'http://sink.example/' } }
    return { apiVersion: 'sources.knative.dev/v1', kind: 'SinkBinding', metadata: { name: kind.toLowerCase() }, spec }
  }
  const [job, ...others] = workloads.toReversed().map((kind) => ({ kind, object: producer(kind, nameOf(kind)) }))
  await apply(
    others.map(({ object }) => object),
    namespace,
  )
  await apply(workloads.map(binding), namespace)
  await eventually('the address is known', async () => {
    const found = await list('sinkbindings', namespace)
    return found.length > 0 && found.every(({ status }) => status?.['sinkUri'] !== undefined)
  })
  // Admission knows it a moment later.
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  await apply([job?.object ?? {}], namespace)
  for (const kind of workloads) await waitFor('sinkbinding', kind.toLowerCase(), 'Ready', { namespace })
  await kubectl('delete', 'sinkbindings', '--all', '-n', namespace)
}

/** Everything that the controller owns. */
const children = [
  'deployment/millrace-ingress',
  'statefulset/millrace-dispatcher',
  'poddisruptionbudget/millrace-ingress',
  'poddisruptionbudget/millrace-dispatcher',
  'service/kafka-broker-ingress',
  'service/broker-ingress',
]

/** Someone takes a label of ours off each child. */
async function editChildren(): Promise<void> {
  const label = 'app.kubernetes.io/component'
  await kubectl('label', ...children, `${label}-`, ...inSystem)
  for (const child of children) {
    const [kind = '', name = ''] = child.split('/')
    await waitFor(kind, name, ({ metadata }) => metadata.labels?.[label] !== undefined, { namespace: systemNamespace })
  }
}

async function deleteChildren(): Promise<void> {
  await kubectl('delete', ...children, 'lease/millrace-controller', ...inSystem)
  for (const child of children) {
    const [kind = '', name = ''] = child.split('/')
    await waitFor(kind, name, () => true, { namespace: systemNamespace })
  }
  await workersReady()
}

/** Someone takes the finalizer of a Trigger off while no controller runs: the next one finds an Outlet without a source. */
async function loseFinalizer({ namespace }: Flow): Promise<void> {
  const outlets = async () =>
    (await list('outlets', systemNamespace, '-l', `millrace.dev/source-namespace=${namespace}`)).length
  const topic = await createTopic(cluster().kafka, { name: uniqueTopic(), partitions: 1 })
  const spec = { bootstrapServers: [cluster().kafka], topics: [topic], sink: { uri: 'http://nowhere.example/' } }
  await apply(
    [{ apiVersion: 'sources.knative.dev/v1', kind: 'KafkaSource', metadata: { name: 'adopted' }, spec }],
    namespace,
  )
  await waitFor('kafkasource', 'adopted', 'Ready', { namespace })
  const before = await outlets()
  await kubectl('scale', 'deployment/millrace-controller', '--replicas=0', ...inSystem)
  await eventually('no controller runs', async () => (await pods('controller')).length === 0, {
    withinMs: 60_000,
    everyMs: 200,
  })
  const patch = ['--type=merge', '-p', '{"metadata":{"finalizers":null}}']
  for (const kind of ['trigger', 'kafkasource']) {
    await kubectl('delete', kind, 'adopted', '-n', namespace, '--wait=false')
    await kubectl('patch', kind, 'adopted', '-n', namespace, ...patch)
  }
  await kubectl('scale', 'deployment/millrace-controller', '--replicas=2', ...inSystem)
  await eventually('their Outlets are gone, too', async () => (await outlets()) === before - 2, {
    withinMs: 90_000,
    everyMs: 500,
  })
}
