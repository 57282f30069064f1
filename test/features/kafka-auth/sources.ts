import { beforeAll, describe, expect, test } from 'vitest'
import { kinds } from '../../../src/kube/kinds.ts'
import { unique } from '../../support/control-plane-rig.ts'
import { eventually, eventuallyPasses } from '../../support/eventually.ts'
import type { AuthKafka, Listener } from '../../support/kafka-auth.ts'
import { startRecorder } from '../../support/recorder.ts'
import { always, messageOf, patience, putSecret, secretValues, type AuthScene } from './scene.ts'

const sources = kinds.kafkaSource
const partitions = 2
const refresh = 'eventing.millrace.dev/refresh'

/** KafkaSources on a Kafka that asks who one is and what one may; rights as docs/kafka-source.md lists them. */
export function sourcePromises(current: () => AuthScene): void {
  beforeAll(async () => {
    for (const user of ['alice', 'CN=client']) await allow(user)
  })

  /** What docs/kafka-source.md says that a user needs, for all topics and groups of this file. */
  function allow(user: string): Promise<void> {
    return current().auth.grant(user, [
      { operations: ['Describe', 'Read'], topic: 'orders-', prefixed: true },
      { operations: ['Describe', 'Read', 'Delete'], group: 'group-', prefixed: true },
    ])
  }

  /** Values of a Secret for a listener. */
  function valuesFor(listener: Listener, mechanism?: string): Record<string, string> {
    return { ...secretValues(current().auth, listener), ...(mechanism === undefined ? {} : { mechanism }) }
  }

  /** A topic of somebody else, and a KafkaSource of it that signs in with what is in Secret `kafka`; that there is none yet. */
  async function shop(listener: Listener, values: Record<string, string>) {
    const { auth, rig, scene } = current()
    const ns = unique('shop')
    const topic = `orders-${ns}`
    await rig.createNamespace(ns)
    await auth.operator.admin().ensureTopic({ name: topic, partitions, replicationFactor: 1, config: {} })
    const recorder = await startRecorder()
    const source = (more: object = {}, annotations: object = {}): object => ({
      apiVersion: 'sources.knative.dev/v1',
      kind: 'KafkaSource',
      metadata: { namespace: ns, name: 'orders', annotations },
      spec: {
        bootstrapServers: [auth.address(listener)],
        topics: [topic],
        consumerGroup: `group-${ns}`,
        net: netFor(values),
        sink: { uri: recorder.url },
        ...more,
      },
    })
    await rig.apply(source())
    const ready = (status = 'True', reason?: string) =>
      rig.ready(sources, ns, 'orders', status, reason, patience.withinMs)
    return { auth, rig, scene, ns, topic, group: `group-${ns}`, recorder, source, ready }
  }

  describe('records become events from the listener', () => {
    test.each<[Listener, string | undefined]>([
      ['SASL_PLAINTEXT', 'PLAIN'],
      ['SASL_PLAINTEXT', 'SCRAM-SHA-256'],
      ['SASL_SSL', 'SCRAM-SHA-512'],
      ['SASL_SSL', undefined],
      ['SSL', undefined],
    ])('%s %s; the Secret comes late', async (listener, mechanism) => {
      const values = valuesFor(listener, mechanism)
      const { auth, rig, ns, topic, group, recorder, ready, source } = await shop(listener, values)
      await using _ = recorder
      expect(messageOf(await ready('False', 'SecretNotFound'))).toContain('kafka')
      await putSecret(rig, ns, values)
      await rig.apply(source({}, { [refresh]: '1' }))
      expect(await ready()).toMatchObject({ maxAllowedVReplicas: partitions, consumers: 1 })
      await write(auth, topic, 50)
      await eventually('all have arrived', () => recorder.counts.size === 50, patience)
      expect([...recorder.counts.keys()]).toContain('partition:1/offset:24')
      for (const partition of [0, 1]) {
        const offsets = recorder.deliveries.filter((each) => each.partition === partition).map(({ offset }) => offset)
        expect(offsets).toEqual(Array.from({ length: 25 }, (__, i) => i))
      }
      await rig.delete(sources, ns, 'orders')
      await rig.gone(sources, ns, 'orders', patience.withinMs)
      expect((await auth.operator.admin().describeGroup(group)).kind).toBe('simple')
    })
  })

  describe('what is wrong is said, and passes without touching the KafkaSource', () => {
    test('a wrong password', async () => {
      const values = valuesFor('SASL_PLAINTEXT', 'SCRAM-SHA-512')
      const { rig, ns, recorder, ready } = await shop('SASL_PLAINTEXT', values)
      await using _ = recorder
      await putSecret(rig, ns, { ...values, password: 'wrong-one' })
      const told = await ready('False', 'AuthenticationFailed')
      expect(messageOf(told)).toContain('Correct user, password and type in the Secrets that spec.net names')
      expect(JSON.stringify(told)).not.toContain('wrong-one')
      await putSecret(rig, ns, values)
      await ready()
    })

    test('an authority that did not sign the certificate of Kafka', async () => {
      const values = valuesFor('SASL_SSL', 'PLAIN')
      const { auth, rig, ns, recorder, ready } = await shop('SASL_SSL', values)
      await using _ = recorder
      await putSecret(rig, ns, { ...values, 'ca.crt': auth.tls.certificate })
      expect(messageOf(await ready('False', 'TlsFailed'))).toContain('spec.net.tls')
      await putSecret(rig, ns, values)
      await ready()
    })

    test('rights that are missing, of one topic and then of the group', async () => {
      const values = { ...valuesFor('SASL_PLAINTEXT', 'SCRAM-SHA-512'), user: 'dora', password: 'dora-secret' }
      await current().auth.addUser('dora', 'dora-secret', [])
      const { auth, rig, ns, topic, group, recorder, ready } = await shop('SASL_PLAINTEXT', values)
      await using _ = recorder
      await putSecret(rig, ns, values)
      expect(messageOf(await ready('False', 'NotAuthorized'))).toContain(`topic ${topic} may not be read`)
      await auth.grant('dora', [{ operations: ['Describe', 'Read'], topic }])
      await eventuallyPasses(
        'now the group is told',
        async () => {
          const told = await rig.status(sources, ns, 'orders')
          expect(told.conditions?.find(({ type }) => type === 'Ready')?.reason).toBe('NotAuthorized')
          expect(messageOf(told)).toContain(group)
        },
        patience,
      )
      await auth.grant('dora', [{ operations: ['Describe', 'Read'], group }])
      await ready()
      await write(auth, topic, 4)
      await eventually('all have arrived', () => recorder.counts.size === 4, patience)
    })
  })

  test('a Secret that changes under load: the new password is taken up, and each record comes', async () => {
    const values = (password: string) => ({ ...valuesFor('SASL_PLAINTEXT', 'SCRAM-SHA-512'), user: 'erik', password })
    await current().auth.setPassword('erik', 'erik-first')
    await allow('erik')
    const { auth, rig, ns, topic, recorder, ready, source } = await shop('SASL_PLAINTEXT', values('erik-first'))
    await using _ = recorder
    await putSecret(rig, ns, values('erik-first'))
    await rig.apply(source({}, { [refresh]: '1' }))
    await ready()
    let written = 0
    const stop = new AbortController()
    const writing = (async () => {
      while (!stop.signal.aborted) {
        await write(auth, topic, 20)
        written += 20
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    })()
    await auth.setPassword('erik', 'erik-second')
    await putSecret(rig, ns, values('erik-second'))
    await rig.apply(source({}, { [refresh]: '2' }))
    await new Promise((resolve) => setTimeout(resolve, 8_000))
    stop.abort()
    await writing
    await eventually('all have arrived', () => recorder.counts.size === written, patience)
    await ready()
  })

  test('a group that others left is continued, several topics share it, and progress is told', async () => {
    const values = valuesFor('SASL_PLAINTEXT', 'PLAIN')
    const more = `orders-more-${unique('t')}`
    const { operator } = current().auth
    await operator.admin().ensureTopic({ name: more, partitions, replicationFactor: 1, config: {} })
    const { auth, rig, ns, topic, group, recorder, ready, source } = await shop('SASL_PLAINTEXT', values)
    await using _ = recorder
    await write(auth, topic, 20)
    await write(auth, more, 10)
    const positions = operator.positions()
    await positions.commit(group, [{ topic, partition: 0, offset: 7n, leaderEpoch: -1, metadata: '' }])
    await positions.close()
    const both = { topics: [topic, more], initialOffset: 'earliest' }
    await rig.apply(source(both))
    await putSecret(rig, ns, values)
    await rig.apply(source(both, { [refresh]: '1' }))
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
    const { auth, rig, scene, ns, topic, recorder, ready, source } = await shop('SASL_PLAINTEXT', values)
    await using _ = recorder
    await putSecret(rig, ns, values)
    await rig.apply(source({}, { [refresh]: '1' }))
    await ready()
    await rig.apply(source({}, { 'sources.millrace.dev/paused': 'true' }))
    await ready('False', 'Paused')
    await eventually(
      'the dispatcher has it',
      async () => {
        const { items } = await rig.client.list(kinds.outlet, { namespace: scene.namespace }, always)
        const own = items.find((each) => (each['spec'] as { topic: string }).topic === topic)
        const status = own?.['status'] as { observedGeneration?: number } | undefined
        return status?.observedGeneration === own?.metadata.generation
      },
      patience,
    )
    await write(auth, topic, 10)
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    expect(recorder.deliveries).toEqual([])
    await rig.apply(source({}, { 'sources.millrace.dev/paused': 'false' }))
    await eventually('all have arrived', () => recorder.counts.size === 10, patience)
  })
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

/** Records by another program, in turns to each partition. */
async function write(auth: AuthKafka, topic: string, count: number): Promise<void> {
  const appender = auth.operator.appender()
  const records = Array.from({ length: count }, (_, i) => ({
    topic,
    partition: i % partitions,
    key: Buffer.from(`k${i}`),
    value: Buffer.from(`{"n":${i}}`),
    headers: [],
  }))
  await Promise.all(records.map((record) => appender.append(record)))
  await appender.close(5_000)
}
