import { expect, test } from 'vitest'
import { parseManifests } from '../../api/manifest.ts'
import { compileManifests, manifestResolver } from '../../control-plane/compile-manifests.ts'
import { conclude } from '../../control-plane/conclude.ts'
import { bindManifests } from '../../control-plane/sink-binding/compile.ts'
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

/** What the picture shows before anything was delivered. */
function picture() {
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
  return topologyOf({ statuses, triggers, outlets, bindings, receivers }, { outlets: [], memory: 0 })
}

test('a Broker as a subscriber is that Broker; a dead letter sink and a bound workload are in the picture', () => {
  const { edges } = picture()
  expect(edges).toEqual([
    { from: 'Broker default/first', to: 'Trigger default/forward', kind: 'subscribe' },
    { from: 'Trigger default/forward', to: 'Broker default/second', kind: 'deliver' },
    { from: 'Trigger default/forward', to: 'http://127.0.0.1:1/graveyard', kind: 'deadletter' },
    { from: 'Broker default/nowhere', to: 'Trigger default/lost', kind: 'subscribe' },
    { from: 'Trigger default/lost', to: 'http://127.0.0.1:1/archive', kind: 'deliver' },
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
