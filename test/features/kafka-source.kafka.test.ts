import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { credentialsNamespace } from '../../src/contract/credential.ts'
import { kinds } from '../../src/kube/kinds.ts'
import { ControlPlaneRig, unique } from '../support/control-plane-rig.ts'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { useAuthKafka, type Listener } from '../support/kafka-auth.ts'
import { KubeScene } from '../support/kube-workers.ts'
import { startRealApi } from '../support/real-api.ts'
import { startRecorder } from '../support/recorder.ts'
import { makePod } from '../support/simulated-workers.ts'

/** KafkaSources on a Kafka that asks who one is and what one may, with the controller and a dispatcher; rights as docs/kafka-source.md lists them. */

vi.setConfig({ testTimeout: 120_000, hookTimeout: 300_000 })
const always = new AbortController().signal
const patience = { withinMs: 60_000, everyMs: 100 }
const auth = useAuthKafka({ set: { 'allow.everyone.if.no.acl.found': 'false' } })
const sources = kinds.kafkaSource
const partitions = 2

let real: Awaited<ReturnType<typeof startRealApi>>
let scene: KubeScene
let rig: ControlPlaneRig
const cleanup = new AsyncDisposableStack()

beforeAll(async () => {
  await Promise.all([allow('alice'), allow('CN=client')])
  real = await startRealApi()
  cleanup.defer(() => real.close())
  scene = cleanup.use(await KubeScene.open(real.access))
  const names = { system: scene.namespace, credentials: credentialsNamespace }
  const metadata = { name: credentialsNamespace }
  await scene.client.create(kinds.namespace, { apiVersion: 'v1', kind: 'Namespace', metadata }, always)
  rig = cleanup.use(await ControlPlaneRig.start(real.api, { kafka: null, ...names }))
  rig.startPlane()
  const dispatcher = await scene.dispatcher('d-0', { kafka: auth().address('PLAINTEXT') })
  await makePod(
    rig.client,
    { client: rig.client, namespace: scene.namespace, name: dispatcher.name, role: 'dispatcher' },
    always,
  )
})
afterAll(() => cleanup.disposeAsync())

/** What docs/kafka-source.md says that a user needs, for all topics and groups of this file. */
async function allow(user: string): Promise<void> {
  const prefixed = ['--resource-pattern-type', 'prefixed']
  const operations = (...names: string[]) => names.flatMap((name) => ['--operation', name])
  await auth().allow(user, ...operations('Describe', 'Read'), '--topic', 'orders-', ...prefixed)
  await auth().allow(user, ...operations('Describe', 'Read', 'Delete'), '--group', 'group-', ...prefixed)
}

/** Values of a Secret for a listener. */
function valuesFor(listener: Listener, mechanism?: string): Record<string, string> {
  const { ca, certificate, key } = auth().tls
  const { sasl } = auth().credential(listener)
  return {
    ...(listener === 'SSL' ? { 'user.crt': certificate, 'user.key': key } : {}),
    ...(listener.endsWith('SSL') ? { 'ca.crt': ca } : {}),
    ...(sasl === undefined ? {} : { user: sasl.username, password: sasl.password }),
    ...(mechanism === undefined ? {} : { mechanism }),
  }
}

/** `spec.net` for a Secret that has these values. */
function netFor(values: Record<string, string>): object {
  const from = (key: string) => (values[key] === undefined ? {} : { secretKeyRef: { name: 'kafka', key } })
  return {
    ...(values['user'] === undefined
      ? {}
      : { sasl: { enable: true, user: from('user'), password: from('password'), type: from('mechanism') } }),
    ...(values['ca.crt'] === undefined
      ? {}
      : { tls: { enable: true, caCert: from('ca.crt'), cert: from('user.crt'), key: from('user.key') } }),
  }
}

async function putSecret(ns: string, stringData: Record<string, string>): Promise<void> {
  const object = { apiVersion: 'v1', kind: 'Secret', metadata: { namespace: ns, name: 'kafka' }, stringData }
  await rig.client.delete(kinds.secret, { namespace: ns, name: 'kafka' }, always)
  await rig.client.create(kinds.secret, object, always)
}

/** A topic of somebody else, and a KafkaSource of it that signs in with what is in Secret `kafka`; that there is none yet. */
async function shop(listener: Listener, values: Record<string, string>, spec: object = {}) {
  const ns = unique('shop')
  const topic = `orders-${ns}`
  await rig.createNamespace(ns)
  await auth().operator.admin().ensureTopic({ name: topic, partitions, replicationFactor: 1, config: {} })
  const recorder = await startRecorder()
  const source = (more: object = {}, annotations: object = {}): object => ({
    apiVersion: 'sources.knative.dev/v1',
    kind: 'KafkaSource',
    metadata: { namespace: ns, name: 'orders', annotations },
    spec: {
      bootstrapServers: [auth().address(listener)],
      topics: [topic],
      consumerGroup: `group-${ns}`,
      net: netFor(values),
      sink: { uri: recorder.url },
      ...spec,
      ...more,
    },
  })
  await rig.apply(source())
  const ready = (status = 'True', reason?: string) => rig.ready(sources, ns, 'orders', status, reason, 60_000)
  return { ns, topic, group: `group-${ns}`, recorder, source, ready }
}

const appended = { count: 0 }

/** Records by another program, in turns to each partition. */
async function write(topic: string, count: number): Promise<void> {
  const appender = auth().operator.appender()
  const records = Array.from({ length: count }, (_, i) => ({
    topic,
    partition: i % partitions,
    key: Buffer.from(`k${i}`),
    value: Buffer.from(`{"n":${(appended.count += 1)}}`),
    headers: [],
  }))
  await Promise.all(records.map((record) => appender.append(record)))
  await appender.close(5_000)
}

const messageOf = (told: Awaited<ReturnType<ControlPlaneRig['status']>>): string =>
  told.conditions?.find(({ type }) => type === 'Ready')?.message ?? ''

describe('records become events from the listener', () => {
  test.each<[Listener, string | undefined]>([
    ['SASL_PLAINTEXT', 'PLAIN'],
    ['SASL_PLAINTEXT', 'SCRAM-SHA-256'],
    ['SASL_SSL', 'SCRAM-SHA-512'],
    ['SASL_SSL', undefined],
    ['SSL', undefined],
  ])('%s %s; the Secret comes late', async (listener, mechanism) => {
    const values = valuesFor(listener, mechanism)
    const { ns, topic, group, recorder, ready, source } = await shop(listener, values)
    await using _ = recorder
    expect(messageOf(await ready('False', 'SecretNotFound'))).toContain('kafka')
    await putSecret(ns, values)
    await rig.apply(source({}, { 'eventing.millrace.dev/refresh': '1' }))
    expect(await ready()).toMatchObject({ maxAllowedVReplicas: partitions, consumers: 1 })
    await write(topic, 50)
    await eventually('all have arrived', () => recorder.counts.size === 50, patience)
    expect([...recorder.counts.keys()]).toContain('partition:1/offset:24')
    for (const partition of [0, 1]) {
      const offsets = recorder.deliveries.filter((each) => each.partition === partition).map(({ offset }) => offset)
      expect(offsets).toEqual(Array.from({ length: 25 }, (__, i) => i))
    }
    await rig.delete(sources, ns, 'orders')
    await rig.gone(sources, ns, 'orders', 30_000)
    expect((await auth().operator.admin().describeGroup(group)).kind).toBe('simple')
  })
})

describe('what is wrong is said, and passes without touching the KafkaSource', () => {
  test('a wrong password', async () => {
    const values = valuesFor('SASL_PLAINTEXT', 'SCRAM-SHA-512')
    const { ns, recorder, ready } = await shop('SASL_PLAINTEXT', values)
    await using _ = recorder
    await putSecret(ns, { ...values, password: 'wrong-one' })
    const told = await ready('False', 'AuthenticationFailed')
    expect(messageOf(told)).toContain('Correct user, password and type in the Secrets that spec.net names')
    expect(JSON.stringify(told)).not.toContain('wrong-one')
    await putSecret(ns, values)
    await ready()
  })

  test('an authority that did not sign the certificate of Kafka', async () => {
    const values = valuesFor('SASL_SSL', 'PLAIN')
    const { ns, recorder, ready } = await shop('SASL_SSL', values)
    await using _ = recorder
    await putSecret(ns, { ...values, 'ca.crt': auth().tls.certificate })
    expect(messageOf(await ready('False', 'TlsFailed'))).toContain('spec.net.tls')
    await putSecret(ns, values)
    await ready()
  })

  test('rights that are missing, of one topic and then of the group', async () => {
    const values = { ...valuesFor('SASL_PLAINTEXT', 'SCRAM-SHA-512'), user: 'dora', password: 'dora-secret' }
    await auth().addUser('dora', 'dora-secret', [])
    const { ns, topic, group, recorder, ready } = await shop('SASL_PLAINTEXT', values)
    await using _ = recorder
    await putSecret(ns, values)
    expect(messageOf(await ready('False', 'NotAuthorized'))).toContain(`topic ${topic} may not be read`)
    await auth().allow('dora', '--operation', 'Describe', '--operation', 'Read', '--topic', topic)
    await eventuallyPasses(
      'now the group is told',
      async () => {
        const told = await rig.status(sources, ns, 'orders')
        expect(told.conditions?.find(({ type }) => type === 'Ready')?.reason).toBe('NotAuthorized')
        expect(messageOf(told)).toContain(group)
      },
      patience,
    )
    await auth().allow('dora', '--operation', 'Describe', '--operation', 'Read', '--group', group)
    await ready()
    await write(topic, 4)
    await eventually('all have arrived', () => recorder.counts.size === 4, patience)
  })
})

test('a Secret that changes under load: the new password is taken up, and each record comes', async () => {
  const values = (password: string) => ({ ...valuesFor('SASL_PLAINTEXT', 'SCRAM-SHA-512'), user: 'erik', password })
  await auth().setPassword('erik', 'first')
  await allow('erik')
  const { ns, topic, recorder, ready, source } = await shop('SASL_PLAINTEXT', values('first'))
  await using _ = recorder
  await putSecret(ns, values('first'))
  await rig.apply(source({}, { 'eventing.millrace.dev/refresh': '1' }))
  await ready()
  let written = 0
  const stop = new AbortController()
  const writing = (async () => {
    while (!stop.signal.aborted) {
      await write(topic, 20)
      written += 20
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  })()
  await auth().setPassword('erik', 'second')
  await putSecret(ns, values('second'))
  await rig.apply(source({}, { 'eventing.millrace.dev/refresh': '2' }))
  await new Promise((resolve) => setTimeout(resolve, 8_000))
  stop.abort()
  await writing
  await eventually('all have arrived', () => recorder.counts.size === written, patience)
  await ready()
})

test('a group that others left is continued, several topics share it, and progress is told', async () => {
  const values = valuesFor('SASL_PLAINTEXT', 'PLAIN')
  const more = `orders-more-${unique('t')}`
  const admin = auth().operator.admin()
  await admin.ensureTopic({ name: more, partitions, replicationFactor: 1, config: {} })
  const { ns, topic, group, recorder, ready, source } = await shop('SASL_PLAINTEXT', values)
  await using _ = recorder
  await write(topic, 20)
  await write(more, 10)
  const positions = auth().operator.positions()
  await positions.commit(group, [{ topic, partition: 0, offset: 7n, leaderEpoch: -1, metadata: '' }])
  await positions.close()
  await rig.apply(source({ topics: [topic, more], initialOffset: 'earliest' }))
  await putSecret(ns, values)
  await rig.apply(
    source({ topics: [topic, more], initialOffset: 'earliest' }, { 'eventing.millrace.dev/refresh': '1' }),
  )
  expect(await ready()).toMatchObject({ topics: [more, topic].toSorted(), maxAllowedVReplicas: 2 * partitions })
  await eventually('what was not read before has arrived', () => recorder.deliveries.length === 23, patience)
  await eventuallyPasses(
    'that nothing is left is told',
    async () =>
      expect(await rig.status(sources, ns, 'orders')).toMatchObject({ lag: 0, lastDelivery: expect.any(String) }),
    patience,
  )
})

test('paused it delivers nothing; going on it misses nothing', async () => {
  const values = valuesFor('SASL_PLAINTEXT', 'PLAIN')
  const { ns, topic, recorder, ready, source } = await shop('SASL_PLAINTEXT', values)
  await using _ = recorder
  await putSecret(ns, values)
  await rig.apply(source({}, { 'eventing.millrace.dev/refresh': '1' }))
  await ready()
  await rig.apply(source({}, { 'sources.millrace.dev/paused': 'true' }))
  await ready('False', 'Paused')
  await eventually(
    'the dispatcher has it',
    async () => {
      const { items } = await rig.client.list(kinds.outlet, { namespace: scene.namespace }, always)
      const own = items.find((each) => (each['spec'] as { topic: string }).topic === topic)
      return (
        (own?.['status'] as { observedGeneration?: number } | undefined)?.observedGeneration ===
        own?.metadata.generation
      )
    },
    patience,
  )
  await write(topic, 10)
  await new Promise((resolve) => setTimeout(resolve, 2_000))
  expect(recorder.deliveries).toEqual([])
  await rig.apply(source({}, { 'sources.millrace.dev/paused': 'false' }))
  await eventually('all have arrived', () => recorder.counts.size === 10, patience)
})
