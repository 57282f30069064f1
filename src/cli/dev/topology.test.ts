import { expect, test } from 'vitest'
import { parseManifests } from '../../api/manifest.ts'
import { compileManifests, manifestResolver } from '../../control-plane/compile-manifests.ts'
import { conclude } from '../../control-plane/conclude.ts'
import { bindManifests } from '../../control-plane/sink-binding/compile.ts'
import type { OutletSnapshot } from '../../data-plane/dispatcher/parts.ts'
import { receiversIn, topologyOf } from './topology.ts'

const text = `
apiVersion: eventing.knative.dev/v1
kind: Broker
metadata: { name: first }
---
apiVersion: eventing.knative.dev/v1
kind: Broker
metadata: { name: second }
---
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: { name: forward }
spec:
  broker: first
  filters: [{ any: [{ prefix: { type: a. } }, { not: { suffix: { source: b } } }] }]
  subscriber: { ref: { apiVersion: eventing.knative.dev/v1, kind: Broker, name: second } }
  delivery: { deadLetterSink: { ref: { apiVersion: v1, kind: Service, name: graveyard } } }
---
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: { name: lost }
spec:
  broker: nowhere
  subscriber: { ref: { apiVersion: v1, kind: Service, name: archive } }
---
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: { name: orders }
spec: { broker: first, subscriber: { ref: { apiVersion: v1, kind: Service, name: desk } } }
---
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: { name: returns }
spec: { broker: first, subscriber: { ref: { apiVersion: v1, kind: Service, name: desk } } }
---
apiVersion: sources.knative.dev/v1
kind: SinkBinding
metadata: { name: bind }
spec:
  subject: { apiVersion: apps/v1, kind: Deployment, name: shop }
  sink: { ref: { apiVersion: eventing.knative.dev/v1, kind: Broker, name: first } }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: shop }
spec: { template: { spec: { containers: [{ name: shop, image: shop }] } } }
`

/** What the picture shows; before anything was delivered, unless `counts` says by the name of a Trigger what was. */
function picture(counts: Readonly<Record<string, Partial<OutletSnapshot>>> = {}) {
  const { objects } = parseManifests([{ file: 'app.yaml', text }], { defaultNamespace: 'default' })
  const options = {
    resolveReference: ({ name }: { name: string }) => ({ url: `http://127.0.0.1:1/${name}` }),
    ingressUrl: 'http://127.0.0.1:2',
    topicDefaults: { partitions: 1, replicationFactor: 1, config: {} },
  }
  const compiled = compileManifests(objects, options)
  const { bindings } = bindManifests(objects, manifestResolver(objects, options))
  const statuses = conclude(compiled, { topics: new Map(), outlets: new Map(), ingressListening: true })
  const { triggers, outlets } = compiled
  const receivers = receiversIn(objects)
  const snapshots = outlets
    .filter(({ source }) => source.name in counts)
    .map((outlet) => ({ ...outlet, ...nothingYet, ...counts[outlet.source.name] }))
  return topologyOf({ statuses, triggers, outlets, bindings, receivers }, { outlets: snapshots, memory: 0 })
}

const nothingYet = {
  ...{
    consuming: true,
    fault: null,
    partitions: [],
    delivered: 0,
    parked: 0,
    dropped: 0,
    looped: 0,
    lost: 0,
    blocked: 0,
  },
  ...{ replied: 0, deadLettered: 0, tally: null, lastDelivery: null, lastError: null },
} satisfies Partial<OutletSnapshot>

test('a Broker as a subscriber is that Broker; a dead letter sink and a bound workload are in the picture', () => {
  const { edges } = picture()
  expect(edges).toEqual([
    { from: 'Broker default/first', to: 'Trigger default/forward', kind: 'subscribe' },
    { from: 'Trigger default/forward', to: 'Broker default/second', kind: 'deliver' },
    { from: 'Trigger default/forward', to: 'http://127.0.0.1:1/graveyard', kind: 'deadletter', events: 0 },
    { from: 'Broker default/nowhere', to: 'Trigger default/lost', kind: 'subscribe' },
    { from: 'Trigger default/lost', to: 'http://127.0.0.1:1/archive', kind: 'deliver' },
    { from: 'Broker default/first', to: 'Trigger default/orders', kind: 'subscribe' },
    { from: 'Trigger default/orders', to: 'http://127.0.0.1:1/desk', kind: 'deliver' },
    { from: 'Broker default/first', to: 'Trigger default/returns', kind: 'subscribe' },
    { from: 'Trigger default/returns', to: 'http://127.0.0.1:1/desk', kind: 'deliver' },
    { from: 'Deployment default/shop', to: 'Broker default/first', kind: 'send' },
  ])
})

test('a Trigger tells its filter, and what it lacks', () => {
  const { nodes } = picture()
  const node = (id: string) => nodes.find((each) => each.id === id)
  expect(node('Trigger default/forward')).toMatchObject({
    detail: 'type ^= a. or not (source $= b)',
    state: 'waiting',
  })
  expect(node('Trigger default/lost')).toMatchObject({ state: 'failed', reason: 'BrokerDoesNotExist' })
  expect(node('http://127.0.0.1:1/archive')).toMatchObject({ kind: 'Service', namespace: 'default', name: 'archive' })
  expect(node('http://127.0.0.1:1/graveyard')).toMatchObject({ name: '/graveyard' })
})

test('a subscriber that replied has a way back to the Broker of its Trigger, with how many; two Triggers of one share it', () => {
  const replies = ({ edges }: ReturnType<typeof picture>) => edges.filter(({ kind }) => kind === 'reply')
  const from = 'http://127.0.0.1:1/desk'
  expect(replies(picture({ orders: { delivered: 5 } }))).toEqual([])
  expect(replies(picture({ orders: { delivered: 5, replied: 3 }, returns: { replied: 4 } }))).toEqual([
    { from, to: 'Broker default/first', kind: 'reply', events: 7 },
  ])
})

test('dead letters are counted on their way', () => {
  const { edges } = picture({ forward: { deadLettered: 2 } })
  expect(edges).toContainEqual(expect.objectContaining({ kind: 'deadletter', events: 2 }))
})
