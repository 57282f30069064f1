import { describe, expect, test } from 'vitest'
import { admissionRequest, admitted, problemsOf, type Admitted } from '../../../../test/support/admission.ts'
import type { JsonObject } from '../../../api/json.ts'
import { brokerOf, defaultTrigger, judgeTrigger } from './trigger.ts'

const ref = { apiVersion: 'v1', kind: 'Service', name: 'shipping' }
const trigger = (spec: object, version = 'v1', metadata: object = {}): JsonObject => ({
  apiVersion: `eventing.knative.dev/${version}`,
  kind: 'Trigger',
  metadata: { name: 'orders', namespace: 'shop', ...metadata },
  spec,
})

const stored = (object: JsonObject, oldObject: JsonObject | null = null, user?: string): Admitted => {
  const verdict = defaultTrigger(admissionRequest(object, oldObject, user), 'Kafka')
  return admitted(verdict, object)
}

describe('a new Trigger', () => {
  test('gets label, finalizer, creator, and the namespace of its references', () => {
    expect(stored(trigger({ broker: 'default', subscriber: { ref }, delivery: { deadLetterSink: { ref } } }))).toEqual({
      ...trigger({
        broker: 'default',
        subscriber: { ref: { ...ref, namespace: 'shop' } },
        delivery: { deadLetterSink: { ref: { ...ref, namespace: 'shop' } } },
      }),
      metadata: {
        name: 'orders',
        namespace: 'shop',
        labels: { 'eventing.knative.dev/broker': 'default' },
        annotations: { 'eventing.knative.dev/creator': 'jo', 'eventing.knative.dev/lastModifier': 'jo' },
        finalizers: ['kafka.triggers.eventing.knative.dev/millrace'],
      },
    })
  })

  test.each([
    [null, true],
    ['Kafka', true],
    ['MTChannelBasedBroker', false],
    ['KafkaNamespaced', false],
  ])('of a Broker of class %s: ours = %s', (brokerClass, ours) => {
    const wrong = admissionRequest(trigger({ broker: 'default', nonsense: 1 }))
    expect('object' in defaultTrigger(wrong, brokerClass)).toBe(ours)
    expect(judgeTrigger(wrong, brokerClass).kind).toBe(ours ? 'refused' : 'allowed')
  })

  test('of an old version is rewritten, and says so', () => {
    const old = trigger({ filter: { sourceAndType: { type: 'order', source: '' } }, subscriber: { ref } }, 'v1alpha1')
    const after = stored(old)
    expect(after.spec).toEqual({
      broker: 'default',
      filter: { attributes: { type: 'order' } },
      subscriber: { ref: { ...ref, namespace: 'shop' } },
    })
    expect(after.metadata.labels).toEqual({ 'eventing.knative.dev/broker': 'default' })
    expect(defaultTrigger(admissionRequest(old), null).warnings.join()).toContain('spec.filter.sourceAndType')
    expect(judgeTrigger(admissionRequest(after), null).kind).toBe('allowed')
  })

  test.each(['', 'my broker', 'b'.repeat(64), '-x'])('a Broker that makes no label (%j) gets none', (broker) => {
    expect(stored(trigger({ broker, subscriber: { ref } })).metadata.labels).toBeUndefined()
  })

  test('keeps finalizers of others', () => {
    const held = trigger({ broker: 'default' }, 'v1', { finalizers: ['a/b'] })
    expect(stored(held).metadata.finalizers).toEqual(['a/b', 'kafka.triggers.eventing.knative.dev/millrace'])
  })
})

describe('a Trigger that is changed', () => {
  const before = stored(trigger({ broker: 'default', subscriber: { ref } }))

  test('stays as it is when nothing differs, whoever asks', () => {
    expect(stored(before, before, 'sam')).toEqual(before)
  })

  test('an old manifest merged into it once more changes nothing', () => {
    const old = trigger({ filter: { sourceAndType: { type: 'order' } }, subscriber: { ref } }, 'v1alpha1')
    const first = stored(old)
    const merged = {
      ...first,
      spec: { ...first.spec, filter: { ...first.spec.filter, sourceAndType: { type: 'order' } } },
    }
    expect(stored(merged, first, 'sam')).toEqual(first)
  })

  test('says who changed the spec last; a label of the user changes nobody', () => {
    const changed = { ...before, spec: { ...before.spec, delivery: { retry: 1 } } }
    expect(stored(changed, before, 'sam').metadata.annotations).toEqual({
      'eventing.knative.dev/creator': 'jo',
      'eventing.knative.dev/lastModifier': 'sam',
    })
    const labelled = { ...before, metadata: { ...before.metadata, labels: { ...before.metadata.labels, team: 'a' } } }
    expect(stored(labelled, before, 'sam')).toEqual(labelled)
  })

  test('gets its label back', () => {
    const bare = { ...before, metadata: { ...before.metadata, labels: { 'eventing.knative.dev/broker': 'x' } } }
    expect(stored(bare, before)).toEqual(before)
  })

  test('cannot go to another Broker', () => {
    const moved = { ...before, spec: { ...before.spec, broker: 'other' } }
    expect(problemsOf(judgeTrigger(admissionRequest(moved, before), 'Kafka'))).toEqual([
      expect.stringMatching(/^spec\.broker: cannot be changed from default to other: put default back, or delete/),
    ])
  })
})

test.each([
  [{ broker: 'a' }, 'a'],
  [{ brokerRef: { name: 'b', namespace: 'elsewhere' } }, 'b'],
  [{}, undefined],
])('the Broker that %j names is %s', (spec, name) => {
  expect(brokerOf(admissionRequest(trigger(spec)))?.name).toBe(name)
})

test('all that is wrong is said at once, with the fix', () => {
  const wrong = trigger(
    {
      broker: 'default',
      filter: { attributes: { Type: 'x' } },
      subscriber: { ref, uri: 'http://a' },
      delivery: { retry: -1 },
    },
    'v1',
  )
  const found = problemsOf(judgeTrigger(admissionRequest(wrong), 'Kafka')).join('\n')
  expect(found).toMatch(/spec\.filter\.attributes\.Type: .*lower-case letters/)
  expect(found).toMatch(/spec\.subscriber\.uri: beside ref it must be relative/)
  expect(found).toMatch(/spec\.delivery\.retry: must be 0 or more/)
})
