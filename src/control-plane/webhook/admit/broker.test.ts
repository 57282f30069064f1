import { describe, expect, test } from 'vitest'
import { admissionRequest, admitted, problemsOf, type Admitted } from '../../../../test/support/admission.ts'
import type { JsonObject } from '../../../api/json.ts'
import { jsonPatch } from '../json-patch.ts'
import { brokerDefaults, type BrokerDefaults } from './broker-defaults.ts'
import { defaultBroker, judgeBroker } from './broker.ts'

const classKey = 'eventing.knative.dev/broker.class'
const none = brokerDefaults(undefined)
const configured = brokerDefaults({
  'default-br-config': `
clusterDefault: { name: kafka-broker-config, namespace: knative-eventing, delivery: { retry: 3, timeout: PT5S } }
`,
})
const channels = brokerDefaults({
  'default-br-config': 'clusterDefault: { brokerClass: MTChannelBasedBroker, name: x }',
})

const broker = (spec?: object, annotations?: Record<string, string>): JsonObject => ({
  apiVersion: 'eventing.knative.dev/v1',
  kind: 'Broker',
  metadata: { name: 'default', namespace: 'shop', ...(annotations === undefined ? {} : { annotations }) },
  ...(spec === undefined ? {} : { spec }),
})

/** As it is stored. */
const stored = (
  object: JsonObject,
  oldObject: JsonObject | null,
  defaults: BrokerDefaults,
  user?: string,
): Admitted => {
  const verdict = defaultBroker(admissionRequest(object, oldObject, user), defaults)
  return admitted(verdict, object)
}

describe('a new Broker', () => {
  test('without a class is of class Kafka, and gets our finalizer and its creator', () => {
    expect(stored(broker(), null, none)).toEqual({
      ...broker(),
      metadata: {
        name: 'default',
        namespace: 'shop',
        annotations: {
          [classKey]: 'Kafka',
          'eventing.knative.dev/creator': 'jo',
          'eventing.knative.dev/lastModifier': 'jo',
        },
        finalizers: ['brokers.eventing.knative.dev/millrace'],
      },
    })
  })

  test('gets the config and the whole delivery of config-br-defaults', () => {
    expect(stored(broker(), null, configured).spec).toEqual({
      config: { apiVersion: 'v1', kind: 'ConfigMap', name: 'kafka-broker-config', namespace: 'knative-eventing' },
      delivery: { retry: 3, timeout: 'PT5S' },
    })
  })

  test('keeps what it says itself; references get its namespace', () => {
    const config = { apiVersion: 'v1', kind: 'ConfigMap', name: 'mine' }
    const ref = { apiVersion: 'v1', kind: 'Service', name: 'dead' }
    const { spec } = stored(broker({ config, delivery: { deadLetterSink: { ref } } }), null, configured)
    expect(spec).toEqual({
      config: { ...config, namespace: 'shop' },
      delivery: { deadLetterSink: { ref: { ...ref, namespace: 'shop' } } },
    })
  })

  test('of another class is left alone', () => {
    const theirs = broker(undefined, { [classKey]: 'MTChannelBasedBroker' })
    expect(jsonPatch(theirs, stored(theirs, null, configured))).toEqual([])
    expect(defaultBroker(admissionRequest(theirs), configured).warnings).toEqual([])
    expect(judgeBroker(admissionRequest(broker({ nonsense: 1 }, { [classKey]: 'KafkaNamespaced' })), none).kind).toBe(
      'allowed',
    )
  })

  test('becomes of another class by config-br-defaults: the class only, and a warning', () => {
    expect(stored(broker(), null, channels)).toEqual(broker(undefined, { [classKey]: 'MTChannelBasedBroker' }))
    expect(defaultBroker(admissionRequest(broker()), channels).warnings.join()).toMatch(
      /MTChannelBasedBroker.*does not serve; set it to Kafka/,
    )
  })

  test('is warned when config-br-defaults is broken', () => {
    const { warnings } = defaultBroker(admissionRequest(broker()), brokerDefaults({ 'default-br-config': '{' }))
    expect(warnings.join()).toContain('config-br-defaults')
  })
})

describe('a Broker that is changed', () => {
  const before = stored(broker(), null, configured)

  test.each([
    ['the same again', none],
    ['config-br-defaults says something else meanwhile', channels],
    [
      'config-br-defaults names another ConfigMap',
      brokerDefaults({ 'default-br-config': 'clusterDefault: {name: new}' }),
    ],
  ])('stays as it is: %s', (_, defaults) => {
    expect(stored(before, before, defaults, 'somebody else')).toEqual(before)
    expect(judgeBroker(admissionRequest(before, before), defaults).kind).toBe('allowed')
  })

  test('one from before the defaults gets none later', () => {
    const early = stored(broker(), null, none)
    expect(stored(early, early, configured)).toEqual(early)
  })

  test('replaced by its manifest keeps class, config and creator', () => {
    const after = stored(broker({ delivery: { retry: 1 } }), before, none, 'sam')
    expect(after.spec).toEqual({ config: before.spec.config, delivery: { retry: 1 } })
    expect(after.metadata.annotations).toEqual({
      [classKey]: 'Kafka',
      'eventing.knative.dev/creator': 'jo',
      'eventing.knative.dev/lastModifier': 'sam',
    })
    expect(judgeBroker(admissionRequest(after, before), none).kind).toBe('allowed')
  })

  test('that leaves the namespace of its config out keeps it as it was stored', () => {
    const config = { apiVersion: 'v1', kind: 'ConfigMap', name: 'mine' }
    const explicit = stored(broker({ config }), null, none)
    expect(stored(broker({ config }), explicit, none).spec).toEqual(explicit.spec)
    const implicit = { ...explicit, spec: { config } }
    expect(stored(broker({ config }), implicit, none).spec).toEqual({ config })
  })

  test('whoever edits creator or lastModifier finds them put back', () => {
    const annotations = { ...before.metadata.annotations, 'eventing.knative.dev/creator': 'me' }
    const edited = { ...before, metadata: { ...before.metadata, annotations } }
    expect(stored(edited, before, none, 'me')).toEqual(before)
  })

  test('gets no finalizer: somebody may have taken it away on purpose', () => {
    const bare = { ...before, metadata: { ...before.metadata, finalizers: [] } }
    expect(stored(bare, before, none).metadata.finalizers).toEqual([])
  })

  test('class and config cannot change, and all is said at once', () => {
    const config = { apiVersion: 'v1', kind: 'ConfigMap', name: 'other', namespace: 'shop' }
    const after = broker({ config, delivery: { retry: -1 } }, { [classKey]: 'MTChannelBasedBroker' })
    expect(problemsOf(judgeBroker(admissionRequest(after, before), none))).toEqual([
      expect.stringMatching(
        /^metadata\.annotations\["eventing.*class"\]: cannot be changed from Kafka to MTC.*put Kafka back, or delete/,
      ),
      expect.stringMatching(
        /^spec\.config: cannot be changed from ConfigMap knative-eventing\/kafka-broker-config to ConfigMap shop\/other/,
      ),
      'spec.delivery.retry: must be 0 or more',
    ])
  })

  test('cannot be taken over from another class', () => {
    const theirs = broker(undefined, { [classKey]: 'MTChannelBasedBroker' })
    expect(problemsOf(judgeBroker(admissionRequest(before, theirs), none)).join()).toContain(
      'from MTChannelBasedBroker to Kafka',
    )
  })

  test('what was wrong before is a warning, what is new is refused', () => {
    const wrong = { ...before, spec: { delivery: { retry: -1 } } }
    const verdict = judgeBroker(admissionRequest(wrong, wrong), none)
    expect(verdict.kind).toBe('allowed')
    expect(verdict.warnings.join()).toContain('spec.delivery.retry')
    const worse = { ...before, spec: { delivery: { retry: -1, timeout: '5s' } } }
    expect(problemsOf(judgeBroker(admissionRequest(worse, wrong), none))).toEqual([
      expect.stringContaining('spec.delivery.timeout'),
    ])
  })
})

test('all that is wrong with a new Broker is said at once', () => {
  const config = { apiVersion: 'v1', kind: 'Secret', name: 'x', namespace: 'elsewhere' }
  const here = brokerDefaults({ 'default-br-config': 'clusterDefault: {disallowDifferentNamespaceConfig: true}' })
  const wrong = broker(
    { config, delivery: { backoffDelay: '200ms' } },
    { [classKey]: 'Kafka', 'kafka.eventing.knative.dev/external.topic': 'a b' },
  )
  const found = problemsOf(judgeBroker(admissionRequest(wrong), here)).join('\n')
  expect(found).toMatch(/spec\.config\.namespace: must be shop/)
  expect(found).toMatch(/spec\.delivery\.backoffDelay: .*PT0\.2S/)
  // Rules across fields are looked at once each field by itself is right.
  const shaped = broker({ config }, { [classKey]: 'Kafka', 'kafka.eventing.knative.dev/external.topic': 'a b' })
  expect(problemsOf(judgeBroker(admissionRequest(shaped), none))).toEqual([
    expect.stringMatching(/external\.topic"\]: is not the name of a Kafka topic/),
    expect.stringMatching(/spec\.config\.kind: must name a ConfigMap/),
  ])
})
