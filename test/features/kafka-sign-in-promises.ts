import { describe, expect, test } from 'vitest'
import { credentialKey } from '../../src/contract/credential.ts'
import type { KubeClient, ObjectName, StoredObject } from '../../src/kube/client.ts'
import { kinds } from '../../src/kube/kinds.ts'
import {
  broker,
  clientWith,
  ControlPlaneRig,
  kafkaAddress,
  service,
  trigger,
  unique,
  type TestApi,
  type Told,
} from '../support/control-plane-rig.ts'
import { eventually } from '../support/eventually.ts'

const { broker: brokers, trigger: triggers, inlet: inlets, outlet: outlets } = kinds
const always = new AbortController().signal
const refresh = 'eventing.millrace.dev/refresh'
const good = { protocol: 'SASL_PLAINTEXT', 'sasl.mechanism': 'SCRAM-SHA-512', user: 'ann', password: 'p4ss' }

const conditionOf = (told: Told, type: string) => told.conditions?.find((each) => each.type === type)
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** What the control plane makes of Secrets that sign in to Kafka, on any API server. The Kafka of these tests asks nobody who he is. */
export function kafkaSignInPromises(api: () => Promise<TestApi>): void {
  async function start(through: (client: KubeClient) => KubeClient = (client) => client) {
    const rig = await ControlPlaneRig.start(await api())
    rig.startPlane({ through: through(rig.client) })
    await Promise.all([rig.worker('ingress'), rig.worker('dispatcher')])
    const ns = unique('shop')
    await rig.createNamespace(ns)
    await configure(rig, ns)
    return { rig, ns }
  }

  function configure(rig: ControlPlaneRig, ns: string, secret = 'kafka'): Promise<void> {
    const data = { 'bootstrap.servers': kafkaAddress, 'auth.secret.ref.name': secret }
    return rig.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: ns, name: 'c' }, data })
  }

  /** A Secret as it is now, whatever it was. */
  async function secret(rig: ControlPlaneRig, ns: string, values: object | null, name = 'kafka'): Promise<void> {
    await rig.client.delete(kinds.secret, { namespace: ns, name }, always)
    if (values === null) return
    const object = { apiVersion: 'v1', kind: 'Secret', metadata: { namespace: ns, name } }
    const data = Object.entries(values).map(([key, value]) => [key, Buffer.from(String(value)).toString('base64')])
    await rig.client.create(kinds.secret, { ...object, data: Object.fromEntries(data) }, always)
  }

  const signedIn = (ns: string, name = 'default', annotations: object = {}): object => {
    const config = { apiVersion: 'v1', kind: 'ConfigMap', name: 'c', namespace: ns }
    return broker(ns, name, { spec: { config }, annotations })
  }

  /** The Secrets that workers read. */
  async function kept(rig: ControlPlaneRig): Promise<Record<string, unknown>> {
    const { items } = await rig.client.list(kinds.secret, { namespace: rig.credentials }, always)
    return Object.fromEntries(items.map((item) => [item.metadata.name, credentialIn(item)]))
  }

  function credentialIn(item: StoredObject): unknown {
    const { [credentialKey]: text = '' } = item['data'] as Record<string, string>
    return JSON.parse(Buffer.from(text, 'base64').toString())
  }

  async function named(rig: ControlPlaneRig, resource: typeof inlets): Promise<(string | undefined)[]> {
    const { items } = await rig.client.list(resource, { namespace: rig.system }, always)
    return items.map((item) => (item['spec'] as { credential?: string }).credential)
  }

  async function serving() {
    const { rig, ns } = await start()
    await secret(rig, ns, good)
    for (const object of [service(ns), signedIn(ns), trigger(ns)]) await rig.apply(object)
    await rig.ready(triggers, ns, 'orders', 'True')
    return { rig, ns }
  }

  async function events(rig: ControlPlaneRig, ns: string, reason: string): Promise<number> {
    const { items } = await rig.client.list(kinds.event, { namespace: ns }, always)
    return items.filter((event) => event['reason'] === reason).length
  }

  describe('a Broker that signs in to Kafka', () => {
    test('waits for its Secret and says what to do; then Inlet and Outlet name what the workers read', async () => {
      const { rig, ns } = await start()
      await using _ = rig
      for (const object of [service(ns), signedIn(ns), trigger(ns)]) await rig.apply(object)
      const told = await rig.ready(brokers, ns, 'default', 'False', 'SecretNotFound')
      expect(conditionOf(told, 'ConfigParsed')?.message).toMatch(
        new RegExp(`Secret ${ns}/kafka.*does not exist; create it: kubectl create secret generic kafka -n ${ns}`),
      )
      expect(await rig.ready(triggers, ns, 'orders', 'False')).toBeDefined()
      expect(await named(rig, inlets)).toEqual([])
      await secret(rig, ns, good)
      const { annotations } = await rig.ready(brokers, ns, 'default', 'True')
      await rig.ready(triggers, ns, 'orders', 'True')
      const [name = ''] = Object.keys(await kept(rig))
      expect(await kept(rig)).toEqual({
        [name]: { sasl: { mechanism: 'SCRAM-SHA-512', username: 'ann', password: 'p4ss' } },
      })
      expect(annotations).toMatchObject({ 'auth.credential': name, 'auth.secret.ref.name': 'kafka' })
      expect([await named(rig, inlets), await named(rig, outlets)]).toEqual([[name], [name]])
      // Nothing that anyone may read has the password in it.
      for (const kind of [brokers, triggers, inlets, outlets, kinds.event, kinds.worker]) {
        const { items } = await rig.client.list(kind, {}, always)
        expect(JSON.stringify(items)).not.toContain('p4ss')
      }
    })

    test('says what is wrong in its Secret, and serves when that is mended', async () => {
      const { rig, ns } = await start()
      await using _ = rig
      await secret(rig, ns, { ...good, protocol: 'SASL' })
      await rig.apply(signedIn(ns))
      const told = await rig.ready(brokers, ns, 'default', 'False', 'SecretInvalid')
      expect(conditionOf(told, 'ConfigParsed')?.message).toContain(`Secret ${ns}/kafka: key protocol must be one of`)
      await secret(rig, ns, { protocol: 'SASL_SSL' })
      await rig.ready(brokers, ns, 'default', 'False', 'SecretKeyMissing')
      await secret(rig, ns, good)
      await rig.ready(brokers, ns, 'default', 'True')
    })

    test('that shares its Secret with others shares the credential with them', async () => {
      const { rig, ns } = await serving()
      await using _ = rig
      await rig.apply(signedIn(ns, 'second'))
      await rig.ready(brokers, ns, 'second', 'True')
      expect(Object.keys(await kept(rig))).toHaveLength(1)
      expect(new Set(await named(rig, inlets)).size).toBe(1)
    })

    test('with a Secret that breaks, or goes, stays Ready with what was good, and says so; a new controller knows it too', async () => {
      const { rig, ns } = await serving()
      await using _ = rig
      const before = await kept(rig)
      await secret(rig, ns, { ...good, password: '' })
      await rig.apply(signedIn(ns, 'default', { [refresh]: '1' }))
      const noted = (reason: string) =>
        eventually(`the condition says ${reason}`, async () => {
          const told = await rig.status(brokers, ns, 'default')
          const condition = conditionOf(told, 'ConfigParsed')
          return condition?.status === 'True' && (condition.reason ?? '') === reason && condition
        })
      expect((await noted('SecretInvalid')).message).toMatch(
        /key password is empty\. Until then what was good before stays/,
      )
      await rig.ready(brokers, ns, 'default', 'True')
      await rig.ready(triggers, ns, 'orders', 'True')
      await eventually('an Event says so', () => events(rig, ns, 'SecretInvalid'))
      await secret(rig, ns, null)
      await rig.apply(signedIn(ns, 'default', { [refresh]: '2' }))
      await noted('SecretNotFound')
      await rig.stopPlane()
      rig.startPlane()
      await eventually('the new one is idle', () => rig.plane?.idle === true)
      await pause(1_000)
      await noted('SecretNotFound')
      await rig.ready(brokers, ns, 'default', 'True')
      expect(await kept(rig)).toEqual(before)
      await secret(rig, ns, { ...good, password: 'new' })
      await rig.apply(signedIn(ns, 'default', { [refresh]: '3' }))
      await noted('')
      expect(JSON.stringify(await kept(rig))).toContain('"new"')
      expect(Object.keys(await kept(rig))).toEqual(Object.keys(before))
    })

    test('keeps what it has when its ConfigMap names a Secret that is not there', async () => {
      const { rig, ns } = await serving()
      await using _ = rig
      const before = await named(rig, inlets)
      await configure(rig, ns, 'other')
      await rig.ready(brokers, ns, 'default', 'False', 'SecretNotFound')
      expect([await named(rig, inlets), await named(rig, outlets)]).toEqual([before, before])
      await secret(rig, ns, good, 'other')
      await rig.ready(brokers, ns, 'default', 'True')
      await rig.ready(triggers, ns, 'orders', 'True')
      const after = await named(rig, inlets)
      expect(after).not.toEqual(before)
      expect(await named(rig, outlets)).toEqual(after)
    })

    test('that names no Secret any more forgets it', async () => {
      const { rig, ns } = await serving()
      await using _ = rig
      await configure(rig, ns, '')
      await eventually('nothing is named', async () => (await named(rig, inlets))[0] === undefined)
      const told = await rig.ready(brokers, ns, 'default', 'True')
      await eventually('nor in its status', async () => {
        const { annotations = {} } = await rig.status(brokers, ns, 'default')
        return !('auth.credential' in annotations) && !('auth.secret.ref.name' in annotations)
      })
      expect(told.annotations).toMatchObject({ 'bootstrap.servers': kafkaAddress })
      await rig.ready(triggers, ns, 'orders', 'True')
    })

    test('of another namespace than its Secret needs the word of whoever owns that', async () => {
      const { rig, ns } = await serving()
      await using _ = rig
      const other = unique('billing')
      await rig.createNamespace(other)
      const config = { apiVersion: 'v1', kind: 'ConfigMap', name: 'c', namespace: ns }
      await rig.apply(broker(other, 'default', { spec: { config } }))
      const told = await rig.ready(brokers, other, 'default', 'False', 'SecretForbidden')
      expect(conditionOf(told, 'ConfigParsed')?.message).toContain(`allowed-namespaces=${other}`)
      const body = { metadata: { annotations: { 'eventing.millrace.dev/allowed-namespaces': other } } }
      await rig.client.patch(kinds.secret, { namespace: ns, name: 'kafka' }, { kind: 'merge', body }, always)
      await rig.apply(broker(other, 'default', { spec: { config }, annotations: { [refresh]: '1' } }))
      await rig.ready(brokers, other, 'default', 'True')
    })

    test('goes with its topic, also when its Secret went before it', async () => {
      const { rig, ns } = await serving()
      await using _ = rig
      await secret(rig, ns, null)
      await rig.delete(triggers, ns, 'orders')
      await rig.delete(brokers, ns, 'default')
      await rig.gone(triggers, ns, 'orders')
      await rig.gone(brokers, ns, 'default')
      expect(await rig.topics(`knative-broker-${ns}-default`)).toEqual([])
    })

    test('at rest nothing is written, and no Secret is read that nobody names', async () => {
      const read: string[] = []
      const { rig, ns } = await start((client) =>
        clientWith(client, {
          get: (resource, key: ObjectName, signal) => {
            if (resource.kind === 'Secret') read.push(`${key.namespace}/${key.name}`)
            return client.get(resource, key, signal)
          },
          list: (resource, options, signal) => {
            if (resource.kind === 'Secret') read.push(`all of ${options.namespace}`)
            return client.list(resource, options, signal)
          },
        }),
      )
      await using _ = rig
      await secret(rig, ns, good)
      await secret(rig, ns, good, 'other')
      for (const object of [service(ns), signedIn(ns), trigger(ns)]) await rig.apply(object)
      await rig.ready(triggers, ns, 'orders', 'True')
      const before = [await rig.atRest(), await rig.client.list(kinds.secret, { namespace: rig.credentials }, always)]
      expect(new Set(read)).toEqual(new Set([`all of ${rig.credentials}`, `${ns}/kafka`]))
      read.length = 0
      await pause(8_000)
      const after = [await rig.versions(), await rig.client.list(kinds.secret, { namespace: rig.credentials }, always)]
      expect(JSON.stringify((after[1] as { items: unknown }).items)).toBe(
        JSON.stringify((before[1] as { items: unknown }).items),
      )
      expect(after[0]).toEqual(before[0])
      expect(read.length).toBeLessThanOrEqual(1)
    })
  })
}
