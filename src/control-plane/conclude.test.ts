import { describe, expect, it } from 'vitest'
import { parseManifest } from '../api/manifest.ts'
import { formatProblem } from '../api/problem.ts'
import { compileManifests } from './compile-manifests.ts'
import type { Compiled, CompileOptions } from './compile-manifests.ts'
import { conclude } from './conclude.ts'
import type { Observed } from './conclude.ts'
import { serviceUrl } from './resolve.ts'

const options: CompileOptions = {
  ingressUrl: 'http://127.0.0.1:8080/',
  topicDefaults: { partitions: 4, replicationFactor: 1, config: {} },
  resolveReference: (ref) => {
    if (ref.name.startsWith('missing')) return { missing: `Service ${ref.name} has no address; map it` }
    return { url: serviceUrl(ref) }
  },
}

function compile(text: string, more: Partial<CompileOptions> = {}): Compiled {
  const { objects, problems } = parseManifest(text, 'a.yaml')
  expect(problems.map(formatProblem)).toEqual([])
  return compileManifests(objects, { ...options, ...more })
}

const broker = (spec = '{}', metadata = '{name: default}'): string =>
  `apiVersion: eventing.knative.dev/v1\nkind: Broker\nmetadata: ${metadata}\nspec: ${spec}\n---\n`
const trigger = (spec = '', metadata = '{name: orders}'): string =>
  `apiVersion: eventing.knative.dev/v1\nkind: Trigger\nmetadata: ${metadata}\nspec: {broker: default, subscriber: {ref: {apiVersion: v1, kind: Service, name: my-service}, uri: /my-custom-path}${spec}}\n---\n`
function seen(part: Partial<Observed> = {}): Observed {
  return { topics: new Map(), outlets: new Map(), ingressListening: true, ...part }
}

function verdicts(compiled: Compiled, observed: Observed = seen()): [string, string, string][] {
  return conclude(compiled, observed).map(({ key, ready, reason }) => [
    `${key.kind} ${key.namespace}/${key.name}`,
    ready,
    reason,
  ])
}

describe('Ready', () => {
  const compiled = compile(broker() + trigger())
  const topics = new Map([['knative-broker-default-default', 'ready' as const]])
  const uid = compiled.outlets[0]?.uid ?? ''
  const report = { uid, generation: 1, state: 'consuming' as const, fault: null }
  const outlets = (more: object = {}): Observed['outlets'] => new Map([[uid, { ...report, ...more }]])
  const fault = (reason: string): object => ({ fault: { reason, message: 'why' } })
  it.each([
    ['nothing is seen yet', seen(), ['Unknown', 'Pending'], ['Unknown', 'BrokerNotReady']],
    ['all is there', seen({ topics, outlets: outlets() }), ['True', ''], ['True', '']],
    [
      'the ingress does not listen',
      seen({ topics, outlets: outlets(), ingressListening: false }),
      ['Unknown', 'IngressNotListening'],
      ['Unknown', 'BrokerNotReady'],
    ],
    [
      'Kafka is away',
      seen({
        topics: new Map([...topics].map(([name]) => [name, { reason: 'LogUnavailable' as const, message: 'm' }])),
      }),
      ['False', 'LogUnavailable'],
      ['False', 'LogUnavailable'],
    ],
    ['no dispatcher has reported', seen({ topics }), ['True', ''], ['Unknown', 'Starting']],
    [
      'starting positions are not committed',
      seen({ topics, outlets: outlets({ state: 'starting' }) }),
      ['True', ''],
      ['Unknown', 'Starting'],
    ],
    [
      'the dispatcher has an older version',
      seen({ topics, outlets: outlets({ generation: 0 }) }),
      ['True', ''],
      ['Unknown', 'Starting'],
    ],
    [
      'someone else is in the group',
      seen({ topics, outlets: outlets(fault('GroupInUse')) }),
      ['True', ''],
      ['False', 'GroupInUse'],
    ],
    [
      'events were parked, the rest flows',
      seen({ topics, outlets: outlets(fault('DeliveryFailed')) }),
      ['True', ''],
      ['True', ''],
    ],
  ])('%s', (_, observed, ofBroker, ofTrigger) => {
    expect(verdicts(compiled, observed).map(([, ready, reason]) => [ready, reason])).toEqual([ofBroker, ofTrigger])
  })

  it('keeps telling of parked events in its dependent', () => {
    const status = conclude(compiled, seen({ topics, outlets: outlets(fault('DeliveryFailed')) }))[1]
    const subscription = { type: 'SubscriptionReady', status: 'True', reason: 'DeliveryFailed', message: 'why' }
    expect(status?.conditions).toContainEqual(subscription)
  })

  it.each([
    [
      'a Broker that is not there',
      trigger(),
      'BrokerDoesNotExist',
      /apply one, this is enough: \{apiVersion: eventing\.knative\.dev\/v1, kind: Broker/,
    ],
    [
      'a subscriber without address',
      broker() + trigger().replace('my-service', 'missing'),
      'ReferenceNotResolved',
      /spec\.subscriber: Service missing has no address; map it/,
    ],
    [
      'a dead letter sink without address',
      broker() + trigger(', delivery: {deadLetterSink: {ref: {apiVersion: v1, kind: Service, name: missing}}}'),
      'ReferenceNotResolved',
      /delivery\.deadLetterSink: Service missing/,
    ],
    [
      'a dead letter sink that is a Broker and not there',
      broker() +
        trigger(', delivery: {deadLetterSink: {ref: {apiVersion: eventing.knative.dev/v1, kind: Broker, name: x}}}'),
      'ReferenceNotResolved',
      /Broker default\/x does not exist/,
    ],
  ])('is False for %s', (_, text, reason, message) => {
    const compiled = compile(text)
    const status = conclude(compiled, seen({ topics })).at(-1)
    expect(compiled.outlets).toEqual([])
    expect(status).toMatchObject({ ready: 'False', reason })
    expect(status?.message).toMatch(message)
  })

  it('is False for a Broker whose dead letter sink is missing, which still takes events', () => {
    const spec = '{delivery: {deadLetterSink: {ref: {apiVersion: v1, kind: Service, name: missing}}}}'
    const compiled = compile(broker(spec) + trigger() + trigger(', delivery: {}', '{name: own}'))
    expect(compiled.inlets).toHaveLength(1)
    expect(compiled.outlets.map(({ source }) => source.name)).toEqual(['own'])
    expect(verdicts(compiled, seen({ topics }))[0]).toMatchObject([
      'Broker default/default',
      'False',
      'ReferenceNotResolved',
    ])
  })

  it('tells addresses, topic, group and where failures go', () => {
    const text = broker('{delivery: {deadLetterSink: {uri: http://dls/}}}') + trigger()
    expect(conclude(compile(text), seen())).toMatchObject([
      {
        address: 'http://127.0.0.1:8080/default/default',
        topic: 'knative-broker-default-default',
        deadLetterSinkUri: 'http://dls/',
      },
      {
        group: 'knative-trigger-default-orders',
        subscriberUri: 'http://my-service.default.svc.cluster.local/my-custom-path',
        deadLetterSinkUri: 'http://dls/',
      },
    ])
  })
})
