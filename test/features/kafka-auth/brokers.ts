import { beforeAll, describe, expect, test } from 'vitest'
import { credentialsNamespace } from '../../../src/contract/credential.ts'
import { kinds } from '../../../src/kube/kinds.ts'
import { broker, trigger, unique } from '../../support/control-plane-rig.ts'
import { eventually } from '../../support/eventually.ts'
import type { Listener } from '../../support/kafka-auth.ts'
import { startRecorder } from '../../support/recorder.ts'
import { sendEvents } from '../../support/sender.ts'
import { always, messageOf, patience, putSecret, secretValues, type AuthScene } from './scene.ts'

const { broker: brokers, trigger: triggers } = kinds

/** Brokers on a Kafka that asks who one is and what one may; rights as docs/operations.md lists them. */
export function brokerPromises(current: () => AuthScene): void {
  beforeAll(async () => {
    for (const user of ['alice', 'CN=client']) await allow(user)
  })

  /** What docs/operations.md says that a user needs. */
  function allow(user: string): Promise<void> {
    return current().auth.grant(user, [
      { operations: ['Create', 'Describe', 'Read', 'Write', 'Delete'], topic: 'knative-broker-', prefixed: true },
      { operations: ['Describe', 'Read', 'Delete'], group: 'knative-trigger-', prefixed: true },
      { operations: ['Describe', 'Read'], group: 'fleet-', prefixed: true },
    ])
  }

  /** What a Secret says for a listener. */
  function secretFor(listener: Listener, more: Record<string, string> = {}): Record<string, string> {
    return { protocol: listener, ...secretValues(current().auth, listener), ...more }
  }

  /** A namespace with a Broker that signs in with what is in Secret `kafka`, and a Trigger. */
  async function shop(listener: Listener, values: Record<string, string>) {
    const { auth, rig, ingress } = current()
    const ns = unique('shop')
    await rig.createNamespace(ns)
    await putSecret(rig, ns, values)
    const data = {
      ...{ 'bootstrap.servers': auth.address(listener), 'auth.secret.ref.name': 'kafka' },
      ...{ 'default.topic.partitions': '2', 'default.topic.replication.factor': '1' },
    }
    await rig.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: ns, name: 'c' }, data })
    const config = { apiVersion: 'v1', kind: 'ConfigMap', name: 'c', namespace: ns }
    const recorder = await startRecorder()
    await rig.apply(broker(ns, 'default', { spec: { config } }))
    await rig.apply(trigger(ns, 'orders', { subscriber: { uri: recorder.url } }))
    const { withinMs } = patience
    const ready = () => rig.ready(triggers, ns, 'orders', 'True', undefined, withinMs)
    const refused = (reason: string, kind = brokers, name = 'default') =>
      rig.ready(kind, ns, name, 'False', reason, withinMs)
    return { rig, auth, ns, recorder, url: `${ingress}/${ns}/default`, ready, refused }
  }

  describe('events flow through a Broker on the listener', () => {
    test.each<[Listener, Record<string, string>]>([
      ['SASL_PLAINTEXT', {}],
      ['SASL_PLAINTEXT', { 'sasl.mechanism': 'PLAIN' }],
      ['SASL_PLAINTEXT', { 'sasl.mechanism': 'SCRAM-SHA-256' }],
      ['SASL_SSL', { 'sasl.mechanism': 'SCRAM-SHA-512' }],
      ['SASL_SSL', { 'sasl.mechanism': 'PLAIN' }],
      ['SSL', {}],
    ])('%s with %o, and the topic goes with it', async (listener, more) => {
      const { rig, auth, ns, recorder, url, ready } = await shop(listener, secretFor(listener, more))
      await using _ = recorder
      await ready()
      await sendEvents({ url, count: 50 })
      await eventually('all have arrived', () => recorder.counts.size === 50, patience)
      await rig.delete(triggers, ns, 'orders')
      await rig.delete(brokers, ns, 'default')
      await rig.gone(brokers, ns, 'default', patience.withinMs)
      const topics = await auth.operator.admin().describeTopics([`knative-broker-${ns}-default`])
      expect(topics).toEqual([])
    })
  })

  describe('what is wrong is said, and passes without touching the Broker', () => {
    test('a wrong password', async () => {
      const wrong = secretFor('SASL_PLAINTEXT', { password: 'wrong-one' })
      const { rig, ns, recorder, ready, refused } = await shop('SASL_PLAINTEXT', wrong)
      await using _ = recorder
      const told = await refused('AuthenticationFailed')
      expect(messageOf(told)).toContain(`Correct Secret ${ns}/kafka: it is read again within a minute`)
      expect(messageOf(told)).not.toContain('wrong-one')
      await refused('AuthenticationFailed', triggers, 'orders')
      await putSecret(rig, ns, secretFor('SASL_PLAINTEXT'))
      await ready()
    })

    test('an authority that did not sign the certificate of Kafka', async () => {
      const stranger = current().auth.tls.certificate
      const { rig, ns, recorder, ready, refused } = await shop(
        'SASL_SSL',
        secretFor('SASL_SSL', { 'ca.crt': stranger }),
      )
      await using _ = recorder
      expect(messageOf(await refused('TlsFailed'))).toContain(`Secret ${ns}/kafka`)
      await putSecret(rig, ns, secretFor('SASL_SSL'))
      await ready()
    })

    test('rights that are missing', async () => {
      const bob = secretFor('SASL_PLAINTEXT', { user: 'bob', password: 'bob-secret' })
      const { recorder, url, ready, refused } = await shop('SASL_PLAINTEXT', bob)
      await using _ = recorder
      expect(messageOf(await refused('NotAuthorized'))).toContain('docs/operations.md')
      await allow('bob')
      await ready()
      await sendEvents({ url, count: 10 })
      await eventually('all have arrived', () => recorder.counts.size === 10, patience)
    })
  })

  test('a user who may do everything but write: the Broker is not Ready until that may be', async () => {
    const { auth } = current()
    await auth.addUser('dora', 'dora-secret', [
      { operations: ['Create', 'Describe', 'Read', 'Delete'], topic: 'knative-broker-', prefixed: true },
      { operations: ['Describe', 'Read', 'Delete'], group: 'knative-trigger-', prefixed: true },
    ])
    const dora = { 'sasl.mechanism': 'SCRAM-SHA-512', user: 'dora', password: 'dora-secret' }
    const { recorder, url, ready, refused } = await shop('SASL_PLAINTEXT', secretFor('SASL_PLAINTEXT', dora))
    await using _ = recorder
    expect(messageOf(await refused('NotAuthorized'))).toContain('it lacks the ACL operation Write')
    await auth.grant('dora', [{ operations: ['Write'], topic: 'knative-broker-', prefixed: true }])
    await ready()
    await sendEvents({ url, count: 10 })
    await eventually('all have arrived', () => recorder.counts.size === 10, patience)
  })

  test('a Secret that changes under load: the new password is taken up, and no event is lost', async () => {
    await current().auth.setPassword('carol', 'carol-first')
    await allow('carol')
    const values = (password: string) =>
      secretFor('SASL_PLAINTEXT', { 'sasl.mechanism': 'SCRAM-SHA-512', user: 'carol', password })
    const { rig, auth, ns, recorder, url, ready } = await shop('SASL_PLAINTEXT', values('carol-first'))
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
    await auth.setPassword('carol', 'carol-second')
    await putSecret(rig, ns, values('carol-second'))
    const body = { metadata: { annotations: { 'eventing.millrace.dev/refresh': '1' } } }
    await rig.client.patch(brokers, { namespace: ns, name: 'default' }, { kind: 'merge', body }, always)
    await eventually(
      'the workers have it',
      async () => {
        const { items } = await rig.client.list(kinds.secret, { namespace: credentialsNamespace }, always)
        return items.some(({ data }) =>
          Buffer.from(Object.values(data as object).join(), 'base64').includes('carol-second'),
        )
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
}
