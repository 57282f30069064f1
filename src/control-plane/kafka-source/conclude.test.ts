import { describe, expect, it } from 'vitest'
import { KafkaSource } from '../../api/kafka-source.ts'
import { unknownTopics, type TopicsView } from '../topics/source-topics.ts'
import { compileKafkaSource } from './compile.ts'
import { concludeSource, type SeenOutlet, type SourceSeen } from './conclude.ts'

const compiled = (spec: object = {}, annotations: object = {}) => {
  const base = { bootstrapServers: ['k:9092'], topics: ['a'], sink: { uri: 'http://a/' } }
  const metadata = { name: 'orders', namespace: 'shop', annotations }
  const object = { apiVersion: 'sources.knative.dev/v1', kind: 'KafkaSource', metadata, spec: { ...base, ...spec } }
  const resolve = () => ({ url: 'http://a/' })
  return compileKafkaSource(KafkaSource.parse(object), 'shop', { uid: 'u', groupOwner: null, resolve })
}
const found: TopicsView = { ...unknownTopics, seen: true, found: new Map([['a', { id: 'a', partitions: 1 }]]) }
const consuming: SeenOutlet = {
  topic: 'a',
  generation: 2,
  status: { observedGeneration: 2, state: 'consuming' },
  consumption: { kind: 'owned' },
}
const fault = (reason: string, state: 'starting' | 'consuming' = 'consuming') => ({
  status: { observedGeneration: 2, state, fault: { reason, message: 'why' } },
})
const seen = (more: Partial<SourceSeen> = {}): SourceSeen => ({
  credential: { kind: 'none' },
  topics: found,
  before: [],
  outlets: [consuming],
  ...more,
})

describe('Ready of a KafkaSource', () => {
  it.each<[string, Partial<SourceSeen>, string, string]>([
    ['all is well', {}, 'True', ''],
    [
      'no Secret',
      { credential: { kind: 'faulty', reason: 'SecretNotFound', message: 'm' }, topics: unknownTopics },
      'False',
      'SecretNotFound',
    ],
    [
      'a Secret that broke',
      { credential: { kind: 'faulty', reason: 'SecretInvalid', message: 'm', lastGood: 'c' } },
      'True',
      '',
    ],
    [
      'a wrong password',
      { topics: { ...found, fault: { reason: 'AuthenticationFailed', message: 'm' } } },
      'False',
      'AuthenticationFailed',
    ],
    ['Kafka was not asked yet', { topics: unknownTopics }, 'Unknown', 'Pending'],
    [
      'a new leader, before it has asked',
      {
        topics: unknownTopics,
        before: [
          { type: 'KafkaReady', status: 'True', reason: '', message: '' },
          { type: 'TopicsReady', status: 'True', reason: '', message: '' },
        ],
      },
      'True',
      '',
    ],
    ['a topic that is missing', { topics: { ...found, missing: ['b'] } }, 'False', 'TopicNotFound'],
    ['a topic that may not be read', { topics: { ...found, forbidden: ['b'] } }, 'False', 'NotAuthorized'],
    ['no topic', { topics: { ...unknownTopics, seen: true }, outlets: [] }, 'False', 'TopicsEmpty'],
    ['an Outlet that is not there yet', { outlets: [{ ...consuming, generation: null }] }, 'Unknown', 'Starting'],
    ['an Outlet of a former version', { outlets: [{ ...consuming, generation: 3 }] }, 'Unknown', 'Starting'],
    [
      'nobody',
      { outlets: [{ ...consuming, consumption: { kind: 'nobody', message: 'm' } }] },
      'False',
      'DispatcherNotConsuming',
    ],
    [
      'partitions on their way',
      { outlets: [{ ...consuming, consumption: { kind: 'unowned', message: 'm' } }] },
      'Unknown',
      'PartitionsUnowned',
    ],
    [
      "someone else's Outlet",
      { outlets: [{ ...consuming, consumption: { kind: 'notOurs', message: 'm' } }] },
      'False',
      'NotOurs',
    ],
    ['others in the group', { outlets: [{ ...consuming, ...fault('GroupInUse', 'starting') }] }, 'False', 'GroupInUse'],
    ['a fault of a newer worker', { outlets: [{ ...consuming, ...fault('SomethingNew') }] }, 'False', 'SomethingNew'],
    ['lost events', { outlets: [{ ...consuming, ...fault('EventsExpired') }] }, 'True', ''],
    ['an event that waits', { outlets: [{ ...consuming, ...fault('DeliveryFailed') }] }, 'True', ''],
    [
      'one of two topics',
      { outlets: [consuming, { ...consuming, topic: 'b', ...fault('TopicNotFound') }] },
      'False',
      'TopicNotFound',
    ],
  ])('%s', (_, more, status, reason) => {
    const verdict = concludeSource(compiled(), seen(more))
    expect([verdict.ready, verdict.reason]).toEqual([status, reason])
  })

  it('says which topic when there are several', () => {
    const outlets = [consuming, { ...consuming, topic: 'b', ...fault('GroupInUse') }]
    expect(concludeSource(compiled(), seen({ outlets })).message).toBe('topic b: why')
  })

  it('tells of what flows and should be known', () => {
    const outlets = [{ ...consuming, ...fault('DeliveryFailed') }]
    const { conditions } = concludeSource(compiled(), seen({ outlets }))
    expect(conditions.find(({ type }) => type === 'ConsumerGroup')).toMatchObject({
      status: 'True',
      reason: 'DeliveryFailed',
      message: 'why',
    })
  })

  it.each([
    [{ consumers: 0 }, {}, /kubectl scale/],
    [{}, { 'sources.millrace.dev/paused': 'true' }, /kubectl annotate/],
  ])('paused, whatever else is: %j %j', (spec, annotations, says) => {
    const outlets = [{ ...consuming, ...fault('GroupInUse') }]
    const verdict = concludeSource(compiled(spec, annotations), seen({ outlets }))
    expect(verdict).toMatchObject({ ready: 'False', reason: 'Paused', message: expect.stringMatching(says) })
  })

  it('has the conditions of Knative', () => {
    const types = concludeSource(compiled(), seen()).conditions.map(({ type }) => type)
    expect(types).toEqual(expect.arrayContaining(['ConsumerGroup', 'SinkProvided', 'OIDCIdentityCreated', 'Ready']))
    expect(types).toEqual(types.toSorted())
  })
})
