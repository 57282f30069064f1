import { describe, expect, it } from 'vitest'
import type { StoredObject } from '../kube/client.ts'
import { keyOf, type Store } from '../kube/store.ts'
import { clusterAddresses } from './addresses.ts'
import type { ForeignKinds } from './foreign-kinds.ts'

const object = (kind: string, name: string, more: object, metadata: object = {}): StoredObject => {
  return {
    apiVersion: 'v',
    kind,
    metadata: { namespace: 'shop', name, uid: name, resourceVersion: '1', ...metadata },
    ...more,
  }
}
const storeOf = (...objects: StoredObject[]): Store => ({
  synced: true,
  get: (key) => objects.find(({ metadata }) => keyOf(metadata) === keyOf(key)),
  all: () => objects,
  subscribe: () => () => undefined,
})
const services = storeOf(
  object('Service', 'plain', { spec: { ports: [{ port: 80 }] } }),
  object('Service', 'other', { spec: { ports: [{ port: 8080 }, { port: 9090 }] } }),
  object('Service', 'h2c', { spec: { ports: [{ port: 8080 }, { port: 80, appProtocol: 'kubernetes.io/h2c' }] } }),
  object('Service', 'named', { spec: { ports: [{ port: 80, name: 'h2c' }] } }),
  object('Service', 'other-protocol', { spec: { ports: [{ port: 80, name: 'h2c', appProtocol: 'http' }] } }),
  object('Service', 'elsewhere', {
    spec: {
      ports: [
        { port: 81, name: 'h2c' },
        { port: 80, name: 'http' },
      ],
    },
  }),
  object('Service', 'name', { spec: { type: 'ExternalName' } }),
)
const theirs = { annotations: { 'eventing.knative.dev/broker.class': 'MTChannelBasedBroker' } }
const brokers = storeOf(
  object('Broker', 'ours', {}),
  object('Broker', 'going', {}, { deletionTimestamp: 'now' }),
  object('Broker', 'theirs', { status: { address: { url: 'http://mt/shop/theirs' } } }, theirs),
  object('Broker', 'bare', {}, theirs),
)
const foreign = { view: () => ({ kind: 'notInstalled' }) } as unknown as ForeignKinds
const resolve = clusterAddresses({
  services,
  brokers,
  foreign,
  ingressUrl: 'http://ingress',
  clusterDomain: 'my.domain',
})
const service = { apiVersion: 'v1', kind: 'Service', namespace: 'shop' }
const broker = { apiVersion: 'eventing.knative.dev/v1', kind: 'Broker', namespace: 'shop' }

describe('the address of', () => {
  it.each([
    ['a Service', { ...service, name: 'plain' }, { url: 'http://plain.shop.svc.my.domain' }],
    ['a Service elsewhere', { ...service, name: 'name' }, { url: 'http://name.shop.svc.my.domain' }],
    ['a Service that says h2c', { ...service, name: 'h2c' }, { url: 'http://h2c.shop.svc.my.domain', protocol: 'h2c' }],
    [
      'one that calls its port so',
      { ...service, name: 'named' },
      { url: 'http://named.shop.svc.my.domain', protocol: 'h2c' },
    ],
    [
      'one whose protocol is another',
      { ...service, name: 'other-protocol' },
      { url: 'http://other-protocol.shop.svc.my.domain' },
    ],
    [
      'one that says it of another port',
      { ...service, name: 'elsewhere' },
      { url: 'http://elsewhere.shop.svc.my.domain' },
    ],
    [
      'a Service without port 80',
      { ...service, name: 'other' },
      {
        url: 'http://other.shop.svc.my.domain',
        note: expect.stringMatching(/has port 8080, 9090, .* use uri: http:\/\/other\.shop\.svc\.my\.domain:8080/),
      },
    ],
    [
      'a Service that is not there',
      { ...service, name: 'none' },
      { missing: expect.stringMatching(/Service shop\/none does not exist; apply it/) },
    ],
    ['a Broker of ours', { ...broker, name: 'ours' }, { url: 'http://ingress/shop/ours' }],
    ['a Broker that goes', { ...broker, name: 'going' }, { missing: expect.stringMatching(/does not exist/) }],
    ['a Broker of another class', { ...broker, name: 'theirs' }, { url: 'http://mt/shop/theirs' }],
    [
      'one that has no address yet',
      { ...broker, name: 'bare' },
      { missing: expect.stringMatching(/has no address in its status yet/) },
    ],
    [
      'a Deployment',
      { ...service, apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' },
      { missing: expect.stringMatching(/refer to a Service in front of it/), reason: 'KindNotInstalled' },
    ],
    [
      'a kind that is not installed',
      { ...service, apiVersion: 'serving.knative.dev/v1', name: 's' },
      {
        missing: expect.stringMatching(/no kind Service\.serving\.knative\.dev; install it/),
        reason: 'KindNotInstalled',
      },
    ],
  ])('%s', (_, ref, expected) => {
    expect(resolve(ref)).toEqual(expected)
  })
})
