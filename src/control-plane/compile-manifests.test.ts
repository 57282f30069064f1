import { describe, expect, it } from 'vitest'
import { parseManifest, type Manifest } from '../api/manifest.ts'
import { formatProblem } from '../api/problem.ts'
import { Inlet } from '../contract/inlet.ts'
import { Outlet } from '../contract/outlet.ts'
import { compileManifests } from './compile-manifests.ts'
import type { Compiled, CompileOptions } from './compile-manifests.ts'
import { conclude } from './conclude.ts'
import type { Observed } from './conclude.ts'
import { parkingTopic } from './names.ts'
import { serviceUrl } from './resolve.ts'

const options: CompileOptions = {
  ingressUrl: 'http://127.0.0.1:8080/',
  topicDefaults: { partitions: 4, replicationFactor: 1, config: {} },
  resolveReference: (ref) => {
    if (ref.name.startsWith('missing')) return { missing: `Service ${ref.name} has no address; map it` }
    return { url: serviceUrl(ref) }
  },
}

function compile(text: string, more: Partial<CompileOptions> = {}): Compiled {
  return compileManifests(parse(text), { ...options, ...more })
}

function parse(text: string): readonly Manifest[] {
  const { objects, problems } = parseManifest(text, 'a.yaml')
  expect(problems.map(formatProblem)).toEqual([])
  return objects
}

/** As if `replacement` stood there: manifests are refused for it, but who was served with it is served on. */
function compileUnchecked(text: string, word: string, replacement: string): Compiled {
  const objects = JSON.parse(JSON.stringify(parse(text)).replaceAll(word, replacement)) as readonly Manifest[]
  return compileManifests(objects, options)
}

const broker = (spec = '{}', metadata = '{name: default}'): string =>
  `apiVersion: eventing.knative.dev/v1\nkind: Broker\nmetadata: ${metadata}\nspec: ${spec}\n---\n`
const trigger = (spec = '', metadata = '{name: orders}'): string =>
  `apiVersion: eventing.knative.dev/v1\nkind: Trigger\nmetadata: ${metadata}\nspec: {broker: default, subscriber: {ref: {apiVersion: v1, kind: Service, name: my-service}, uri: /my-custom-path}${spec}}\n---\n`
const configMap = (data: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: ${data}\n---\n`
const withConfig = '{config: {apiVersion: v1, kind: ConfigMap, name: c}}'

describe('a Broker and a Trigger', () => {
  it('become an Inlet, a topic and an Outlet that the data plane accepts', () => {
    const { inlets, outlets, topics, notices } = compile(broker() + trigger(', filter: {attributes: {type: a}}'))
    expect(inlets.map((inlet) => Inlet.parse(inlet))).toMatchObject([
      { path: '/default/default', topic: 'knative-broker-default-default', generation: 1 },
    ])
    expect(outlets.map((outlet) => Outlet.parse(outlet))).toMatchObject([
      {
        source: { kind: 'Trigger', namespace: 'default', name: 'orders' },
        topic: 'knative-broker-default-default',
        replyTopic: 'knative-broker-default-default',
        group: 'knative-trigger-default-orders',
        start: 'latest',
        filter: { attributes: { type: 'a' } },
        subscriber: { url: 'http://my-service.default.svc.cluster.local/my-custom-path' },
        parking: { topic: 'knative-broker-default-default__parked', partitions: 1, replicationFactor: 1 },
        order: 'unordered',
      },
    ])
    expect(topics).toEqual([
      { external: false, spec: { name: 'knative-broker-default-default', ...options.topicDefaults } },
    ])
    expect(notices).toEqual([])
  })

  it('keep the order that an annotation asks for', () => {
    const metadata = '{name: orders, annotations: {kafka.eventing.knative.dev/delivery.order: ordered}}'
    expect(compile(broker() + trigger('', metadata)).outlets[0]?.order).toBe('ordered')
  })

  it('use the topic that an annotation names, which is not theirs', () => {
    const metadata = '{name: default, annotations: {kafka.eventing.knative.dev/external.topic: orders_v1}}'
    const { inlets, outlets, topics } = compile(broker('{}', metadata) + trigger())
    expect([inlets[0]?.topic, outlets[0]?.topic, outlets[0]?.replyTopic]).toEqual(Array(3).fill('orders_v1'))
    expect(topics).toMatchObject([{ external: true, spec: { name: 'orders_v1' } }])
  })

  it('have the UID of the API server, or one that stays', () => {
    const own = compile(broker('{}', '{name: default, uid: u-1}'))
    expect(own.inlets[0]?.uid).toBe('u-1')
    const [a, b] = [compile(broker() + trigger()), compile(trigger() + broker())]
    expect(a.inlets).toEqual(b.inlets)
    expect(a.outlets).toEqual(b.outlets)
    expect(a.inlets[0]?.uid).not.toBe(a.outlets[0]?.uid)
  })

  it('may refer to a Broker, which is reached at the ingress', () => {
    const sink = ', delivery: {deadLetterSink: {ref: {apiVersion: eventing.knative.dev/v1, kind: Broker, name: dead}}}'
    const { outlets } = compile(broker() + broker('{}', '{name: dead}') + trigger(sink))
    expect(outlets[0]?.delivery.deadLetter).toEqual({ url: 'http://127.0.0.1:8080/default/dead' })
  })
})

describe('effective delivery', () => {
  const shipped = { retry: 10, backoffPolicy: 'exponential', backoffDelayMs: 200, timeoutMs: 600_000 }
  const bare = { retry: 0, backoffPolicy: 'exponential', backoffDelayMs: 200, timeoutMs: 600_000 }
  const dls = 'deadLetterSink: {uri: http://dls/x}'
  const deadLetter = { url: 'http://dls/x' }
  it.each([
    ['neither says anything: the shipped default', '{}', '', shipped],
    ['the Broker says something: the rest is run-time default', '{delivery: {retry: 3}}', '', { ...bare, retry: 3 }],
    ['the Broker has a sink: inherited', `{delivery: {${dls}}}`, '', { ...bare, deadLetter }],
    [
      'the Trigger replaces as a whole',
      `{delivery: {retry: 3, ${dls}}}`,
      ', delivery: {timeout: PT1S}',
      { ...bare, timeoutMs: 1000 },
    ],
    ['an empty delivery of the Trigger replaces too', `{delivery: {retry: 3}}`, ', delivery: {}', bare],
    [
      'all parts of the Trigger',
      '{}',
      `, delivery: {retry: 1, backoffPolicy: linear, backoffDelay: PT1.5S, timeout: PT2M, ${dls}}`,
      { retry: 1, backoffPolicy: 'linear', backoffDelayMs: 1500, timeoutMs: 120_000, deadLetter },
    ],
  ])('%s', (_, brokerSpec, triggerSpec, delivery) => {
    expect(compile(broker(brokerSpec) + trigger(triggerSpec)).outlets[0]?.delivery).toEqual(delivery)
  })
})

describe('the topic of a Broker', () => {
  it('is made as its ConfigMap says', () => {
    const data = '{default.topic.partitions: "12", default.topic.config.retention.ms: "60000"}'
    const { topics, notices } = compile(broker(withConfig) + configMap(data))
    const spec = {
      name: 'knative-broker-default-default',
      partitions: 12,
      replicationFactor: 1,
      config: { 'retention.ms': '60000' },
    }
    expect(topics).toEqual([{ external: false, spec }])
    expect(notices).toEqual([])
  })

  it('is made by default when the ConfigMap is not there, and that is said', () => {
    const { topics, notices } = compile(broker(withConfig))
    expect(topics[0]?.spec.partitions).toBe(4)
    expect(notices[0]?.message).toMatch(/ConfigMap default\/c, which is not there: 4 partitions/)
  })

  it('has no more replicas than there are Kafka brokers, and that is said', () => {
    const data = '{default.topic.replication.factor: "3"}'
    const { topics, notices } = compile(broker(withConfig) + configMap(data), { maxReplicationFactor: 1 })
    expect(topics[0]?.spec.replicationFactor).toBe(1)
    expect(notices[0]?.message).toMatch(/replication factor 3 lowered to 1, since there is one Kafka broker/)
  })

  it('keeps the Inlet and the topic of a Broker whose ConfigMap breaks later', () => {
    const first = compile(broker(withConfig) + configMap('{default.topic.partitions: "12"}'))
    const broken = compile(broker(withConfig) + configMap('{default.topic.partitions: "three"}'), { previous: first })
    expect(broken.inlets).toEqual(first.inlets)
    expect(broken.topics.map(({ spec }) => spec.name)).toEqual(first.topics.map(({ spec }) => spec.name))
    expect(broken.brokers[0]?.conditions).toContainEqual(
      expect.objectContaining({ type: 'ConfigParsed', status: 'False' }),
    )
  })

  it.each(['ten', '0', '-1', '1.5'])('is refused when the ConfigMap asks for %s partitions', (partitions) => {
    const compiled = compile(broker(withConfig) + trigger() + configMap(`{default.topic.partitions: "${partitions}"}`))
    expect(compiled.inlets).toEqual([])
    expect(verdicts(compiled)).toMatchObject([
      ['Broker default/default', 'False', 'ConfigInvalid'],
      ['Trigger default/orders', 'False', 'BrokerNotReady'],
    ])
  })

  it('parks under a name that no Broker can have and Kafka takes', () => {
    const long = ['x', 'y'].map((end) => parkingTopic(`${'a'.repeat(248)}${end}`))
    expect(long[0]).not.toBe(long[1])
    for (const name of long) expect(name).toMatch(/^[a-zA-Z0-9._-]{1,249}$/)
    expect(parkingTopic('t')).toBe('t__parked')
  })

  it('must have a name that Kafka takes', () => {
    const compiled = compileUnchecked(broker('{}', '{name: long-name}'), 'long-name', 'a'.repeat(230))
    expect(verdicts(compiled)).toMatchObject([[expect.any(String), 'False', 'NameTooLong']])
    expect(compiled.topics).toEqual([])
  })
})

describe('names that collide in Kafka', () => {
  const ab = broker('{}', '{namespace: a-b, name: c}')
  const a = broker('{}', '{namespace: a, name: b-c}')
  const taken = 'Broker a-b/c'

  it('belong to the first, and the second is told', () => {
    const compiled = compile(ab + a)
    expect(compiled.inlets.map(({ path }) => path)).toEqual(['/a-b/c'])
    expect(compiled.topics).toHaveLength(1)
    const [first, second] = conclude(compiled, seen({ topics: new Map([['knative-broker-a-b-c', 'ready']]) }))
    expect(first?.ready).toBe('True')
    expect(second).toMatchObject({ ready: 'False', reason: 'TopicTaken' })
    expect(second?.message).toContain(taken)
  })

  it('stay with who had them, wherever the newcomer stands', () => {
    const compiled = compile(a + ab, { previous: compile(ab) })
    expect(compiled.inlets.map(({ path }) => path)).toEqual(['/a-b/c'])
  })

  it('are refused for consumer groups too', () => {
    const brokers = ['a-b', 'a'].map((ns) => broker('{}', `{namespace: ${ns}, name: default}`)).join('')
    const compiled = compile(
      brokers + trigger('', '{namespace: a-b, name: c}') + trigger('', '{namespace: a, name: b-c}'),
    )
    expect(compiled.outlets).toHaveLength(1)
    expect(verdicts(compiled).at(-1)).toMatchObject(['Trigger a/b-c', 'False', 'GroupTaken'])
  })

  it('may be shared on purpose: two Brokers on one external topic', () => {
    const on = (name: string): string =>
      broker('{}', `{name: ${name}, annotations: {kafka.eventing.knative.dev/external.topic: t}}`)
    const compiled = compile(on('one') + on('two'))
    expect(compiled.inlets).toHaveLength(2)
    expect(compiled.topics).toHaveLength(1)
  })

  it('are not taken from a Broker by an annotation', () => {
    const annotation = 'kafka.eventing.knative.dev/external.topic: PLACE'
    const text = broker() + broker('{}', `{name: thief, annotations: {${annotation}}}`)
    const compiled = compileUnchecked(text, 'PLACE', 'knative-broker-default-default')
    expect(compiled.inlets).toHaveLength(1)
  })
})

describe('what is left alone, and said', () => {
  it.each([
    ['MTChannelBasedBroker', /of class MTChannelBasedBroker and left alone; remove the annotation/],
    ['KafkaNamespaced', /not yet, left alone; use class Kafka/],
  ])('a Broker of class %s, with its Triggers', (name, message) => {
    const other = broker('{}', `{name: default, annotations: {eventing.knative.dev/broker.class: ${name}}}`)
    const compiled = compile(other + trigger())
    expect([...compiled.inlets, ...compiled.outlets, ...compiled.brokers, ...compiled.triggers]).toEqual([])
    expect(compiled.notices.map(({ key }) => key.kind)).toEqual(['Broker', 'Trigger'])
    expect(compiled.notices[0]?.message).toMatch(message)
  })
})

describe('generations', () => {
  const first = compile(broker() + trigger())
  it.each([
    ['stays when nothing changes', broker() + trigger(), 1],
    ['stays when only the place in the file changes', `# moved\n${trigger()}${broker()}`, 1],
    ['rises when the filter changes', broker() + trigger(', filter: {attributes: {a: b}}'), 2],
    ['rises when the delivery of the Broker changes', broker('{delivery: {retry: 1}}') + trigger(), 2],
  ])('%s', (_, text, generation) => {
    expect(compile(text, { previous: first }).outlets[0]?.generation).toBe(generation)
  })

  it('rises when the address of the subscriber changes', () => {
    const moved = compile(broker() + trigger(), {
      previous: first,
      resolveReference: () => ({ url: 'http://localhost:1/' }),
    })
    expect(moved.outlets[0]?.generation).toBe(2)
    expect(moved.inlets[0]).toBe(first.inlets[0])
  })

  it('goes on when a Trigger was gone and comes back', () => {
    const gone = compile(broker(), { previous: first })
    expect(gone.outlets).toEqual([])
    expect(compile(broker() + trigger(), { previous: gone }).outlets[0]?.generation).toBe(2)
  })
})

function seen(part: Partial<Observed> = {}): Observed {
  return { topics: new Map(), outlets: new Map(), ingressListening: true, ...part }
}

function verdicts(compiled: Compiled, observed: Observed = seen()): [string, string, string][] {
  return conclude(compiled, observed).map(({ key, ready, reason }) => [
    `${key.kind} ${key.namespace}/${key.name}`,
    ready,
    reason,
  ])
}
