import { describe, expect, test } from 'vitest'
import { Fault } from '../../src/core/fault.ts'
import { apiVersionOf, type KubeClient, type Resource } from '../../src/kube/client.ts'
import { kinds } from '../../src/kube/kinds.ts'
import {
  broker,
  clientWith,
  ControlPlaneRig,
  kafkaAddress,
  nowhere,
  service,
  trigger,
  unique,
  type TestApi,
  type Told,
} from '../support/control-plane-rig.ts'
import { eventually, eventuallyPasses } from '../support/eventually.ts'

const { broker: brokers, trigger: triggers, inlet: inlets, outlet: outlets } = kinds

const condition = (told: Told, type: string) => told.conditions?.find((each) => each.type === type)
const messageOf = (told: Told): string => condition(told, 'Ready')?.message ?? ''
const outletSpec = async (rig: ControlPlaneRig, uid: string): Promise<Record<string, unknown>> =>
  (await rig.get(outlets, rig.system, uid))?.['spec'] as Record<string, unknown>
/** Seconds, as users count them, and what a busy machine makes of them; far less than the minutes after which all is looked at anew. Milliseconds. */
const soon = 30_000
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Refuses the first try of each write, in turns as one that came too late, one of too many, and one that met a fault of the server. */
function firstTriesRefused(client: KubeClient): { client: KubeClient; given: string[] } {
  const given: string[] = []
  const tried = new Set<string>()
  const turns = [
    new Fault('ApiConflict', 'the object has been modified'),
    new Fault('ApiThrottled', 'too many requests', { details: { retryAfterMs: 300 } }),
    new Fault('ApiUnavailable', 'an error on the server'),
  ]
  const refuse = (...write: unknown[]): void => {
    const id = JSON.stringify(write)
    const fault = turns[tried.size % turns.length]
    if (tried.has(id) || fault === undefined) return
    tried.add(id)
    given.push(fault.code)
    throw fault
  }
  const own: Partial<KubeClient> = {
    create: async (...args) => (refuse('create', args[0], args[1].metadata), client.create(...args)),
    apply: async (...args) => (refuse('apply', args[0], args[1].metadata), client.apply(...args)),
    patch: async (...args) => (refuse('patch', args[0], args[1], args[4]), client.patch(...args)),
    delete: async (...args) => (refuse('delete', args[0], args[1]), client.delete(...args)),
  }
  return { client: clientWith(client, own), given }
}

/** What users see of the control plane, on any API server. `namespaces`: whether it takes away what is in a namespace that is deleted. */
export function controlPlanePromises(api: () => Promise<TestApi>, namespaces: boolean): void {
  async function start(options: { kafka?: string | null; workers?: boolean } = {}) {
    const rig = await ControlPlaneRig.start(await api(), options)
    rig.startPlane()
    if (options.workers !== false) await Promise.all([rig.worker('ingress'), rig.worker('dispatcher')])
    const ns = unique('shop')
    await rig.createNamespace(ns)
    // New workers have everything looked at once more: after that, only what a test does brings something up.
    await eventually('workers have said what they saw', async () => {
      const { items } = await rig.client.list(kinds.worker, { namespace: rig.system }, new AbortController().signal)
      return rig.plane?.idle === true && items.every((item) => item['status'] !== undefined)
    })
    await pause(200)
    return { rig, ns }
  }

  /** A Broker, a Trigger and a Service that are Ready. */
  async function serving(options: Parameters<typeof start>[0] = {}) {
    const { rig, ns } = await start(options)
    for (const object of [service(ns), broker(ns), trigger(ns)]) await rig.apply(object)
    await rig.ready(brokers, ns, 'default', 'True')
    await rig.ready(triggers, ns, 'orders', 'True')
    return { rig, ns }
  }

  describe('Broker, Trigger and Service', () => {
    test('come to Ready in each order of creation, with what other tools read', async () => {
      const { rig } = await start()
      await using _ = rig
      const parts = [broker, trigger, service]
      const orders = parts
        .flatMap((a) => parts.flatMap((b) => parts.map((c) => [a, b, c])))
        .filter((o) => new Set(o).size === 3)
      expect(orders).toHaveLength(6)
      for (const order of orders) {
        const ns = unique('shop')
        await rig.createNamespace(ns)
        for (const part of order) {
          await rig.apply(part(ns))
          await pause(50)
        }
        const told = await rig.ready(brokers, ns, 'default', 'True')
        expect(told).toMatchObject({
          address: { name: 'http', url: `http://kafka-broker-ingress.${rig.system}.svc.cluster.local/${ns}/default` },
          annotations: {
            'default.topic': `knative-broker-${ns}-default`,
            'default.topic.partitions': '10',
            'default.topic.replication.factor': '1',
            'bootstrap.servers': kafkaAddress,
            'dead.letter.topic': `knative-broker-${ns}-default__parked`,
          },
        })
        expect(await rig.ready(triggers, ns, 'orders', 'True')).toMatchObject({
          subscriberUri: `http://my-service.${ns}.svc.cluster.local`,
          annotations: { 'group.id': `knative-trigger-${ns}-orders` },
        })
      }
    })

    test('cost few writes, and none once they are Ready, nor when the controller starts anew', async () => {
      const { rig, ns } = await start()
      await using _ = rig
      await rig.apply(service(ns))
      await rig.apply(broker(ns))
      await rig.ready(brokers, ns, 'default', 'True')
      const ofTrigger = await rig.countChanges(triggers)
      const ofOutlet = await rig.countChanges(outlets)
      await rig.apply(trigger(ns))
      await rig.ready(triggers, ns, 'orders', 'True')
      // create, finalizer (the webhook spares it), status; create, status of the worker
      await eventuallyPasses('all changes are seen', () => expect([ofTrigger(), ofOutlet()]).toEqual([3, 2]))
      const before = await rig.atRest()
      await pause(7_000)
      expect(await rig.versions()).toEqual(before)
      await rig.stopPlane()
      rig.startPlane()
      await eventually('it is idle again', () => rig.plane?.idle)
      await pause(4_000)
      expect(await rig.versions()).toEqual(before)
    })

    test('a change of the Trigger reaches its Outlet and is Ready as that version', async () => {
      const { rig, ns } = await serving()
      await using _ = rig
      await rig.apply(trigger(ns, 'orders', { filter: { attributes: { type: 'a' } } }))
      expect((await rig.ready(triggers, ns, 'orders', 'True')).observedGeneration).toBe(2)
      const uid = (await rig.get(triggers, ns, 'orders'))!.metadata.uid
      expect(await rig.get(outlets, rig.system, uid)).toMatchObject({
        spec: { filter: { attributes: { type: 'a' } } },
        metadata: { generation: 2 },
      })
    })

    test('another dialect in a filter replaces the one before in its Outlet, there and back', async () => {
      const { rig, ns } = await serving()
      await using _ = rig
      const uid = (await rig.get(triggers, ns, 'orders'))!.metadata.uid
      const filters = [{ any: [{ prefix: { type: 'a' } }, { not: { exact: { a: 'b' } } }] }, { cesql: 'EXISTS a' }]
      const asked = [
        [{ filter: { attributes: { type: 'a' } } }, { attributes: { type: 'a' } }],
        [{ filters, filter: { attributes: { type: 'a' } } }, { all: filters }],
        [{ filters: [{ suffix: { type: 'a' } }] }, { all: [{ suffix: { type: 'a' } }] }],
        [{ filters: [] }, { attributes: {} }],
      ] as const
      for (const [spec, filter] of asked) {
        await rig.apply(trigger(ns, 'orders', spec))
        await eventuallyPasses('the Outlet has it, and nothing of the one before', async () => {
          expect(await rig.get(outlets, rig.system, uid)).toHaveProperty('spec.filter', filter)
        })
        await rig.ready(triggers, ns, 'orders', 'True')
      }
    })
  })

  describe('deletion', () => {
    const order: Record<string, Resource> = { broker: brokers, trigger: triggers, service: kinds.service }
    const of = (part: string): string => ({ broker: 'default', trigger: 'orders', service: 'my-service' })[part]!

    test.each([
      ['broker', 'trigger', 'service'],
      ['trigger', 'broker', 'service'],
      ['service', 'broker', 'trigger'],
      ['service', 'trigger', 'broker'],
    ])('of %s, %s, %s leaves nothing behind', async (...parts) => {
      const { rig, ns } = await serving()
      await using _ = rig
      await rig.createTopic(`knative-broker-${ns}-default__parked`, { partitions: 1 })
      for (const part of parts) await rig.delete(order[part]!, ns, of(part))
      for (const part of parts) await rig.gone(order[part]!, ns, of(part))
      expect(await rig.topics(`knative-broker-${ns}-default`, `knative-broker-${ns}-default__parked`)).toEqual([])
      expect(await rig.names(inlets, rig.system)).toEqual([])
      expect(await rig.names(outlets, rig.system)).toEqual([])
    })

    test('of a Broker alone takes the Outlets of its Triggers, which come back with it', async () => {
      const { rig, ns } = await serving()
      await using _ = rig
      await rig.delete(brokers, ns, 'default')
      await rig.gone(brokers, ns, 'default')
      const told = await rig.ready(triggers, ns, 'orders', 'False', 'BrokerDoesNotExist')
      expect(messageOf(told)).toContain('apply one')
      await eventuallyPasses('the Outlet is gone', async () => expect(await rig.names(outlets, rig.system)).toEqual([]))
      await rig.apply(broker(ns))
      await rig.ready(triggers, ns, 'orders', 'True')
    })

    test('of a Trigger waits until dispatchers have let go, and only then takes the group', async () => {
      const rig = await ControlPlaneRig.start(await api())
      await using _ = rig
      rig.startPlane()
      await rig.worker('ingress')
      const dispatcher = await rig.worker('dispatcher')
      const ns = unique('shop')
      await rig.createNamespace(ns)
      for (const object of [service(ns), broker(ns), trigger(ns)]) await rig.apply(object)
      await rig.ready(triggers, ns, 'orders', 'True')
      dispatcher.paused = true
      await pause(100)
      await rig.delete(triggers, ns, 'orders')
      await eventuallyPasses('the Outlet is gone', async () => expect(await rig.names(outlets, rig.system)).toEqual([]))
      await pause(2_500)
      expect(await rig.get(triggers, ns, 'orders')).not.toBeNull()
      dispatcher.paused = false
      await rig.gone(triggers, ns, 'orders')
    })

    test('while Kafka is away waits for it and says so; an annotation gives the topic up', async () => {
      const { rig, ns } = await serving()
      await using _ = rig
      rig.kafkaAway = true
      await rig.delete(triggers, ns, 'orders')
      await rig.delete(brokers, ns, 'default')
      await rig.ready(brokers, ns, 'default', 'False', 'LogUnavailable')
      await eventually('the way out is told', async () =>
        messageOf(await rig.status(brokers, ns, 'default')).includes('millrace.dev/force-delete=true'),
      )
      const force = {
        kind: 'merge',
        body: { metadata: { annotations: { 'millrace.dev/force-delete': 'true' } } },
      } as const
      const { signal } = new AbortController()
      await rig.client.patch(brokers, { namespace: ns, name: 'default' }, force, signal)
      await rig.gone(brokers, ns, 'default')
      rig.kafkaAway = false
      await rig.gone(triggers, ns, 'orders')
      expect(await rig.topics(`knative-broker-${ns}-default`)).toHaveLength(1)
    })

    test('of a Broker that never reached Kafka waits for nothing', async () => {
      const { rig, ns } = await start({ kafka: nowhere })
      await using _ = rig
      await rig.apply(broker(ns))
      await rig.ready(brokers, ns, 'default', 'False', 'LogUnavailable')
      await rig.delete(brokers, ns, 'default')
      await rig.gone(brokers, ns, 'default', soon)
    })

    test('of a Broker that has just got its topic takes the topic too', async () => {
      const { rig, ns } = await start({ workers: false })
      await using _ = rig
      const topic = `knative-broker-${ns}-default`
      await rig.apply(broker(ns))
      await eventually('the topic is there', async () => (await rig.topics(topic)).length > 0, { everyMs: 5 })
      await rig.delete(brokers, ns, 'default')
      await rig.gone(brokers, ns, 'default')
      expect(await rig.topics(topic)).toEqual([])
    })

    test.runIf(namespaces)('of their namespace is held up by nothing', async () => {
      const { rig, ns } = await serving()
      await using _ = rig
      await rig.delete(kinds.namespace, '', ns)
      await rig.gone(kinds.namespace, '', ns)
      expect(await rig.topics(`knative-broker-${ns}-default`)).toEqual([])
      expect(await rig.names(outlets, rig.system)).toEqual([])
    })

    test('adds a finalizer that admission did not set', async () => {
      const { rig, ns } = await serving()
      await using _ = rig
      expect((await rig.get(brokers, ns, 'default'))?.metadata.finalizers).toEqual([
        'brokers.eventing.knative.dev/millrace',
      ])
      expect((await rig.get(triggers, ns, 'orders'))?.metadata.finalizers).toEqual([
        'kafka.triggers.eventing.knative.dev/millrace',
      ])
    })

    test('does not go before an Outlet that the cache does not show yet', async () => {
      const { rig, ns } = await start()
      await using _ = rig
      for (const object of [service(ns), broker(ns)]) await rig.apply(object)
      await rig.ready(brokers, ns, 'default', 'True')
      await rig.stopPlane()
      rig.startPlane({ deafTo: outlets })
      await rig.apply(trigger(ns))
      await eventuallyPasses('the Outlet', async () => expect(await rig.names(outlets, rig.system)).toHaveLength(1))
      await rig.delete(triggers, ns, 'orders')
      await rig.gone(triggers, ns, 'orders')
      expect(await rig.names(outlets, rig.system)).toEqual([])
    })

    test('by force, of a finalizer, is cleaned up at the next start', async () => {
      const { rig, ns } = await serving()
      await using _ = rig
      await rig.stopPlane()
      const { signal } = new AbortController()
      const none = { kind: 'merge', body: { metadata: { finalizers: null } } } as const
      await rig.client.patch(triggers, { namespace: ns, name: 'orders' }, none, signal)
      await rig.delete(triggers, ns, 'orders')
      expect(await rig.names(outlets, rig.system)).toHaveLength(1)
      rig.startPlane()
      await eventuallyPasses('the Outlet is gone', async () => expect(await rig.names(outlets, rig.system)).toEqual([]))
      await rig.ready(brokers, ns, 'default', 'True')
    })
  })

  describe('names in Kafka', () => {
    test('that collide belong to who has them; the other is told, and gets them when they are free', async () => {
      const { rig } = await start()
      await using _ = rig
      const stem = unique('n')
      const [first, second] = [
        { ns: `${stem}-b`, name: 'c' },
        { ns: stem, name: 'b-c' },
      ]
      for (const { ns } of [first, second]) await rig.createNamespace(ns)
      await rig.apply(broker(first.ns, first.name))
      await rig.ready(brokers, first.ns, first.name, 'True')
      await rig.apply(broker(second.ns, second.name))
      const told = await rig.ready(brokers, second.ns, second.name, 'False', 'TopicTaken')
      expect(messageOf(told)).toContain(`${first.ns}/${first.name}`)
      // Deleting who has nothing takes nothing away.
      await rig.delete(brokers, second.ns, second.name)
      await rig.gone(brokers, second.ns, second.name)
      expect(await rig.topics(`knative-broker-${stem}-b-c`)).toHaveLength(1)
      await rig.apply(broker(second.ns, second.name))
      await rig.ready(brokers, second.ns, second.name, 'False', 'TopicTaken')
      await rig.delete(brokers, first.ns, first.name)
      await rig.gone(brokers, first.ns, first.name)
      await rig.ready(brokers, second.ns, second.name, 'True')
      expect(await rig.topics(`knative-broker-${stem}-b-c`)).toHaveLength(1)
    })

    test('of consumer groups that collide are refused to the second too', async () => {
      const { rig } = await start()
      await using _ = rig
      const stem = unique('n')
      for (const ns of [`${stem}-b`, stem]) {
        await rig.createNamespace(ns)
        await rig.apply(service(ns))
        await rig.apply(broker(ns))
      }
      await rig.apply(trigger(`${stem}-b`, 'c'))
      await rig.ready(triggers, `${stem}-b`, 'c', 'True')
      await rig.apply(trigger(stem, 'b-c'))
      await rig.ready(triggers, stem, 'b-c', 'False', 'GroupTaken')
      await rig.delete(triggers, `${stem}-b`, 'c')
      await rig.ready(triggers, stem, 'b-c', 'True')
    })

    test('are not kept from whose they are by an annotation that names them first', async () => {
      const { rig, ns } = await start()
      await using _ = rig
      const evil = { 'kafka.eventing.knative.dev/external.topic': `knative-broker-${ns}-default` }
      const elsewhere = unique('elsewhere')
      await rig.createNamespace(elsewhere)
      await rig.apply(broker(elsewhere, 'evil', { annotations: evil }))
      await rig.ready(brokers, elsewhere, 'evil', 'False', 'TopicNotFound')
      // Older, as creationTimestamp tells it: in whole seconds.
      await pause(1_100)
      await rig.apply(broker(ns))
      await rig.ready(brokers, ns, 'default', 'True')
      const told = await rig.ready(brokers, elsewhere, 'evil', 'False', 'TopicTaken')
      expect(messageOf(told)).toContain(`${ns}/default`)
    })

    test('stay as status has them: those of another installation are taken over', async () => {
      const rig = await ControlPlaneRig.start(await api())
      await using _ = rig
      const ns = unique('shop')
      await rig.createNamespace(ns)
      for (const object of [service(ns), broker(ns), trigger(ns)]) await rig.apply(object)
      const { signal } = new AbortController()
      const keep = (annotations: object) =>
        ({ kind: 'json', body: [{ op: 'add', path: '/status', value: { annotations } }] }) as const
      const status = { subresource: 'status' } as const
      await rig.createTopic('my-old-topic')
      await rig.client.patch(
        brokers,
        { namespace: ns, name: 'default' },
        keep({ 'default.topic': 'my-old-topic' }),
        signal,
        status,
      )
      await rig.client.patch(
        triggers,
        { namespace: ns, name: 'orders' },
        keep({ 'group.id': 'my-old-group' }),
        signal,
        status,
      )
      rig.startPlane()
      await Promise.all([rig.worker('ingress'), rig.worker('dispatcher')])
      expect((await rig.ready(triggers, ns, 'orders', 'True')).annotations).toMatchObject({
        'group.id': 'my-old-group',
      })
      const uid = (await rig.get(triggers, ns, 'orders'))!.metadata.uid
      expect((await rig.get(outlets, rig.system, uid))?.['spec']).toMatchObject({
        topic: 'my-old-topic',
        group: 'my-old-group',
      })
      // A topic that is not ours by name is never deleted.
      await rig.delete(brokers, ns, 'default')
      await rig.gone(brokers, ns, 'default')
      expect(await rig.topics('my-old-topic')).toHaveLength(1)
    })

    test('an external topic is waited for, used, and never deleted', async () => {
      const { rig, ns } = await start()
      await using _ = rig
      const topic = unique('theirs')
      await rig.apply(broker(ns, 'default', { annotations: { 'kafka.eventing.knative.dev/external.topic': topic } }))
      const told = await rig.ready(brokers, ns, 'default', 'False', 'TopicNotFound')
      expect(messageOf(told)).toContain('create it')
      await rig.createTopic(topic, { partitions: 3 })
      const parked = `${topic}__parked`
      expect((await rig.ready(brokers, ns, 'default', 'True')).annotations).toMatchObject({
        ...{ 'default.topic': topic, 'dead.letter.topic': parked },
      })
      // its parked events belong to who has the topic
      await rig.createTopic(parked, { partitions: 1 })
      await rig.delete(brokers, ns, 'default')
      await rig.gone(brokers, ns, 'default')
      expect(await rig.topics(topic, parked)).toHaveLength(2)
    })
  })

  describe('configuration', () => {
    test('that is not there yet is asked for with the command to paste', async () => {
      const { rig, ns } = await start({ kafka: null })
      await using _ = rig
      await rig.apply(broker(ns))
      const told = await rig.ready(brokers, ns, 'default', 'False', 'KafkaNotConfigured')
      expect(messageOf(told)).toMatch(/kubectl create configmap kafka-broker-config -n system-\S+ --from-literal/)
      await rig.configure(kafkaAddress)
      await rig.ready(brokers, ns, 'default', 'True')
    })

    const config = (ns: string): object => ({
      spec: { config: { apiVersion: 'v1', kind: 'ConfigMap', name: 'c', namespace: ns } },
    })
    const configMap = (namespace: string, data: object): object => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace, name: 'c' },
      data,
    })

    test('that is missing or broken is told, and mended without touching the Broker', async () => {
      const { rig, ns } = await start()
      await using _ = rig
      await rig.apply(broker(ns, 'default', config(ns)))
      expect(messageOf(await rig.ready(brokers, ns, 'default', 'False', 'ConfigMapNotFound'))).toContain(`${ns}/c`)
      await rig.apply(configMap(ns, { 'default.topic.partitions': 'ten' }))
      expect(messageOf(await rig.ready(brokers, ns, 'default', 'False', 'ConfigInvalid'))).toContain('"ten"')
      await rig.apply(configMap(ns, { 'default.topic.partitions': '4' }))
      expect((await rig.ready(brokers, ns, 'default', 'True')).annotations).toMatchObject({
        'default.topic.partitions': '4',
      })
      expect((await rig.admin.describeTopics([`knative-broker-${ns}-default`]))[0]?.partitions).toBe(4)
    })

    test('that breaks later takes no event away: the Inlet and the Outlets stay', async () => {
      const { rig, ns } = await start()
      await using _ = rig
      await rig.apply(configMap(ns, { 'default.topic.partitions': '4' }))
      for (const object of [service(ns), broker(ns, 'default', config(ns)), trigger(ns)]) await rig.apply(object)
      await rig.ready(triggers, ns, 'orders', 'True')
      const before = await Promise.all(
        [inlets, outlets].map((kind) => rig.client.list(kind, { namespace: rig.system }, new AbortController().signal)),
      )
      const specs = before.map(({ items }) => items.map((item) => item['spec']))
      await rig.delete(kinds.configMap, ns, 'c')
      await rig.ready(brokers, ns, 'default', 'False', 'ConfigMapNotFound')
      await rig.ready(triggers, ns, 'orders', 'False', 'BrokerNotReady')
      await pause(500)
      const after = await Promise.all(
        [inlets, outlets].map((kind) => rig.client.list(kind, { namespace: rig.system }, new AbortController().signal)),
      )
      expect(after.map(({ items }) => items.map((item) => item['spec']))).toEqual(specs)
      await rig.apply(configMap(ns, { 'default.topic.partitions': '4' }))
      await rig.ready(triggers, ns, 'orders', 'True')
    })

    test('with an address where no Kafka is makes Ready False, until it is corrected', async () => {
      const { rig, ns } = await start({ kafka: nowhere })
      await using _ = rig
      for (const object of [service(ns), broker(ns), trigger(ns)]) await rig.apply(object)
      const told = await rig.ready(brokers, ns, 'default', 'False', 'LogUnavailable', soon)
      expect(messageOf(told)).toContain(nowhere)
      expect(messageOf(told)).toContain('correct bootstrap.servers in the ConfigMap')
      await rig.ready(triggers, ns, 'orders', 'False', 'LogUnavailable', soon)
      await rig.configure(kafkaAddress)
      await rig.ready(brokers, ns, 'default', 'True')
      await rig.ready(triggers, ns, 'orders', 'True')
    })

    test('of topics that Kafka refuses says what to correct, until that is done', async () => {
      const { rig, ns } = await start()
      await using _ = rig
      await rig.apply(configMap(ns, { 'default.topic.config.retention.ms': 'long' }))
      await rig.apply(broker(ns, 'default', config(ns)))
      const told = await rig.ready(brokers, ns, 'default', 'False', 'LogRefused')
      expect(messageOf(told)).toMatch(/"long"\. Correct what it names in the ConfigMap/)
      await rig.apply(configMap(ns, { 'default.topic.partitions': '4' }))
      await rig.ready(brokers, ns, 'default', 'True')
    })

    test('of another class is left alone: no status, no finalizer, nor its Triggers', async () => {
      const { rig, ns } = await start()
      await using _ = rig
      await rig.apply(
        broker(ns, 'default', { annotations: { 'eventing.knative.dev/broker.class': 'MTChannelBasedBroker' } }),
      )
      await rig.apply(service(ns))
      await rig.apply(trigger(ns))
      await rig.apply(broker(ns, 'ours'))
      await rig.ready(brokers, ns, 'ours', 'True')
      await pause(2_500)
      for (const [kind, name] of [
        [brokers, 'default'],
        [triggers, 'orders'],
      ] as const) {
        const object = await rig.get(kind, ns, name)
        expect([object?.['status'], object?.metadata.finalizers]).toEqual([undefined, undefined])
      }
    })
  })

  describe('a topic', () => {
    test('with other partitions than configured is used as it is, and that is told', async () => {
      const { rig, ns } = await start()
      await using _ = rig
      await rig.createTopic(`knative-broker-${ns}-default`, { partitions: 3 })
      await rig.apply(broker(ns))
      const told = await rig.ready(brokers, ns, 'default', 'True')
      expect(condition(told, 'TopicReady')).toMatchObject({ status: 'True', reason: 'TopicDiffers' })
      await eventually('an Event says so', async () => {
        const { items } = await rig.client.list(kinds.event, { namespace: ns }, new AbortController().signal)
        return items.some((event) => event['reason'] === 'TopicDiffers')
      })
    })

    test('that vanishes makes Ready False; it is made again, and its loss is told', async () => {
      const { rig, ns } = await serving()
      await using _ = rig
      // It passes in a moment: whoever looks from time to time may miss it.
      const said: string[] = []
      await rig.follow(brokers, ns, ({ status }) => void said.push(messageOf(status ?? {})))
      await rig.admin.deleteTopic(`knative-broker-${ns}-default`)
      await eventually('it is told', () => said.some((message) => message.includes('is gone, with the events')))
      expect(condition(await rig.ready(brokers, ns, 'default', 'True', undefined, soon), 'TopicReady')).toMatchObject({
        reason: 'TopicRecreated',
        message: expect.stringContaining('are lost'),
      })
      await rig.ready(triggers, ns, 'orders', 'True')
    })

    test('is LogUnavailable within 10 s while Kafka is away, for Triggers too, and comes back by itself', async () => {
      const { rig, ns } = await serving()
      await using _ = rig
      rig.kafkaAway = true
      await rig.ready(brokers, ns, 'default', 'False', 'LogUnavailable', soon)
      await rig.ready(triggers, ns, 'orders', 'False', 'LogUnavailable', soon)
      rig.kafkaAway = false
      await rig.ready(brokers, ns, 'default', 'True', undefined, soon)
      await rig.ready(triggers, ns, 'orders', 'True')
    })
  })

  describe('workers', () => {
    test('none of which is Ready make Ready False, and True again when they are back', async () => {
      const rig = await ControlPlaneRig.start(await api())
      await using _ = rig
      rig.startPlane()
      const ns = unique('shop')
      await rig.createNamespace(ns)
      for (const object of [service(ns), broker(ns), trigger(ns)]) await rig.apply(object)
      await rig.ready(brokers, ns, 'default', 'False', 'IngressNotReady')
      const [ingress, dispatcher] = [await rig.worker('ingress'), await rig.worker('dispatcher')]
      await rig.ready(triggers, ns, 'orders', 'True')
      await dispatcher.setReady(false)
      const told = await rig.ready(triggers, ns, 'orders', 'False', 'DispatcherNotConsuming', soon)
      expect(messageOf(told)).toContain('kubectl get pods')
      await dispatcher.setReady(true)
      await rig.ready(triggers, ns, 'orders', 'True')
      await ingress.remove()
      await rig.ready(brokers, ns, 'default', 'False', 'IngressNotReady', soon)
      await rig.worker('ingress', 'another')
      await rig.ready(triggers, ns, 'orders', 'True')
    })

    test('whose Service is not ours make Ready False, for Triggers too, until it is', async () => {
      const { rig, ns } = await serving()
      await using _ = rig
      const message = 'Service a/kafka-broker-ingress exists and is not of Millrace'
      rig.ingressAddress.set({ kind: 'notOurs', message })
      expect(messageOf(await rig.ready(brokers, ns, 'default', 'False', 'NotOurs'))).toBe(message)
      await rig.ready(triggers, ns, 'orders', 'False', 'BrokerNotReady')
      rig.ingressAddress.set({ kind: 'refused', message: 'no' })
      const told = await rig.ready(brokers, ns, 'default', 'False', 'Refused')
      expect(condition(told, 'Addressable')).toMatchObject({ status: 'False', message: 'no' })
      rig.ingressAddress.set({ kind: 'ok' })
      await rig.ready(triggers, ns, 'orders', 'True')
    })

    test('all of which must know a Broker before it is Ready: a sender may meet any ingress', async () => {
      const rig = await ControlPlaneRig.start(await api())
      await using _ = rig
      rig.startPlane()
      await rig.worker('ingress')
      const late = await rig.worker('ingress', 'late')
      const ns = unique('shop')
      await rig.createNamespace(ns)
      late.paused = true
      await rig.apply(broker(ns))
      const told = await rig.ready(brokers, ns, 'default', 'Unknown', 'IngressNotListening')
      expect(messageOf(told)).toContain('kubectl get pods,workers')
      late.paused = false
      await rig.ready(brokers, ns, 'default', 'True')
      // One that is not Ready gets no request.
      late.paused = true
      await late.setReady(false)
      await rig.apply(broker(ns, 'another'))
      await rig.ready(brokers, ns, 'another', 'True')
    })

    test('must own every partition between them', async () => {
      const rig = await ControlPlaneRig.start(await api())
      await using _ = rig
      rig.startPlane()
      await rig.worker('ingress')
      await rig.worker('dispatcher', 'd-0', [0, 1, 2, 3, 4])
      const ns = unique('shop')
      await rig.createNamespace(ns)
      for (const object of [service(ns), broker(ns), trigger(ns)]) await rig.apply(object)
      await rig.ready(triggers, ns, 'orders', 'Unknown', 'PartitionsUnowned')
      await rig.worker('dispatcher', 'd-1', [5, 6, 7, 8, 9])
      await rig.ready(triggers, ns, 'orders', 'True')
    })

    test('that tell of a fault are believed', async () => {
      const rig = await ControlPlaneRig.start(await api())
      await using _ = rig
      rig.startPlane()
      await rig.worker('ingress')
      const dispatcher = await rig.worker('dispatcher')
      const ns = unique('shop')
      await rig.createNamespace(ns)
      for (const object of [service(ns), broker(ns), trigger(ns)]) await rig.apply(object)
      await rig.ready(triggers, ns, 'orders', 'True')
      dispatcher.report = () => ({ state: 'consuming', fault: { reason: 'GroupInUse', message: 'someone is in it' } })
      await rig.ready(triggers, ns, 'orders', 'False', 'GroupInUse')
      dispatcher.report = () => ({
        state: 'consuming',
        fault: { reason: 'DeliveryFailed', message: 'some are parked' },
      })
      const told = await rig.ready(triggers, ns, 'orders', 'True')
      expect(condition(told, 'SubscriptionReady')?.reason).toBe('DeliveryFailed')
    })
  })

  describe('an API server', () => {
    test('that answers 409, 429 or 500 to the first try of each write delays things, and spoils nothing', async () => {
      const { rig, ns } = await start()
      await using _ = rig
      await rig.stopPlane()
      const answers = firstTriesRefused(rig.client)
      rig.startPlane({ through: answers.client })
      for (const object of [service(ns), broker(ns), trigger(ns)]) await rig.apply(object)
      await rig.ready(brokers, ns, 'default', 'True')
      await rig.ready(triggers, ns, 'orders', 'True')
      await rig.apply(trigger(ns, 'orders', { filter: { attributes: { type: 'a' } } }))
      const uid = (await rig.get(triggers, ns, 'orders'))!.metadata.uid
      await eventuallyPasses('the change is in force', async () =>
        expect(await outletSpec(rig, uid)).toHaveProperty('filter', { attributes: { type: 'a' } }),
      )
      await rig.ready(triggers, ns, 'orders', 'True')
      await rig.delete(triggers, ns, 'orders')
      await rig.delete(brokers, ns, 'default')
      await rig.gone(triggers, ns, 'orders')
      await rig.gone(brokers, ns, 'default')
      expect(await rig.topics(`knative-broker-${ns}-default`)).toEqual([])
      expect([...(await rig.names(inlets, rig.system)), ...(await rig.names(outlets, rig.system))]).toEqual([])
      expect(new Set(answers.given)).toEqual(new Set(['ApiConflict', 'ApiThrottled', 'ApiUnavailable']))
    })
  })

  describe('references', () => {
    test('to a Service: gone is told at once, deliveries wait, and it comes back by itself', async () => {
      const { rig, ns } = await serving()
      await using _ = rig
      const uid = (await rig.get(triggers, ns, 'orders'))!.metadata.uid
      const { paused: _no, ...before } = await outletSpec(rig, uid)
      await rig.delete(kinds.service, ns, 'my-service')
      await rig.ready(triggers, ns, 'orders', 'False', 'ReferenceNotResolved', soon)
      // The Outlet stands, so that its positions are kept for as long as it takes.
      await eventuallyPasses('it is paused', async () =>
        expect(await outletSpec(rig, uid)).toEqual({ ...before, paused: true }),
      )
      await rig.apply(service(ns, 'my-service', 8080))
      const told = await rig.ready(triggers, ns, 'orders', 'True')
      expect(condition(told, 'SubscriberResolved')?.message).toContain('port 8080')
      expect(await outletSpec(rig, uid)).toEqual(before)
    })

    test('to any Addressable: in any group and version, installed before or after', async () => {
      const { rig, ns } = await start()
      await using _ = rig
      const group = `${unique('g')}.example.com`
      const ref = { apiVersion: `${group}/v1`, kind: 'Mailbox', name: 'inbox' }
      await rig.apply(broker(ns))
      await rig.apply(trigger(ns, 'orders', { subscriber: { ref, uri: '/in' } }))
      const told = await rig.ready(triggers, ns, 'orders', 'False', 'KindNotInstalled')
      expect(messageOf(told)).toContain(`Mailbox.${group}`)
      const mailboxes = await rig.api.install({
        group,
        version: 'v1',
        plural: 'mailboxes',
        kind: 'Mailbox',
        namespaced: true,
      })
      await rig.ready(triggers, ns, 'orders', 'False', 'ReferenceNotResolved')
      const { signal } = new AbortController()
      const inbox = { namespace: ns, name: 'inbox' }
      await rig.client.create(
        mailboxes,
        { apiVersion: apiVersionOf(mailboxes), kind: 'Mailbox', metadata: inbox },
        signal,
      )
      const say = (url: string) => {
        const body = [{ op: 'add', path: '/status', value: { address: { url } } }]
        return rig.client.patch(mailboxes, inbox, { kind: 'json', body }, signal, { subresource: 'status' })
      }
      await say('http://inbox.example.com/a')
      expect((await rig.ready(triggers, ns, 'orders', 'True')).subscriberUri).toBe('http://inbox.example.com/in')
      await say('http://moved.example.com/a')
      await eventually('the new address', async () => {
        return (await rig.status(triggers, ns, 'orders')).subscriberUri === 'http://moved.example.com/in'
      })
    })

    test('to a Broker, as dead letter sink of each other, and of a Broker for its Triggers', async () => {
      const { rig, ns } = await start()
      await using _ = rig
      const to = (name: string): object => ({
        spec: {
          delivery: { deadLetterSink: { ref: { apiVersion: 'eventing.knative.dev/v1', kind: 'Broker', name } } },
        },
      })
      await rig.apply(service(ns))
      await rig.apply(trigger(ns))
      await rig.apply(broker(ns, 'default', to('dead')))
      await rig.ready(brokers, ns, 'default', 'False', 'ReferenceNotResolved')
      await rig.ready(triggers, ns, 'orders', 'False')
      await rig.apply(broker(ns, 'dead', to('default')))
      for (const name of ['default', 'dead']) await rig.ready(brokers, ns, name, 'True')
      const url = `http://kafka-broker-ingress.${rig.system}.svc.cluster.local/${ns}/dead`
      expect((await rig.ready(triggers, ns, 'orders', 'True')).deadLetterSinkUri).toBe(url)
    })
  })

  describe('a namespace', () => {
    test.each(['knative-eventing-injection', 'eventing.knative.dev/injection'])(
      'with the label %s has a Broker, which is made again when it is deleted',
      async (label) => {
        const { rig } = await start()
        await using _ = rig
        const ns = unique('labelled')
        await rig.createNamespace(ns, { [label]: 'enabled' })
        const first = await rig.ready(brokers, ns, 'default', 'True')
        expect(first.address?.url).toContain(`/${ns}/default`)
        await rig.delete(brokers, ns, 'default')
        await rig.ready(brokers, ns, 'default', 'True')
      },
    )

    test('that config-sugar selects has one too', async () => {
      const { rig } = await start()
      await using _ = rig
      const ns = unique('selected')
      await rig.createNamespace(ns, { team: ns })
      const sugar = (selector: string) => {
        const metadata = rig.inSystem('config-sugar')
        return rig.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'namespace-selector': selector } })
      }
      await sugar('matchExpressions: all')
      await eventually('it is told that it is broken', async () => {
        const { items } = await rig.client.list(kinds.event, { namespace: rig.system }, new AbortController().signal)
        return items.some((event) => event['reason'] === 'SelectorInvalid')
      })
      await sugar(`matchExpressions:\n- key: team\n  operator: In\n  values: [${ns}]\n`)
      await rig.ready(brokers, ns, 'default', 'True')
    })
  })
}
