import { describe, expect, test } from 'vitest'
import { kinds } from '../../src/kube/kinds.ts'
import {
  ControlPlaneRig,
  kafkaAddress,
  nowhere,
  service,
  unique,
  type TestApi,
  type Told,
} from '../support/control-plane-rig.ts'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { kafkaBootstrap } from '../support/kafka.ts'
import { createTopic } from '../support/topics.ts'

const { kafkaSource: sources, outlet: outlets } = kinds
const always = new AbortController().signal

interface ToldSource extends Told {
  readonly consumers?: number
  readonly selector?: string
  readonly topics?: readonly string[]
  readonly placements?: readonly { readonly podName: string; readonly vreplicas: number }[]
  readonly maxAllowedVReplicas?: number
  readonly lag?: number
  readonly lastError?: { readonly message: string }
}

interface Sketch {
  readonly name?: string
  readonly annotations?: Readonly<Record<string, string>>
  readonly labels?: Readonly<Record<string, string>>
  readonly [field: string]: unknown
}

/** A KafkaSource of topic `orders-<namespace>`, to Service `my-service`. */
function kafkaSource(namespace: string, { name = 'orders', annotations = {}, labels = {}, ...spec }: Sketch = {}) {
  return {
    apiVersion: 'sources.knative.dev/v1',
    kind: 'KafkaSource',
    metadata: { namespace, name, annotations, labels },
    spec: {
      bootstrapServers: [kafkaAddress],
      topics: [`orders-${namespace}`],
      consumerGroup: 'my-group',
      sink: { ref: { apiVersion: 'v1', kind: 'Service', name: 'my-service' } },
      ...spec,
    },
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const condition = (told: Told, type: string) => told.conditions?.find((each) => each.type === type)
const messageOf = (told: Told): string => condition(told, 'Ready')?.message ?? ''

/** What users see of KafkaSources, on any API server, without the webhook. `namespaces`: whether it takes away what is in a namespace that is deleted. */
export function kafkaSourcePromises(api: () => Promise<TestApi>, namespaces: boolean): void {
  async function start(options: { workers?: boolean } = {}) {
    const rig = await ControlPlaneRig.start(await api(), { kafka: null })
    rig.startPlane()
    const dispatcher = options.workers === false ? undefined : await rig.worker('dispatcher')
    const ns = unique('shop')
    await rig.createNamespace(ns)
    const ready = (status: string, reason?: string, name = 'orders'): Promise<ToldSource> =>
      rig.ready(sources, ns, name, status, reason)
    /** By topic. */
    const outletsOf = async (name = 'orders') => {
      const { items } = await rig.client.list(outlets, { namespace: rig.system }, always)
      const own = items.filter((each) => (each['spec'] as { source: { name: string } }).source.name === name)
      return new Map(own.map((each) => [(each['spec'] as { topic: string }).topic, each] as const))
    }
    const specOf = async (topic: string, name = 'orders') =>
      ((await outletsOf(name)).get(topic)?.['spec'] ?? {}) as Record<string, unknown>
    return { rig, ns, ready, outletsOf, specOf, dispatcher, topic: `orders-${ns}` }
  }

  /** A KafkaSource that is Ready. */
  async function serving(sketch: Sketch = {}) {
    const scene = await start()
    const { rig, ns, ready, topic } = scene
    await rig.createTopic(topic, { partitions: 3 })
    await rig.apply(service(ns))
    await rig.apply(kafkaSource(ns, sketch))
    return { ...scene, told: await ready('True') }
  }

  describe('a KafkaSource', () => {
    test('comes to Ready, with an Outlet and with what other tools read', async () => {
      const { rig, ns, told, specOf, topic } = await serving({
        consumers: 2,
        ceOverrides: { extensions: { team: 'a' } },
        labels: { 'kafkasources.sources.knative.dev/key-type': 'int' },
      })
      await using _ = rig
      expect(told).toMatchObject({
        sinkUri: `http://my-service.${ns}.svc.cluster.local`,
        topics: [topic],
        ceAttributes: [
          { type: 'dev.knative.kafka.event', source: `/apis/v1/namespaces/${ns}/kafkasources/orders#${topic}` },
        ],
        consumers: 1,
        selector: 'app.kubernetes.io/component=dispatcher,app.kubernetes.io/name=millrace',
        maxAllowedVReplicas: 3,
        placements: [{ podName: 'dispatcher', vreplicas: 10 }],
        annotations: { 'group.id': 'my-group', 'bootstrap.servers': kafkaAddress },
      })
      for (const type of ['ConsumerGroup', 'SinkProvided', 'OIDCIdentityCreated', 'KafkaReady', 'TopicsReady'])
        expect(condition(told, type)?.status).toBe('True')
      const uid = (await rig.get(sources, ns, 'orders'))!.metadata.uid
      const [name] = await rig.names(outlets, rig.system)
      expect(name).toMatch(new RegExp(`^${uid}\\.[0-9a-f]{8}$`))
      expect(await specOf(topic)).toEqual({
        source: { kind: 'KafkaSource', namespace: ns, name: 'orders' },
        topic,
        bootstrapServers: kafkaAddress,
        group: 'my-group',
        start: 'latest',
        filter: { attributes: {} },
        conversion: {
          type: 'dev.knative.kafka.event',
          source: `/apis/v1/namespaces/${ns}/kafkasources/orders#${topic}`,
          keyType: 'int',
          tombstones: 'deliver',
        },
        extensions: { team: 'a' },
        subscriber: { url: `http://my-service.${ns}.svc.cluster.local` },
        delivery: { retry: 10, backoffPolicy: 'exponential', backoffDelayMs: 300, timeoutMs: 600_000 },
        onExhausted: 'block',
        order: 'ordered',
        consumers: 2,
      })
    })

    test('says by annotations what Knative has no field for', async () => {
      const { rig, specOf, topic } = await serving({
        ordering: 'unordered',
        initialOffset: 'earliest',
        delivery: { retry: 1, deadLetterSink: { uri: 'http://dead.example/' } },
        annotations: {
          'sources.millrace.dev/start-at': '2026-01-02T03:04:05Z',
          'sources.millrace.dev/tombstones': 'skip',
          'eventing.millrace.dev/onExhausted': 'Drop',
        },
      })
      await using _ = rig
      expect(await specOf(topic)).toMatchObject({
        startAtMs: Date.UTC(2026, 0, 2, 3, 4, 5),
        order: 'unordered',
        onExhausted: 'drop',
        conversion: { tombstones: 'skip' },
        delivery: { retry: 1, deadLetter: { url: 'http://dead.example/' } },
      })
    })

    test('in v1beta1, as Knative has left it, is taken over', async () => {
      const { rig, ns, ready, topic } = await start()
      await using _ = rig
      await rig.createTopic(topic)
      await rig.apply(service(ns))
      const object = kafkaSource(ns) as { metadata: object }
      const finalizers = ['kafkasources.sources.knative.dev']
      await rig.apply({ ...object, metadata: { ...object.metadata, finalizers } })
      const status = {
        observedGeneration: 1,
        conditions: [{ type: 'Deployed', status: 'True' }],
        placements: [{ podName: 'kafka-source-dispatcher-0', vreplicas: 1 }],
        claims: 'a',
      }
      await rig.client.patch(sources, { namespace: ns, name: 'orders' }, { kind: 'merge', body: { status } }, always, {
        subresource: 'status',
      })
      const told = await ready('True')
      expect(condition(told, 'Deployed')).toBeUndefined()
      expect(told.placements).toEqual([{ podName: 'dispatcher', vreplicas: 10 }])
      await rig.delete(sources, ns, 'orders')
      await rig.gone(sources, ns, 'orders')
    })

    test('without a consumer group has one of its own, which goes with it', async () => {
      const { rig, ns, told } = await serving({ consumerGroup: undefined })
      await using _ = rig
      const uid = (await rig.get(sources, ns, 'orders'))!.metadata.uid
      expect(told.annotations?.['group.id']).toBe(`knative-kafka-source-${uid}`)
    })

    test('costs few writes, and none once it is Ready, nor when the controller starts anew', async () => {
      const { rig, ns, ready, topic } = await start()
      await using _ = rig
      await rig.createTopic(topic)
      await rig.apply(service(ns))
      const changes = await rig.countChanges(sources)
      await rig.apply(kafkaSource(ns))
      await ready('True')
      // create, finalizer (the webhook spares it), status
      await eventuallyPasses('all changes are seen', () => expect(changes()).toBe(3))
      const before = await rig.atRest()
      await pause(4_500)
      expect(await rig.versions()).toEqual(before)
      await rig.stopPlane()
      rig.startPlane()
      await eventually('it is idle again', () => rig.plane?.idle)
      await pause(4_000)
      expect(await rig.versions()).toEqual(before)
    })
  })

  describe('topics', () => {
    test('that are missing are named, not made, and read from their first record once they are there', async () => {
      const { rig, ns, ready, specOf, topic } = await start()
      await using _ = rig
      await rig.apply(service(ns))
      await rig.createTopic(topic)
      await rig.apply(kafkaSource(ns, { topics: [topic, `late-${ns}`] }))
      const told = await ready('False', 'TopicNotFound')
      expect(messageOf(told)).toContain(`topic late-${ns} does not exist: create it, or correct spec.topics`)
      await eventuallyPasses('the one that is there is read', async () =>
        expect(await specOf(topic)).toMatchObject({ start: 'latest' }),
      )
      await eventuallyPasses('what it reads is told', async () =>
        expect((await rig.status(sources, ns, 'orders')) as ToldSource).toMatchObject({ topics: [topic] }),
      )
      expect(await rig.topics(`late-${ns}`)).toEqual([])
      await rig.createTopic(`late-${ns}`)
      await ready('True')
      expect(await specOf(`late-${ns}`)).toMatchObject({ start: 'earliest', group: 'my-group' })
      expect(await specOf(topic)).toMatchObject({ start: 'latest' })
    })

    test('that are deleted are told of within seconds, and the Outlet stays for when they come back', async () => {
      const { rig, ready, specOf, topic } = await serving()
      await using _ = rig
      await rig.admin.deleteTopic(topic)
      expect(messageOf(await ready('False', 'TopicNotFound'))).toContain(topic)
      expect(await specOf(topic)).toMatchObject({ topic })
      await rig.createTopic(topic)
      await ready('True')
    })

    test('by pattern: those that are there, those that come, and those that go', async () => {
      const { rig, ns, ready, outletsOf, specOf } = await start()
      await using _ = rig
      await rig.apply(service(ns))
      const annotations = { 'sources.millrace.dev/topics-pattern': `${ns}-a*, ${ns}-*z` }
      await rig.apply(kafkaSource(ns, { topics: undefined, annotations }))
      expect(messageOf(await ready('False', 'TopicsEmpty'))).toContain(`no topic is called ${ns}-a*, ${ns}-*z`)
      await rig.createTopic(`${ns}-a1`, { partitions: 2 })
      await rig.createTopic(`${ns}-b`)
      expect((await ready('True')).topics).toEqual([`${ns}-a1`])
      await rig.createTopic(`${ns}-xyz`, { partitions: 5 })
      await eventuallyPasses('what is new is read', async () => {
        expect([...(await outletsOf()).keys()].toSorted()).toEqual([`${ns}-a1`, `${ns}-xyz`])
        expect((await rig.status(sources, ns, 'orders')) as ToldSource).toMatchObject({ maxAllowedVReplicas: 7 })
      })
      expect(await specOf(`${ns}-xyz`)).toMatchObject({ start: 'earliest' })
      await rig.admin.deleteTopic(`${ns}-a1`)
      await eventuallyPasses('what is gone has no Outlet any more', async () =>
        expect([...(await outletsOf()).keys()]).toEqual([`${ns}-xyz`]),
      )
      await ready('True')
    })

    test('taken out of the list lose their Outlet, the others keep theirs', async () => {
      const { rig, ns, ready, outletsOf, topic } = await serving()
      await using _ = rig
      await rig.createTopic(`more-${ns}`)
      await rig.apply(kafkaSource(ns, { topics: [topic, `more-${ns}`] }))
      await eventuallyPasses('both are read', async () => expect((await outletsOf()).size).toBe(2))
      await ready('True')
      const before = (await outletsOf()).get(`more-${ns}`)?.metadata.generation
      await rig.apply(kafkaSource(ns, { topics: [`more-${ns}`] }))
      await eventuallyPasses('one is left', async () => expect([...(await outletsOf()).keys()]).toEqual([`more-${ns}`]))
      expect((await outletsOf()).get(`more-${ns}`)?.metadata.generation).toBe(before)
    })
  })

  describe('what is wrong is said, and passes by itself', () => {
    test('Kafka that is away, while events flow on', async () => {
      const { rig, ready, outletsOf } = await serving()
      await using _ = rig
      rig.kafkaAway = true
      const told = await ready('False', 'LogUnavailable')
      expect(messageOf(told)).toMatch(/Kafka at kafka\.test:9092: .* Correct spec\.bootstrapServers, or see why/)
      expect((await outletsOf()).size).toBe(1)
      rig.kafkaAway = false
      await ready('True')
    })

    test('an address where nothing listens, and then another one', async () => {
      const { rig, ns, ready, topic } = await start()
      await using _ = rig
      await rig.createTopic(topic)
      await rig.apply(service(ns))
      await rig.apply(kafkaSource(ns, { bootstrapServers: [nowhere] }))
      await ready('False', 'LogUnavailable')
      await rig.apply(kafkaSource(ns))
      await ready('True')
    })

    test('other servers: of the same Kafka it goes on there, in another Kafka it begins as initialOffset says', async () => {
      const { rig, ns, ready, outletsOf, topic } = await serving()
      await using _ = rig
      const kafka = kafkaBootstrap()
      const known = async () => (await outletsOf()).get(topic)!
      const standsAt = (servers: string) =>
        eventuallyPasses('it is read there', async () =>
          expect((await known())['spec']).toMatchObject({ bootstrapServers: servers }),
        )
      const first = await known()
      const at = (bootstrapServers: string) => kafkaSource(ns, { bootstrapServers: [bootstrapServers] })

      await rig.apply(at(nowhere))
      await ready('False', 'LogUnavailable')
      expect((await known())['spec']).toMatchObject({ bootstrapServers: kafkaAddress })

      await createTopic(kafka, { name: topic, partitions: 3 })
      await rig.apply({ ...at(kafka), spec: { ...at(kafka).spec, initialOffset: 'earliest' } })
      await standsAt(kafka)
      await ready('True')
      const second = await known()
      // anew: nothing of what was known of the former one counts
      expect(second.metadata.uid).not.toBe(first.metadata.uid)
      expect(second['spec']).toMatchObject({ start: 'earliest' })

      const alias = kafka.replace('127.0.0.1', 'localhost')
      await rig.apply(at(alias))
      await standsAt(alias)
      await ready('True')
      expect((await known()).metadata.uid).toBe(second.metadata.uid)
    })

    test('a sink that is missing, one that goes, and one that comes back', async () => {
      const { rig, ns, ready, outletsOf, topic } = await start()
      await using _ = rig
      await rig.createTopic(topic)
      await rig.apply(kafkaSource(ns))
      expect(messageOf(await ready('False', 'ReferenceNotResolved'))).toContain(`spec.sink: Service ${ns}/my-service`)
      await rig.apply(service(ns))
      await ready('True')
      await rig.delete(kinds.service, ns, 'my-service')
      await ready('False', 'ReferenceNotResolved')
      // it stays, for somebody has to keep the positions
      const paused = async () => expect((await outletsOf()).get(topic)?.['spec']).toMatchObject({ paused: true })
      await eventuallyPasses('nothing is delivered', paused)
      const { uid } = (await outletsOf()).get(topic)!.metadata
      await rig.apply(service(ns))
      const told = await ready('True')
      expect(told.topics).toEqual([topic])
      const again = (await outletsOf()).get(topic)
      expect(again?.metadata.uid).toBe(uid)
      expect(again?.['spec']).not.toHaveProperty('paused')
    })

    test('a Secret that comes late, and a key that is missing in it', async () => {
      const { rig, ns, ready, topic, specOf } = await start()
      await using _ = rig
      await rig.createTopic(topic)
      await rig.apply(service(ns))
      const from = (key: string) => ({ secretKeyRef: { name: 'kafka', key } })
      const net = { sasl: { enable: true, user: from('user'), password: from('password') } }
      await rig.apply(kafkaSource(ns, { net }))
      expect(messageOf(await ready('False', 'SecretNotFound'))).toContain('kafka')
      const text = (value: string): string => Buffer.from(value).toString('base64')
      const secret = (data: object) => ({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { namespace: ns, name: 'kafka' },
        data,
      })
      const annotations = { 'eventing.millrace.dev/refresh': '1' }
      await rig.apply(secret({ user: text('a') }))
      await rig.apply(kafkaSource(ns, { net, annotations }))
      await ready('False', 'SecretKeyMissing')
      await rig.apply(secret({ user: text('a'), password: text('b') }))
      await rig.apply(kafkaSource(ns, { net, annotations: { 'eventing.millrace.dev/refresh': '2' } }))
      await ready('True')
      expect(await specOf(topic)).toMatchObject({ credential: expect.stringMatching(/^kafka-/) })
    })

    test('a group that others are in, lost events, and no dispatcher', async () => {
      const { rig, ready, dispatcher } = await serving()
      await using _ = rig
      dispatcher!.report = () => ({ state: 'starting', fault: { reason: 'GroupInUse', message: 'stop the others' } })
      expect(messageOf(await ready('False', 'GroupInUse'))).toBe('stop the others')
      dispatcher!.report = () => ({ state: 'consuming', fault: { reason: 'EventsExpired', message: '3 were lost' } })
      const told = await ready('True')
      expect(condition(told, 'ConsumerGroup')).toMatchObject({ reason: 'EventsExpired', message: '3 were lost' })
      await dispatcher!.setReady(false)
      await ready('False', 'DispatcherNotConsuming')
      await dispatcher!.setReady(true)
      await ready('True')
    })

    test('the same group for the same topic: the later one waits until the first is gone; another topic is no conflict', async () => {
      const { rig, ns, ready, outletsOf, topic } = await serving()
      await using _ = rig
      await rig.createTopic(`other-${ns}`)
      await rig.apply(kafkaSource(ns, { name: 'second' }))
      await rig.apply(kafkaSource(ns, { name: 'third', topics: [`other-${ns}`] }))
      expect(messageOf(await ready('False', 'GroupTaken', 'second'))).toContain(`KafkaSource ${ns}/orders`)
      await ready('True', undefined, 'third')
      expect((await outletsOf('second')).size).toBe(0)
      await rig.delete(sources, ns, 'orders')
      await ready('True', undefined, 'second')
      expect([...(await outletsOf('second')).keys()]).toEqual([topic])
    })

    test('the same group: who reads a topic keeps it, whoever of the two asks for more later', async () => {
      const { rig, ns, ready, outletsOf, topic } = await serving()
      await using _ = rig
      const other = `other-${ns}`
      await rig.createTopic(other)
      await rig.apply(kafkaSource(ns, { name: 'second', topics: [other] }))
      await ready('True', undefined, 'second')
      for (const [asks, has, own, more] of [
        ['orders', 'second', topic, other],
        ['second', 'orders', other, topic],
      ] as const) {
        const outlet = (await outletsOf(has)).get(more)?.metadata.uid
        await rig.apply(kafkaSource(ns, { name: asks, topics: [own, more] }))
        expect(messageOf(await ready('False', 'GroupTaken', asks))).toContain(`KafkaSource ${ns}/${has}`)
        await ready('True', undefined, has)
        expect((await outletsOf(has)).get(more)?.metadata.uid).toBe(outlet)
        await rig.apply(kafkaSource(ns, { name: asks, topics: [own] }))
        await ready('True', undefined, asks)
      }
    })

    test('the same group: a pattern never reads a topic, not for a moment, that another one reads', async () => {
      const { rig, ns, ready, topic } = await serving()
      await using _ = rig
      const annotations = { 'sources.millrace.dev/topics-pattern': topic.replace('orders', 'o*s') }
      const outletsMade = await rig.countChanges(outlets)
      await rig.apply(kafkaSource(ns, { name: 'second', topics: undefined, annotations }))
      expect(messageOf(await ready('False', 'GroupTaken', 'second'))).toContain(`KafkaSource ${ns}/orders`)
      expect(outletsMade()).toBe(0)
      await ready('True')
      await rig.delete(sources, ns, 'orders')
      await ready('True', undefined, 'second')
    })
  })

  describe('while it runs', () => {
    test('pausing by annotation and by consumers keeps the Outlet, and going on needs no new position', async () => {
      const { rig, ns, ready, specOf, topic } = await serving()
      await using _ = rig
      await rig.apply(kafkaSource(ns, { annotations: { 'sources.millrace.dev/paused': 'true' } }))
      expect(messageOf(await ready('False', 'Paused'))).toContain(
        `kubectl annotate kafkasource orders -n ${ns} sources.millrace.dev/paused-`,
      )
      expect(await specOf(topic)).toMatchObject({ paused: true })
      await rig.apply(kafkaSource(ns, { annotations: { 'sources.millrace.dev/paused': 'false' }, consumers: 0 }))
      expect(messageOf(await ready('False', 'Paused'))).toContain('kubectl scale kafkasource orders')
      await rig.apply(kafkaSource(ns, { annotations: { 'sources.millrace.dev/paused': 'false' } }))
      await ready('True')
      expect(await specOf(topic)).not.toHaveProperty('paused')
    })

    test('lag, the last delivery and the last error are in its status, and an Event tells of dropped events', async () => {
      const { rig, ns, dispatcher } = await serving()
      await using _ = rig
      const lastError = { time: '2026-01-01T00:00:01Z', message: '503 later' }
      const lastDelivery = '2026-01-01T00:00:02Z'
      const shares = { dispatcher: { rate: 4.2, lastDelivery, lastError, undelivered: { dropped: 3 } } }
      dispatcher!.report = () => ({ progress: { lag: 42 }, shares, state: 'consuming' })
      await eventuallyPasses('they are', async () =>
        expect(await rig.status(sources, ns, 'orders')).toMatchObject({
          ...{ lag: 42, rate: 4.2, lastDelivery, lastError },
          undelivered: { dropped: 3 },
        }),
      )
      await eventually('the Event', async () => {
        const { items } = await rig.client.list(kinds.event, { namespace: ns }, always)
        return items.some(({ reason }) => reason === 'Dropped')
      })
    })

    test('who has its partitions is told when they moved', async () => {
      const { rig, ns } = await serving()
      await using _ = rig
      await rig.worker('dispatcher', 'dispatcher-b', [0, 1])
      await eventuallyPasses('both are told', async () =>
        expect(await rig.status(sources, ns, 'orders')).toMatchObject({
          consumers: 2,
          placements: [
            { podName: 'dispatcher', vreplicas: 10 },
            { podName: 'dispatcher-b', vreplicas: 2 },
          ],
        }),
      )
    })
  })

  describe('deletion', () => {
    /** Positions of a group in the log of the rig. */
    const kindOf = async (rig: ControlPlaneRig, group: string) => (await rig.admin.describeGroup(group)).kind

    test('waits until dispatchers have let go, and leaves no Outlet behind', async () => {
      const { rig, ns, dispatcher } = await serving()
      await using _ = rig
      dispatcher!.paused = true
      await pause(100)
      await rig.delete(sources, ns, 'orders')
      await eventuallyPasses('the Outlet is gone', async () => expect(await rig.names(outlets, rig.system)).toEqual([]))
      await pause(2_500)
      expect(await rig.get(sources, ns, 'orders')).not.toBeNull()
      dispatcher!.paused = false
      await rig.gone(sources, ns, 'orders')
    })

    test.each([
      ['of its own goes with it', undefined, 'missing'],
      ['that the user named stays, with its positions', 'theirs', 'simple'],
    ])('a group %s', async (_, consumerGroup, after) => {
      const { rig, ns, told, topic } = await serving({ consumerGroup })
      await using __ = rig
      const group = told.annotations?.['group.id'] ?? ''
      await rig.commit(group, topic)
      expect(await kindOf(rig, group)).toBe('simple')
      await rig.delete(sources, ns, 'orders')
      await rig.gone(sources, ns, 'orders')
      expect(await kindOf(rig, group)).toBe(after)
      expect(await rig.topics(topic)).toEqual([topic])
    })

    test('while Kafka is away says so, and the way out works', async () => {
      const { rig, ns, ready } = await serving({ consumerGroup: undefined })
      await using _ = rig
      rig.kafkaAway = true
      await rig.delete(sources, ns, 'orders')
      await eventually('the way out is told', async () =>
        messageOf(await rig.status(sources, ns, 'orders')).includes('millrace.dev/force-delete=true'),
      )
      await ready('False', 'LogUnavailable').catch(() => undefined)
      const body = { metadata: { annotations: { 'millrace.dev/force-delete': 'true' } } }
      await rig.client.patch(sources, { namespace: ns, name: 'orders' }, { kind: 'merge', body }, always)
      await rig.gone(sources, ns, 'orders')
    })

    test('of one that never was Ready, with a Secret that never came, takes a moment', async () => {
      const { rig, ns, ready } = await start()
      await using _ = rig
      const from = (key: string) => ({ secretKeyRef: { name: 'kafka', key } })
      const net = { sasl: { enable: true, user: from('user'), password: from('password') } }
      await rig.apply(service(ns))
      await rig.apply(kafkaSource(ns, { net }))
      await ready('False', 'SecretNotFound')
      await rig.delete(sources, ns, 'orders')
      await rig.gone(sources, ns, 'orders', 30_000)
    })

    test.runIf(namespaces)('of the whole namespace', async () => {
      const { rig, ns } = await serving({ consumerGroup: undefined })
      await using _ = rig
      await rig.client.delete(kinds.namespace, { namespace: '', name: ns }, always)
      await rig.gone(sources, ns, 'orders')
      await eventuallyPasses('no Outlet is left', async () => expect(await rig.names(outlets, rig.system)).toEqual([]))
    })

    test('by hand, past the finalizer: what is left of it is swept away at the next start', async () => {
      const { rig, ns } = await serving()
      await using _ = rig
      await rig.stopPlane()
      await rig.delete(sources, ns, 'orders')
      const body = { metadata: { finalizers: null } }
      await rig.client.patch(sources, { namespace: ns, name: 'orders' }, { kind: 'merge', body }, always)
      await rig.gone(sources, ns, 'orders')
      expect(await rig.names(outlets, rig.system)).toHaveLength(1)
      rig.startPlane()
      await eventuallyPasses('it is gone', async () => expect(await rig.names(outlets, rig.system)).toEqual([]))
    })
  })
}
