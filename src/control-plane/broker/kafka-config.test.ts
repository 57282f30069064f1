import { describe, expect, it } from 'vitest'
import type { Broker } from '../../api/broker.ts'
import type { StoredObject } from '../../kube/client.ts'
import { keyOf, type Store } from '../../kube/store.ts'
import { configRef, kafkaConfig, keepKafkaData } from './kafka-config.ts'

const configMap = (namespace: string, name: string, data: object): StoredObject => {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name, uid: name, resourceVersion: '1' }, data }
}
const storeOf = (...objects: StoredObject[]): Store => ({
  synced: true,
  get: (key) => objects.find(({ metadata }) => keyOf(metadata) === keyOf(key)),
  all: () => objects,
  subscribe: () => () => undefined,
})
const broker = (config?: object): Broker =>
  ({ metadata: { name: 'b' }, ...(config === undefined ? {} : { spec: { config } }) }) as unknown as Broker
const named = broker({ apiVersion: 'v1', kind: 'ConfigMap', name: 'c' })
const shared = (data: object) => configMap('system', 'kafka-broker-config', data)
const read = (who: Broker, ...maps: StoredObject[]) => kafkaConfig(configRef(who, 'shop'), 'system', storeOf(...maps))

describe('where Kafka is', () => {
  it.each<[string, Broker, StoredObject[], string]>([
    ['as the system says', broker(), [shared({ 'bootstrap.servers': 'k:1' })], 'k:1'],
    [
      'as the named ConfigMap says',
      named,
      [shared({ 'bootstrap.servers': 'k:1' }), configMap('shop', 'c', { 'bootstrap.servers': 'n:1' })],
      'n:1',
    ],
    [
      'as the system says where that is silent',
      named,
      [shared({ 'bootstrap.servers': 'k:1' }), configMap('shop', 'c', {})],
      'k:1',
    ],
    ['several, with blanks', broker(), [shared({ 'bootstrap.servers': ' a:1, b:2 ,' })], 'a:1,b:2'],
    ['by IPv6', broker(), [shared({ 'bootstrap.servers': '[::1]:9092' })], '[::1]:9092'],
  ])('%s', (_, who, maps, expected) => {
    expect(read(who, ...maps)).toMatchObject({ bootstrapServers: expected })
  })

  it.each<[string, Broker, StoredObject[], string, RegExp]>([
    [
      'nowhere',
      broker(),
      [],
      'KafkaNotConfigured',
      /kubectl create configmap kafka-broker-config -n system --from-literal/,
    ],
    [
      'not said',
      broker(),
      [shared({})],
      'KafkaNotConfigured',
      /kubectl patch configmap kafka-broker-config -n system --type merge -p '\{"data":/,
    ],
    [
      'in a ConfigMap that is not there',
      named,
      [shared({ 'bootstrap.servers': 'k:1' })],
      'ConfigMapNotFound',
      /shop\/c/,
    ],
    [
      'without a port',
      broker(),
      [shared({ 'bootstrap.servers': 'a:1,b' })],
      'ConfigInvalid',
      /"b"; it must be host:port/,
    ],
    [
      'on a port that is none',
      broker(),
      [shared({ 'bootstrap.servers': 'a:1,b:99999' })],
      'ConfigInvalid',
      /"b:99999"/,
    ],
    ['on port 0', broker(), [shared({ 'bootstrap.servers': 'a:0' })], 'ConfigInvalid', /"a:0"/],
    [
      'behind a Secret that cannot have this name',
      broker(),
      [shared({ 'bootstrap.servers': 'a:1', 'auth.secret.ref.name': 'My Secret' })],
      'ConfigInvalid',
      /auth.secret.ref.name is "My Secret", which is no name of a Secret/,
    ],
  ])('%s', (_, who, maps, reason, message) => {
    const { fault, bootstrapServers } = read(who, ...maps)
    expect(fault).toMatchObject({ status: 'False', reason, message: expect.stringMatching(message) })
    expect(bootstrapServers).toBeUndefined()
  })

  it.each<[string, Broker, StoredObject[], object | undefined]>([
    ['no Secret', broker(), [shared({ 'bootstrap.servers': 'k:1' })], undefined],
    [
      'that of the system, in its namespace',
      broker(),
      [shared({ 'bootstrap.servers': 'k:1', 'auth.secret.ref.name': 's', 'auth.secret.ref.namespace': 'ignored' })],
      { namespace: 'system', name: 's' },
    ],
    [
      'that of the system, where the named ConfigMap says nothing of Kafka',
      named,
      [shared({ 'bootstrap.servers': 'k:1', 'auth.secret.ref.name': 's' }), configMap('shop', 'c', {})],
      { namespace: 'system', name: 's' },
    ],
    [
      'that of the named ConfigMap, in its namespace',
      named,
      [
        shared({ 'bootstrap.servers': 'k:1', 'auth.secret.ref.name': 's' }),
        configMap('shop', 'c', { 'auth.secret.ref.name': 'own' }),
      ],
      { namespace: 'shop', name: 'own' },
    ],
    [
      'not that of the system for servers of someone else',
      named,
      [
        shared({ 'bootstrap.servers': 'k:1', 'auth.secret.ref.name': 's' }),
        configMap('shop', 'c', { 'bootstrap.servers': 'evil:1' }),
      ],
      undefined,
    ],
    [
      'none where the named ConfigMap says so',
      named,
      [
        shared({ 'bootstrap.servers': 'k:1', 'auth.secret.ref.name': 's' }),
        configMap('shop', 'c', { 'auth.secret.ref.name': '' }),
      ],
      undefined,
    ],
  ])('signing in: %s', (_, who, maps, secret) => {
    expect(read(who, ...maps).secret).toEqual(secret)
  })

  it('settings of the named ConfigMap stand over those of the system', () => {
    const system = shared({
      'bootstrap.servers': 'k:1',
      'default.topic.partitions': '3',
      'default.topic.replication.factor': '1',
    })
    const own = configMap('shop', 'c', { 'default.topic.partitions': '7' })
    expect(read(named, system, own).data).toMatchObject({
      'default.topic.partitions': '7',
      'default.topic.replication.factor': '1',
    })
  })

  it('of other ConfigMaps nothing is kept', () => {
    expect(keepKafkaData(configMap('a', 'b', { big: 'x', 'default.topic.partitions': '1' }))['data']).toEqual({
      'default.topic.partitions': '1',
    })
  })
})
