import { expect, it } from 'vitest'
import type { KafkaSource } from '../../api/kafka-source.ts'
import type { StoredObject } from '../../kube/client.ts'
import { topicId, type LiveWorker } from '../fleet.ts'
import { sourceOutletUid } from '../names.ts'
import { unknownTopics } from '../topics/source-topics.ts'
import { compileKafkaSource } from './compile.ts'
import type { ObservedSource, StandingOutlet } from './observe.ts'
import { sourceStatus } from './status.ts'

const uid = '8d0f2c1e-0000-4000-8000-000000000000'
const cluster = { bootstrapServers: 'k:9092' }
const source: KafkaSource = {
  apiVersion: 'sources.knative.dev/v1',
  kind: 'KafkaSource',
  metadata: { name: 'orders', namespace: 'shop' },
  spec: {
    bootstrapServers: [cluster.bootstrapServers],
    topics: ['a'],
    consumers: 1,
    initialOffset: 'latest',
    ordering: 'ordered',
    sink: { uri: 'http://a/' },
  },
}
const outlet: StandingOutlet = {
  object: { metadata: { name: sourceOutletUid(uid, 'a') } } as StoredObject,
  uid: sourceOutletUid(uid, 'a'),
  topic: 'a',
  cluster,
  start: { start: 'latest' },
  generation: 1,
  version: '1',
  status: { observedGeneration: 1, state: 'consuming', progress: { lag: 7 } },
}
const dispatcher: LiveWorker = {
  name: 'd-0',
  role: 'dispatcher',
  seen: '1',
  owns: new Map([[topicId(cluster, 'a'), new Set([0, 1])]]),
  refused: new Set<string>(),
}
const seen: ObservedSource = {
  object: { metadata: { uid, name: 'orders', namespace: 'shop' } } as StoredObject,
  key: { kind: 'KafkaSource', namespace: 'shop', name: 'orders' },
  source,
  problems: '',
  deleting: false,
  hasFinalizer: true,
  forced: false,
  annotations: {},
  toldTopics: ['a'],
  group: 'g',
  takenBy: null,
  sharesGroup: false,
  credential: { kind: 'none' },
  topics: { ...unknownTopics, seen: true, found: new Map([['a', { id: 'a', partitions: 2 }]]) },
  outlets: [outlet],
  deletions: new Map(),
  unseen: [],
  goneMs: 0,
  dispatchers: [dispatcher],
}
const statusWhen = (
  found: ReturnType<Parameters<typeof compileKafkaSource>[2]['resolve']>,
  more: Partial<ObservedSource> = {},
) => {
  const compiled = compileKafkaSource(source, 'shop', { uid, groupOwner: null, resolve: () => found })
  return sourceStatus({ ...seen, ...more }, compiled, [], { ready: 'Unknown', reason: '', message: '', conditions: [] })
}

const served = {
  topics: ['a'],
  consumers: 1,
  placements: [{ podName: 'd-0', vreplicas: 2 }],
}

it('tells who has its partitions', () => expect(statusWhen({ url: 'http://a/' })).toMatchObject(served))

it('goes on to tell so while the address of its sink is being looked up: what stands is served', () =>
  expect(statusWhen({ missing: 'it is being looked up', unknown: true })).toMatchObject(served))

it('goes on to name the Kafka where Outlets stand until they are gone from there: by that it is known that they have to go', () => {
  const before = { 'bootstrap.servers': 'before:9092', 'cluster.id': 'one' }
  const there = { ...outlet, cluster: { bootstrapServers: 'before:9092' } }
  const moved = { annotations: before, outlets: [there], topics: { ...seen.topics, cluster: 'two' } }
  for (const sink of [{ url: 'http://a/' }, { missing: 'it is being looked up', unknown: true }])
    expect(statusWhen(sink, moved)['annotations']).toEqual(before)
  const arrived = { ...moved, outlets: [outlet] }
  const after = { 'bootstrap.servers': cluster.bootstrapServers, 'cluster.id': 'two' }
  expect(statusWhen({ url: 'http://a/' }, arrived)['annotations']).toMatchObject(after)
  // by other addresses it is the same
  const same = { ...moved, topics: { ...seen.topics, cluster: 'one' } }
  expect(statusWhen({ url: 'http://a/' }, same)['annotations']).toMatchObject({ ...after, 'cluster.id': 'one' })
})
