import { describe, expect, it } from 'vitest'
import type { KafkaSource } from '../../api/kafka-source.ts'
import type { StoredObject } from '../../kube/client.ts'
import { sourceOutletUid } from '../names.ts'
import type { ResolveReference } from '../resolve.ts'
import { unknownTopics, type TopicsView } from '../topics/source-topics.ts'
import { compileKafkaSource } from './compile.ts'
import { askedId, decideSource } from './decide.ts'
import type { ObservedSource, StandingOutlet } from './observe.ts'

const uid = '8d0f2c1e-0000-4000-8000-000000000000'
const servers = 'k:9092'
const cluster = { bootstrapServers: servers }
const other = 'other:9092'
const resolve: ResolveReference = () => ({ url: 'http://a/' })
const gone: ResolveReference = () => ({ missing: 'it is gone' })
const unclear: ResolveReference = () => ({ missing: 'it is being looked up', unknown: true })

const source = (spec: object = {}, annotations: Record<string, string> = {}): KafkaSource => ({
  apiVersion: 'sources.knative.dev/v1',
  kind: 'KafkaSource',
  metadata: { name: 'orders', namespace: 'shop', annotations },
  spec: {
    bootstrapServers: [servers],
    topics: ['a', 'b'],
    consumerGroup: 'g',
    consumers: 1,
    initialOffset: 'latest',
    ordering: 'ordered',
    sink: { ref: { apiVersion: 'v1', kind: 'Service', name: 's' } },
    ...spec,
  },
})
const byPattern = source({ topics: undefined }, { 'sources.millrace.dev/topics-pattern': 'a*' })
const view = (found: readonly string[], more: Partial<TopicsView> = {}): TopicsView => ({
  ...unknownTopics,
  seen: true,
  found: new Map(found.map((name) => [name, { id: name, partitions: 1 }])),
  ...more,
})
const standing = (topic: string, more: Partial<StandingOutlet> = {}): StandingOutlet => ({
  object: {
    metadata: { name: sourceOutletUid(uid, topic) },
    spec: { topic, start: 'latest', subscriber: { url: 'http://before/' } },
  } as unknown as StoredObject,
  uid: sourceOutletUid(uid, topic),
  topic,
  cluster,
  start: { start: 'latest' },
  generation: 1,
  version: '1',
  status: undefined,
  ...more,
})
const away = view(['a'], { fault: { reason: 'LogUnavailable', message: 'away' } })
const observed = (more: Partial<ObservedSource> = {}): ObservedSource => ({
  object: { metadata: { uid, name: 'orders', namespace: 'shop' } } as StoredObject,
  key: { kind: 'KafkaSource', namespace: 'shop', name: 'orders' },
  source: source(),
  problems: '',
  deleting: false,
  hasFinalizer: true,
  forced: false,
  annotations: {},
  toldTopics: [],
  group: 'g',
  takenBy: null,
  sharesGroup: false,
  credential: { kind: 'none' },
  topics: view(['a', 'b']),
  outlets: [],
  deletions: new Map(),
  unseen: [],
  goneMs: 0,
  dispatchers: [],
  ...more,
})

/** Topics that get an Outlet, with where they begin, and topics that lose theirs. */
function outletsOf(seen: ObservedSource, ask = resolve) {
  const plan = decideSource(seen, ask)
  if (plan.kind !== 'serve') throw new Error(plan.kind)
  const names = new Map(seen.outlets.map((outlet) => [outlet.uid, outlet.topic]))
  return {
    apply: plan.outlets.apply.map(
      ({ topic, start, paused, bootstrapServers }) =>
        `${topic} ${start}${paused === true ? ' paused' : ''}${bootstrapServers === other ? ' elsewhere' : ''}`,
    ),
    remove: plan.outlets.remove.map((each) => names.get(each)),
  }
}

const both = [standing('a'), standing('b')]
const asked = (of: KafkaSource) =>
  askedId(compileKafkaSource(of, 'shop', { uid, groupOwner: null, resolve: () => ({ url: 'http://a/' }) }))

describe('the Outlets of a KafkaSource', () => {
  it.each<[string, Partial<ObservedSource>, ResolveReference, readonly string[], readonly string[]]>([
    ['each topic that is there', {}, resolve, ['a latest', 'b latest'], []],
    ['none before Kafka has answered', { topics: unknownTopics }, resolve, [], []],
    ['those that stand, while Kafka is away', { topics: away, outlets: both }, resolve, ['a latest', 'b latest'], []],
    ['not one that is missing', { topics: view(['a'], { missing: ['b'] }) }, resolve, ['a latest'], []],
    [
      'one whose topic was deleted stays',
      { topics: view(['a'], { missing: ['b'] }), outlets: both },
      resolve,
      ['a latest', 'b latest'],
      [],
    ],
    [
      'one that is not asked for any more goes',
      { source: source({ topics: ['a'] }), topics: view(['a']), outlets: both },
      resolve,
      ['a latest'],
      ['b'],
    ],
    ['none without a sink', {}, gone, [], []],
    ['without their sink paused, as they stand', { outlets: both }, gone, ['a latest paused', 'b latest paused'], []],
    [
      'without a sink, and not asked for any more',
      { source: source({ topics: ['a'] }), outlets: both },
      gone,
      ['a latest paused'],
      ['b'],
    ],
    ['as they stand, while the sink is looked up', { outlets: both }, unclear, [], []],
    [
      'none with a group that is taken',
      { outlets: both, takenBy: { namespace: 'x', name: 'y' } },
      resolve,
      [],
      ['a', 'b'],
    ],
    [
      'none without what to sign in with',
      { credential: { kind: 'faulty', reason: 'SecretNotFound', message: '' } },
      resolve,
      [],
      [],
    ],
    [
      'those that signed in before',
      { credential: { kind: 'faulty', reason: 'SecretNotFound', message: '' }, outlets: both, topics: unknownTopics },
      resolve,
      ['a latest', 'b latest'],
      [],
    ],
    [
      'by pattern: what is there',
      { source: byPattern, topics: view(['a1', 'a2']), outlets: [standing('a1'), standing('a0')] },
      resolve,
      ['a1 latest', 'a2 latest'],
      ['a0'],
    ],
    [
      'by pattern: as they stand, while Kafka is away',
      { source: byPattern, topics: away, outlets: [standing('a1')] },
      resolve,
      ['a latest', 'a1 latest'],
      [],
    ],
    [
      'what comes later: from its first record',
      { annotations: { 'topics.asked': asked(source()) }, toldTopics: ['a'], outlets: [standing('a')] },
      resolve,
      ['a latest', 'b earliest'],
      [],
    ],
    [
      'what is asked for later: as it says',
      { annotations: { 'topics.asked': 'another question' }, toldTopics: ['a'], outlets: [standing('a')] },
      resolve,
      ['a latest', 'b latest'],
      [],
    ],
    [
      'what came later stays so',
      { outlets: [standing('a'), standing('b', { start: { start: 'earliest' } })] },
      resolve,
      ['a latest', 'b earliest'],
      [],
    ],
    [
      'those that come back with their sink are not new',
      { annotations: { 'topics.asked': asked(source()) }, toldTopics: ['a', 'b'] },
      resolve,
      ['a latest', 'b latest'],
      [],
    ],
  ])('%s', (_, more, ask, apply, remove) => expect(outletsOf(observed(more), ask)).toEqual({ apply, remove }))

  const moved = source({ bootstrapServers: [other], initialOffset: 'earliest' })
  const inUse = { 'bootstrap.servers': servers, 'cluster.id': 'one' }
  it.each<[string, Partial<ObservedSource>, readonly string[], readonly string[]]>([
    [
      'stay where they are before the other servers have answered',
      { topics: unknownTopics },
      ['a latest', 'b latest'],
      [],
    ],
    [
      'go along with the addresses of one and the same Kafka',
      { topics: view(['a', 'b'], { cluster: 'one' }) },
      ['a latest elsewhere', 'b latest elsewhere'],
      [],
    ],
    ['end where it is another Kafka', { topics: view(['a', 'b'], { cluster: 'two' }) }, [], ['a', 'b']],
    [
      'end there too where the other one has no such topic',
      { topics: view([], { cluster: 'two', missing: ['a', 'b'] }) },
      [],
      ['a', 'b'],
    ],
    [
      'begin anew there, as it says now',
      { topics: view(['a', 'b'], { cluster: 'two' }), outlets: [] },
      ['a earliest elsewhere', 'b earliest elsewhere'],
      [],
    ],
    [
      'are left alone once they stand there, whatever was known before',
      { topics: view(['a'], { cluster: 'two' }), outlets: [standing('a', { cluster: { bootstrapServers: other } })] },
      ['a latest elsewhere'],
      [],
    ],
    [
      'go along where nobody knows in which Kafka they stood',
      { topics: view(['a', 'b'], { cluster: 'two' }), annotations: {} },
      ['a latest elsewhere', 'b latest elsewhere'],
      [],
    ],
  ])('of one whose servers changed: %s', (_, more, apply, remove) =>
    expect(outletsOf(observed({ source: moved, annotations: inUse, outlets: both, ...more }))).toEqual({
      apply,
      remove,
    }),
  )

  it('are paused where the KafkaSource is not understood', () =>
    expect(decideSource(observed({ source: null, outlets: [standing('a')] }), resolve)).toMatchObject({
      kind: 'refuse',
      halt: [{ uid: sourceOutletUid(uid, 'a'), topic: 'a', paused: true, subscriber: { url: 'http://before/' } }],
    }))

  it('sign in as the credential says, and as the last good one where that broke', () => {
    for (const credential of [
      { kind: 'ready', name: 'c' },
      { kind: 'faulty', reason: 'SecretInvalid', message: '', lastGood: 'c' },
    ] as const) {
      const plan = decideSource(observed({ credential }), resolve)
      expect(plan).toMatchObject({ outlets: { apply: [{ credential: 'c' }, { credential: 'c' }] } })
    }
  })
})

describe('the end of a KafkaSource', () => {
  const deletion = { version: '5', topic: 'a', cluster }
  const going = (more: Partial<ObservedSource>) => {
    const annotations = { 'group.id': 'g', 'bootstrap.servers': servers }
    const plan = decideSource(
      observed({ deleting: true, group: 'knative-kafka-source-x', annotations, ...more }),
      resolve,
    )
    return plan.kind === 'finalize' ? plan.step.do : plan.kind
  }
  const deletions = new Map([[sourceOutletUid(uid, 'a'), deletion]])
  const dispatcher = { name: 'd', role: 'dispatcher', seen: '4', owns: new Map(), refused: new Set<string>() } as const

  it.each<[string, Partial<ObservedSource>, string]>([
    ['first the Outlets', { outlets: both }, 'deleteOutlets'],
    ['then every dispatcher that lives lets go', { deletions, dispatchers: [dispatcher] }, 'awaitDispatchers'],
    ['then the group', { deletions, dispatchers: [{ ...dispatcher, seen: '5' }] }, 'deleteGroup'],
    [
      'of which nobody saw the end: after a while',
      { toldTopics: ['a'], dispatchers: [dispatcher], goneMs: 1 },
      'awaitDispatchers',
    ],
    ['and then', { toldTopics: ['a'], dispatchers: [dispatcher], goneMs: 60_000 }, 'deleteGroup'],
    ['the group of the user stays', { deletions, group: 'theirs' }, 'release'],
    ['so does one that another has too', { deletions, sharesGroup: true }, 'release'],
    ['one that never was served has none', {}, 'release'],
    ['nor has one that does not wait for us', { hasFinalizer: false, outlets: both }, 'release'],
  ])('%s', (_, more, step) => expect(going(more)).toBe(step))
})
