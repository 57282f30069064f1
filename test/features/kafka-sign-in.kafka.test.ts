import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { credentialsNamespace } from '../../src/contract/credential.ts'
import { kinds } from '../../src/kube/kinds.ts'
import { broker, ControlPlaneRig, trigger, unique } from '../support/control-plane-rig.ts'
import { eventually } from '../support/eventually.ts'
import { useAuthKafka, type Listener } from '../support/kafka-auth.ts'
import { KubeScene, type KubeWorker } from '../support/kube-workers.ts'
import { startRealApi } from '../support/real-api.ts'
import { startRecorder } from '../support/recorder.ts'
import { sendEvents } from '../support/sender.ts'
import { makePod } from '../support/simulated-workers.ts'

/** Brokers on a Kafka that asks who one is and what one may, with the controller, an ingress and a dispatcher; rights as docs/operations.md lists them. */

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 })
const always = new AbortController().signal
const patience = { withinMs: 60_000, everyMs: 100 }
const auth = useAuthKafka({ set: { 'allow.everyone.if.no.acl.found': 'false' } })
const { broker: brokers, trigger: triggers } = kinds

let real: Awaited<ReturnType<typeof startRealApi>>
let scene: KubeScene
let rig: ControlPlaneRig
let ingress: KubeWorker
const cleanup = new AsyncDisposableStack()

beforeAll(async () => {
  await allow('alice')
  await allow('CN=client')
  real = await startRealApi()
  cleanup.defer(() => real.close())
  scene = cleanup.use(await KubeScene.open(real.access))
  const names = { system: scene.namespace, credentials: credentialsNamespace }
  const metadata = { name: credentialsNamespace }
  await scene.client.create(kinds.namespace, { apiVersion: 'v1', kind: 'Namespace', metadata }, always)
  rig = cleanup.use(await ControlPlaneRig.start(real.api, { kafka: null, ...names }))
  rig.startPlane()
  ingress = await scene.ingress()
  const dispatcher = await scene.dispatcher('d-0', { kafka: auth().address('PLAINTEXT') })
  await makePod(
    rig.client,
    { namespace: scene.namespace, client: rig.client, name: ingress.name, role: 'ingress' },
    always,
  )
  await makePod(
    rig.client,
    { namespace: scene.namespace, client: rig.client, name: dispatcher.name, role: 'dispatcher' },
    always,
  )
})
afterAll(() => cleanup.disposeAsync())

/** What docs/operations.md says that a user needs. */
async function allow(user: string): Promise<void> {
  const prefixed = ['--resource-pattern-type', 'prefixed']
  const operations = (...names: string[]) => names.flatMap((name) => ['--operation', name])
  await auth().allow(
    user,
    ...operations('Create', 'Describe', 'Read', 'Write', 'Delete'),
    ...['--topic', 'knative-broker-', ...prefixed],
  )
  await auth().allow(user, ...operations('Describe', 'Read', 'Delete'), '--group', 'knative-trigger-', ...prefixed)
  await auth().allow(user, ...operations('Describe', 'Read'), '--group', 'fleet-', ...prefixed)
}

/** What a Secret says for a listener. */
function secretFor(listener: Listener, more: object = {}): object {
  const { ca, certificate, key } = auth().tls
  const { sasl } = auth().credential(listener)
  return {
    protocol: listener,
    ...(listener === 'SSL' ? { 'user.crt': certificate, 'user.key': key } : {}),
    ...(listener.endsWith('SSL') ? { 'ca.crt': ca } : {}),
    ...(sasl === undefined ? {} : { user: sasl.username, password: sasl.password }),
    ...more,
  }
}

async function putSecret(ns: string, values: object): Promise<void> {
  const stringData = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, String(value)]))
  const object = { apiVersion: 'v1', kind: 'Secret', metadata: { namespace: ns, name: 'kafka' }, stringData }
  await rig.client.delete(kinds.secret, { namespace: ns, name: 'kafka' }, always)
  await rig.client.create(kinds.secret, object, always)
}

/** A namespace with a Broker that signs in with what is in Secret `kafka`, and a Trigger. */
async function shop(listener: Listener, values: object) {
  const ns = unique('shop')
  await rig.createNamespace(ns)
  await putSecret(ns, values)
  const data = {
    ...{ 'bootstrap.servers': auth().address(listener), 'auth.secret.ref.name': 'kafka' },
    ...{ 'default.topic.partitions': '2', 'default.topic.replication.factor': '1' },
  }
  await rig.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: ns, name: 'c' }, data })
  const config = { apiVersion: 'v1', kind: 'ConfigMap', name: 'c', namespace: ns }
  const recorder = await startRecorder()
  await rig.apply(broker(ns, 'default', { spec: { config } }))
  await rig.apply(trigger(ns, 'orders', { subscriber: { uri: recorder.url } }))
  const ready = () => rig.ready(triggers, ns, 'orders', 'True', undefined, 60_000)
  return { ns, recorder, url: `${ingress.url}/${ns}/default`, ready }
}

const messageOf = (told: Awaited<ReturnType<ControlPlaneRig['status']>>): string =>
  told.conditions?.find(({ type }) => type === 'Ready')?.message ?? ''

describe('events flow through a Broker on the listener', () => {
  test.each<[Listener, object]>([
    ['SASL_PLAINTEXT', {}],
    ['SASL_PLAINTEXT', { 'sasl.mechanism': 'PLAIN' }],
    ['SASL_PLAINTEXT', { 'sasl.mechanism': 'SCRAM-SHA-256' }],
    ['SASL_SSL', { 'sasl.mechanism': 'SCRAM-SHA-512' }],
    ['SASL_SSL', { 'sasl.mechanism': 'PLAIN' }],
    ['SSL', {}],
  ])('%s with %o, and the topic goes with it', async (listener, more) => {
    const { ns, recorder, url, ready } = await shop(listener, secretFor(listener, more))
    await using _ = recorder
    await ready()
    await sendEvents({ url, count: 50 })
    await eventually('all have arrived', () => recorder.counts.size === 50, patience)
    await rig.delete(triggers, ns, 'orders')
    await rig.delete(brokers, ns, 'default')
    await rig.gone(brokers, ns, 'default', 60_000)
    const topics = await auth()
      .operator.admin()
      .describeTopics([`knative-broker-${ns}-default`])
    expect(topics).toEqual([])
  })
})

describe('what is wrong is said, and passes without touching the Broker', () => {
  test('a wrong password', async () => {
    const wrong = secretFor('SASL_PLAINTEXT', { password: 'wrong-one' })
    const { ns, recorder, ready } = await shop('SASL_PLAINTEXT', wrong)
    await using _ = recorder
    const told = await rig.ready(brokers, ns, 'default', 'False', 'AuthenticationFailed', 60_000)
    expect(messageOf(told)).toContain(`Correct Secret ${ns}/kafka: it is read again within a minute`)
    expect(messageOf(told)).not.toContain('wrong-one')
    await rig.ready(triggers, ns, 'orders', 'False', 'AuthenticationFailed', 10_000)
    await putSecret(ns, secretFor('SASL_PLAINTEXT'))
    await ready()
  })

  test('an authority that did not sign the certificate of Kafka', async () => {
    const { ns, recorder, ready } = await shop('SASL_SSL', secretFor('SASL_SSL', { 'ca.crt': auth().tls.certificate }))
    await using _ = recorder
    const told = await rig.ready(brokers, ns, 'default', 'False', 'TlsFailed', 60_000)
    expect(messageOf(told)).toContain(`Secret ${ns}/kafka`)
    await putSecret(ns, secretFor('SASL_SSL'))
    await ready()
  })

  test('rights that are missing', async () => {
    const bob = secretFor('SASL_PLAINTEXT', { user: 'bob', password: 'bob-secret' })
    const { ns, recorder, url, ready } = await shop('SASL_PLAINTEXT', bob)
    await using _ = recorder
    const told = await rig.ready(brokers, ns, 'default', 'False', 'NotAuthorized', 60_000)
    expect(messageOf(told)).toContain('docs/operations.md')
    await allow('bob')
    await ready()
    await sendEvents({ url, count: 10 })
    await eventually('all have arrived', () => recorder.counts.size === 10, patience)
  })
})

test('a Secret that changes under load: the new password is taken up, and no event is lost', async () => {
  await auth().setPassword('carol', 'first')
  await allow('carol')
  const values = (password: string) =>
    secretFor('SASL_PLAINTEXT', { 'sasl.mechanism': 'SCRAM-SHA-512', user: 'carol', password })
  const { ns, recorder, url, ready } = await shop('SASL_PLAINTEXT', values('first'))
  await using _ = recorder
  await ready()
  let accepted = 0
  const end = new AbortController()
  const sending = (async () => {
    for (let from = 0; !end.signal.aborted; from += 20) {
      await sendEvents({ url, from, count: 20, callers: 4 })
      accepted = from + 20
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  })()
  await auth().setPassword('carol', 'second')
  await putSecret(ns, values('second'))
  const annotations = { 'eventing.millrace.dev/refresh': '1' }
  const body = { metadata: { annotations } }
  await rig.client.patch(brokers, { namespace: ns, name: 'default' }, { kind: 'merge', body }, always)
  await eventually(
    'the workers have it',
    async () => {
      const { items } = await rig.client.list(kinds.secret, { namespace: credentialsNamespace }, always)
      return items.some(({ data }) => Buffer.from(Object.values(data as object).join(), 'base64').includes('second'))
    },
    patience,
  )
  await new Promise((resolve) => setTimeout(resolve, 5_000))
  end.abort()
  await sending
  await eventually('all have arrived', () => recorder.counts.size === accepted, patience)
  await rig.ready(brokers, ns, 'default', 'True')
  await ready()
})
