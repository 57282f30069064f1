import { expect, test } from 'vitest'
import type { Seen, SeenSpec } from '../people/tree/topology.ts'
import { clusterPicture } from './cluster-picture.ts'

const ready = [{ type: 'Ready', status: 'True' as const, lastTransitionTime: '2026-11-22T10:00:00Z' }]

function seen(kind: string, name: string, spec: SeenSpec, status: object = {}): Seen {
  return { kind, namespace: 'shop', name, spec, status: { conditions: ready, ...status } }
}

const service = (name: string) => ({ ref: { apiVersion: 'v1', kind: 'Service', name } })
const url = 'http://ingress/shop/default'
const broker = seen('Broker', 'default', {}, { address: { url } })
const desk = seen(
  'Trigger',
  'desk',
  { broker: 'default', subscriber: service('desk'), delivery: { deadLetterSink: service('lost') } },
  {
    subscriberUri: 'http://desk.shop',
    deadLetterSinkUri: 'http://lost.shop',
    ...{ lag: 7, rate: 2.5, lastError: { time: '2026-11-22T10:00:00Z', message: '503' } },
    undelivered: { deadLettered: 3 },
    replied: 4,
  },
)

test('a Trigger has lag, rate and last error of its status; what its subscriber did not take is counted on its way', () => {
  const { nodes, edges } = clusterPicture([desk, broker])
  const node = (id: string) => nodes.find((each) => each.id === id)
  expect(node('Broker shop/default')).toMatchObject({ state: 'ready', url })
  expect(node('Trigger shop/desk')).toMatchObject({ state: 'ready', lag: 7, rate: 2.5, lastError: '503' })
  expect(node('http://desk.shop')).toMatchObject({ kind: 'Service', namespace: 'shop', name: 'desk', rate: 2.5 })
  expect(edges).toEqual([
    { from: 'Broker shop/default', to: 'Trigger shop/desk', kind: 'subscribe' },
    { from: 'Trigger shop/desk', to: 'http://desk.shop', kind: 'deliver' },
    { from: 'http://desk.shop', to: 'Broker shop/default', kind: 'reply', events: 4 },
    { from: 'Trigger shop/desk', to: 'http://lost.shop', kind: 'deadletter', events: 3 },
  ])
})

test('what feeds a Broker leads to it, by its name or by its address; what a SinkBinding binds is drawn, not the SinkBinding', () => {
  const subject = { kind: 'Deployment', name: 'till' }
  const binding = seen('SinkBinding', 'till', { subject, sink: { uri: url } }, { sinkUri: url })
  const sink = { ref: { apiVersion: 'eventing.knative.dev/v1', kind: 'Broker', name: 'default' } }
  const source = seen('KafkaSource', 'orders', { topics: ['a', 'b'], sink }, { lag: 1 })
  const { nodes, edges } = clusterPicture([binding, source, broker])
  expect(edges).toEqual([
    { from: 'KafkaSource shop/orders', to: 'Broker shop/default', kind: 'send' },
    { from: 'Deployment shop/till', to: 'Broker shop/default', kind: 'send' },
  ])
  expect(nodes.map(({ id }) => id).toSorted()).toEqual([
    ...['Broker shop/default', 'Deployment shop/till', 'KafkaSource shop/orders'],
  ])
  expect(nodes.find(({ kind }) => kind === 'KafkaSource')).toMatchObject({ detail: 'topic a, topic b', lag: 1 })
})

test('what is not there or not Ready says why, and a status of another version is no progress', () => {
  const nothing = { conditions: [], lag: 'many', subscriberUri: 'http://desk.shop' }
  const trigger = seen('Trigger', 'desk', { broker: 'gone', subscriber: service('desk') }, nothing)
  const { nodes } = clusterPicture([trigger])
  expect(nodes).toMatchObject([
    { id: 'Broker shop/gone', state: 'failed', reason: 'Missing' },
    { id: 'Trigger shop/desk', state: 'waiting' },
    { id: 'http://desk.shop' },
  ])
  expect(nodes[1]).not.toHaveProperty('lag')
})
