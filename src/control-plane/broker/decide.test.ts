import { describe, expect, it } from 'vitest'
import type { Broker } from '../../api/broker.ts'
import type { StoredObject } from '../../kube/client.ts'
import type { LiveWorker } from '../fleet.ts'
import { decideBroker, type BrokerPlan } from './decide.ts'
import type { ObservedBroker } from './observe.ts'

const object: StoredObject = {
  apiVersion: 'eventing.knative.dev/v1',
  kind: 'Broker',
  metadata: { namespace: 'shop', name: 'default', uid: 'u', resourceVersion: '1' },
}
const broker: Broker = { apiVersion: 'eventing.knative.dev/v1', kind: 'Broker', metadata: { name: 'default' } }
const fresh: ObservedBroker = {
  object,
  key: { kind: 'Broker', namespace: 'shop', name: 'default' },
  ours: true,
  deleting: false,
  hasFinalizer: true,
  forced: false,
  broker,
  problems: '',
  config: { data: {}, bootstrapServers: 'k:1' },
  credential: { kind: 'none' },
  annotations: {},
  topic: { name: 't', external: false },
  takenBy: null,
  established: false,
  inlet: undefined,
  inletVersion: undefined,
  inletDeletion: undefined,
  goneMs: 0,
  ingress: [],
  dispatchers: [],
  outletsOnTopic: [],
  outletDeletions: [],
  madeTopic: false,
  madeIn: undefined,
  inForce: undefined,
  makingTopic: false,
}
const inUse = { 'default.topic': 't', 'bootstrap.servers': 'old:1' }
const worker = (seen: string): LiveWorker => ({ name: 'w', role: 'ingress', seen, owns: new Map(), refused: new Set() })
const decide = (more: Partial<ObservedBroker>): BrokerPlan =>
  decideBroker({ ...fresh, ...more }, 'http://ingress', () => ({ missing: 'nothing' }))
const gone = { version: '10', topic: 't', cluster: { bootstrapServers: 'k:1' } }
const configFault = { type: 'ConfigParsed', status: 'False', reason: 'ConfigMapNotFound', message: 'm' } as const

describe('a Broker', () => {
  it('of another class is left alone, also when it goes', () => {
    expect(decide({ ours: false })).toEqual({ kind: 'leave' })
    expect(decide({ ours: false, deleting: true })).toEqual({ kind: 'leave' })
  })

  it('that cannot be understood is refused', () => {
    expect(decide({ broker: null, problems: 'why' })).toEqual({ kind: 'refuse', problems: 'why' })
  })

  it.each<[string, Partial<ObservedBroker>, { inlet: boolean; addFinalizer: boolean }]>([
    ['is served', {}, { inlet: true, addFinalizer: false }],
    ['gets the finalizer first', { hasFinalizer: false }, { inlet: true, addFinalizer: true }],
    [
      'whose topic is taken is not served',
      { takenBy: { namespace: 'a', name: 'b' } },
      { inlet: false, addFinalizer: false },
    ],
    [
      'of which nobody knows where Kafka is is not',
      { config: { data: {}, fault: configFault } },
      { inlet: false, addFinalizer: false },
    ],
    [
      'that was served stays so when its ConfigMap goes',
      { established: true, inForce: { bootstrapServers: 'old:1' }, config: { data: {}, fault: configFault } },
      { inlet: true, addFinalizer: false },
    ],
  ])('%s', (_, more, { inlet, addFinalizer }) => {
    const plan = decide(more)
    expect(plan).toMatchObject({ kind: 'serve', addFinalizer })
    if (plan.kind === 'serve') expect(plan.compiled.inlet !== null).toBe(inlet)
  })

  it('goes to the Kafka that is configured now, and to the last one when none is', () => {
    const moved = decide({ established: true, annotations: inUse })
    expect(moved).toMatchObject({ compiled: { inlet: { bootstrapServers: 'k:1' } } })
    const inForce = { bootstrapServers: 'old:1' }
    const lost = decide({ established: true, annotations: inUse, inForce, config: { data: {}, fault: configFault } })
    expect(lost).toMatchObject({ compiled: { inlet: { bootstrapServers: 'old:1' } } })
  })

  describe('with a Secret', () => {
    const config = { data: {}, bootstrapServers: 'k:1', secret: { namespace: 'shop', name: 's' } }
    const faulty = { kind: 'faulty', reason: 'SecretInvalid', message: 'm' } as const
    const inForce = { bootstrapServers: 'k:1', credential: 'old' }
    it.each<[string, Partial<ObservedBroker>, object]>([
      [
        'that is in order signs in with it',
        { credential: { kind: 'ready', name: 'c' } },
        { inlet: { bootstrapServers: 'k:1', credential: 'c' }, secret: 'Secret shop/s' },
      ],
      ['that says PLAINTEXT does not', { credential: { kind: 'none' } }, { cluster: { bootstrapServers: 'k:1' } }],
      [
        'that is not in order goes on with what was good, and says so',
        { credential: { ...faulty, lastGood: 'c' } },
        {
          inlet: { credential: 'c' },
          conditions: expect.arrayContaining([
            { type: 'ConfigParsed', status: 'True', reason: 'SecretInvalid', message: 'm' },
          ]) as unknown,
        },
      ],
      ['that never was in order is not served', { credential: faulty }, { inlet: null }],
      [
        'that never was goes on as before when it was served',
        { credential: faulty, established: true, inForce },
        {
          inlet: { credential: 'old' },
          conditions: expect.arrayContaining([
            { type: 'ConfigParsed', status: 'False', reason: 'SecretInvalid', message: 'm' },
          ]) as unknown,
        },
      ],
    ])('%s', (_, more, compiled) => {
      expect(decide({ config, ...more })).toMatchObject({ kind: 'serve', compiled })
    })

    it('deletes its topic as whom it was made', () => {
      const annotations = { ...inUse, 'auth.credential': 'old' }
      expect(decide({ deleting: true, annotations })).toMatchObject({
        step: { do: 'deleteTopics', cluster: { bootstrapServers: 'old:1', credential: 'old' } },
      })
      expect(decide({ deleting: true, madeTopic: true, madeIn: inForce })).toMatchObject({ step: { cluster: inForce } })
    })
  })

  it('keeps the settings of a topic that is there where the ConfigMap is silent', () => {
    const annotations = { ...inUse, 'default.topic.partitions': '4', 'default.topic.replication.factor': '2' }
    expect(decide({ annotations })).toMatchObject({
      compiled: { topic: { spec: { partitions: 4, replicationFactor: 2 } } },
    })
    const config = { data: { 'default.topic.partitions': '5' }, bootstrapServers: 'k:1' }
    expect(decide({ annotations, config })).toMatchObject({ compiled: { topic: { spec: { partitions: 5 } } } })
  })
})

describe('a Broker that is being deleted', () => {
  it.each<[string, Partial<ObservedBroker>, object]>([
    ['without our finalizer is let go', { hasFinalizer: false, inlet: object }, { do: 'release' }],
    ['loses its Inlet first', { inlet: object, annotations: inUse }, { do: 'deleteInlet' }],
    [
      'waits for the ingress to know',
      { annotations: inUse, inletDeletion: gone, ingress: [worker('9')] },
      { do: 'awaitIngress' },
    ],
    ['waits for Outlets on its topic', { annotations: inUse, outletsOnTopic: ['o'] }, { do: 'awaitOutlets' }],
    [
      'waits for dispatchers to know',
      { annotations: inUse, outletDeletions: [gone], dispatchers: [worker('9')] },
      { do: 'awaitOutlets' },
    ],
    ['waits for a topic that is being made', { makingTopic: true }, { do: 'awaitTopic' }],
    [
      'then loses its topic, where it last was',
      { annotations: inUse },
      { do: 'deleteTopics', topic: 't', cluster: { bootstrapServers: 'old:1' } },
    ],
    [
      'also when no status tells of it yet',
      { madeTopic: true },
      { do: 'deleteTopics', topic: 't', cluster: { bootstrapServers: 'k:1' } },
    ],
    ['that never had a topic waits for nothing', { ingress: [worker('1')] }, { do: 'release' }],
    [
      'leaves the topic of someone else',
      { annotations: inUse, topic: { name: 't', external: true } },
      { do: 'release' },
    ],
    [
      'leaves a topic that another Broker has',
      { annotations: inUse, takenBy: { namespace: 'a', name: 'b' } },
      { do: 'release' },
    ],
    [
      'also when it is not understood any more',
      { broker: null, annotations: inUse },
      { do: 'deleteTopics', topic: 't', cluster: { bootstrapServers: 'old:1' } },
    ],
  ])('%s', (_, more, step) => {
    expect(decide({ deleting: true, ...more })).toEqual({ kind: 'finalize', step })
  })
})
