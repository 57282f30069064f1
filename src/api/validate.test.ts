import { describe, expect, it } from 'vitest'
import { parseManifest } from './manifest.ts'
import { noticesAbout, validateBroker, validateTrigger } from './validate.ts'

const trigger = (spec: object, metadata: object = { name: 'a', namespace: 'b' }, version = 'v1') => ({
  apiVersion: `eventing.knative.dev/${version}`,
  kind: 'Trigger',
  metadata,
  spec: { broker: 'b', subscriber: { uri: 'http://a/' }, ...spec },
})
const broker = (metadata: object, spec: object = {}) => ({
  apiVersion: 'eventing.knative.dev/v1',
  kind: 'Broker',
  metadata: { name: 'a', namespace: 'b', ...metadata },
  spec,
})

describe('validation at admission', () => {
  it.each([
    ['a typo', trigger({ delivery: { retrys: 3 } })],
    ['a wrong type', trigger({ delivery: { retry: '3' } })],
    ['a duration of another tool', trigger({ delivery: { timeout: '5s' } })],
    ['a subscriber that is none', trigger({ subscriber: {} })],
    ['no Broker', trigger({ broker: undefined })],
    ['filters', trigger({ filters: [{ exact: { type: '' } }, { any: [{ regex: {} }] }, { cesql: '(' }] })],
    ['filters that are no list', trigger({ filters: { exact: { type: 'a' } } })],
    ['no dialect', trigger({ filters: [{}] })],
    ['an attribute in upper case', trigger({ filter: { attributes: { Type: 'a' } } })],
    ['a dependency', trigger({}, { name: 'a', namespace: 'b', annotations: { 'knative.dev/dependency': '{}' } })],
    ['a Secret as config', broker({}, { config: { apiVersion: 'v1', kind: 'Secret', name: 'a' } })],
  ])('uses the words that a manifest gets: %s', (_, object) => {
    const { problems } = parseManifest(JSON.stringify(object), 'a.json')
    const said = problems.map(({ path, message }) => ({ path, message }))
    expect(said).not.toEqual([])
    expect(object.kind === 'Broker' ? validateBroker(object) : validateTrigger(object)).toEqual(said)
  })

  it('refuses filters of any depth, in a sentence', () => {
    const deep = (levels: number): object =>
      JSON.parse(`${'{"not":'.repeat(levels)}{"cesql":"NOT a = 1"}${'}'.repeat(levels)}`) as object
    expect(validateTrigger(trigger({ filters: [deep(31)] }))).toEqual([])
    expect(noticesAbout(trigger({ filters: [deep(31)] }))).toHaveLength(1)
    for (const levels of [32, 100_000]) {
      const object = trigger({ filters: [deep(levels)] })
      expect(validateTrigger(object)).toMatchObject([
        { message: expect.stringMatching(/nested too deeply: 32 levels/) },
      ])
      expect(noticesAbout(object).length).toBeLessThan(2)
    }
  })

  it.each(['v1', 'v1beta1', 'v1alpha1'])('takes %s', (version) => {
    expect(validateTrigger(trigger({}, { name: 'a' }, version))).toEqual([])
  })

  it('takes what the API server adds to an object', () => {
    const added = {
      uid: 'a',
      generation: 1,
      creationTimestamp: 'a',
      managedFields: [{ manager: 'a' }],
      finalizers: ['a'],
    }
    expect(validateTrigger(trigger({}, { name: 'a', namespace: 'b', ...added }))).toEqual([])
  })

  it('takes an object whose name is still to be made', () => {
    expect(validateTrigger(trigger({}, { generateName: 'orders-' }))).toEqual([])
    expect(validateTrigger(trigger({}, {}))).toMatchObject([{ path: 'metadata.name' }])
  })

  it('has nothing to say about a Broker of another class', () => {
    const other = { annotations: { 'eventing.knative.dev/broker.class': 'RabbitMQBroker' } }
    expect(validateBroker(broker(other, { config: { kind: 'RabbitmqCluster' }, unknown: true }))).toEqual([])
  })

  it('refuses a name of a Broker that makes too long a topic, as its namespace leaves room', () => {
    const longest = 249 - 'knative-broker-b-'.length
    expect(validateBroker(broker({ name: 'a'.repeat(longest) }))).toEqual([])
    expect(validateBroker(broker({ name: 'a'.repeat(longest + 1) }))).toMatchObject([
      { path: 'metadata.name', message: expect.stringContaining('would be 250 characters, and Kafka takes 249') },
    ])
    const annotations = { 'kafka.eventing.knative.dev/external.topic': 'mine' }
    expect(validateBroker(broker({ name: 'a'.repeat(longest + 1), annotations }))).toEqual([])
  })

  it.each([
    ['mine', null],
    ['knative-broker', null],
    ['my-knative-broker-c-default', null],
    ['knative-broker-b-a', null],
    ['knative-broker-c-default', 'belongs to the Broker whose namespace and name it carries'],
    ['knative-broker-b-a-more', 'that of this one is knative-broker-b-a;'],
    ['orders__parked', 'must not end in "__parked"'],
    ['knative-broker-b-a__parked', 'must not end in "__parked"'],
    ['__consumer_offsets', 'must not begin with "__"'],
  ])('of an external topic %s: %s', (topic, expected) => {
    const annotations = { 'kafka.eventing.knative.dev/external.topic': topic }
    const path = 'metadata.annotations["kafka.eventing.knative.dev/external.topic"]'
    const found = validateBroker(broker({ annotations }))
    if (expected === null) expect(found).toEqual([])
    else expect(found).toEqual([{ path, message: expect.stringContaining(expected) }])
  })

  it('tells twenty of the slips in the expressions of a Trigger', () => {
    const filters = Array.from({ length: 64 }, () => ({ cesql: "'a' = 'b'" }))
    expect(noticesAbout(trigger({ filters }))).toHaveLength(20)
  })

  it('tells of annotations that are ignored', () => {
    const annotations = { 'autoscaling.eventing.knative.dev/class': 'keda', other: '' }
    const [notice, ...more] = noticesAbout(broker({ annotations }))
    expect(notice?.path).toBe('metadata.annotations["autoscaling.eventing.knative.dev/class"]')
    expect(notice?.message).toMatch(/^not yet: .* this annotation is ignored/)
    expect(more).toEqual([])
  })
})
