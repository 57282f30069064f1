import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseManifest } from './manifest.ts'
import { upgradeBroker, upgradeTrigger } from './old-versions.ts'
import { formatProblem } from './problem.ts'

const subscriber = { uri: 'http://a/' }
const trigger = (spec: object, version = 'v1alpha1') => ({
  apiVersion: `eventing.knative.dev/${version}`,
  kind: 'Trigger',
  metadata: { name: 'a' },
  spec: { broker: 'b', subscriber, ...spec },
})
const filterOf = (filter: unknown, version?: string) => {
  const { object } = upgradeTrigger(trigger({ filter }, version))
  return (object['spec'] as { filter: unknown }).filter
}

describe('a Trigger of an old version', () => {
  it.each([
    ['source and type', { source: 's', type: 't' }, { source: 's', type: 't' }],
    ['an empty source', { source: '', type: 't' }, { type: 't' }],
    ['nothing but empty texts', { source: '', type: '' }, {}],
    ['nothing', {}, {}],
    ['no value', null, {}],
  ])('asks by attributes in place of sourceAndType with %s', (_, sourceAndType, attributes) => {
    for (const version of ['v1alpha1', 'v1beta1']) expect(filterOf({ sourceAndType }, version)).toEqual({ attributes })
  })

  it.each([
    ['what an earlier admission stored', { type: 't' }, { type: 't' }, { type: 't' }],
    ['what was asked before an edit', { source: 's', type: 't' }, { type: 'u' }, { type: 'u' }],
    ['attributes that it does not know', { subject: 'x' }, { type: 't' }, { subject: 'x', type: 't' }],
  ])('beside %s: sourceAndType decides about source and type', (_, attributes, sourceAndType, expected) => {
    expect(filterOf({ attributes, sourceAndType })).toEqual({ attributes: expected })
  })

  it.each(['text', ['a'], { source: 5 }, { type: 't', subject: 's' }])(
    'keeps a sourceAndType that is none, for validation to refuse: %j',
    (sourceAndType) => {
      const object = trigger({ filter: { sourceAndType } })
      expect(upgradeTrigger(object)).toEqual({ object, notices: [] })
    },
  )

  it.each([undefined, null, ''])('without a Broker (%j) means the one called default', (broker) => {
    expect(upgradeTrigger(trigger({ broker }, 'v1beta1')).object['spec']).toMatchObject({ broker: 'default' })
  })

  it('keeps its apiVersion, which admission may not change', () => {
    expect(upgradeTrigger(trigger({ broker: '' })).object['apiVersion']).toBe('eventing.knative.dev/v1alpha1')
  })

  it('is upgraded once and for all: applying the old manifest over the result changes nothing', () => {
    const words = fc.constantFrom('', 'a', 'b')
    const asked = fc.record({ source: words, type: words }, { requiredKeys: [] })
    fc.assert(
      fc.property(asked, (sourceAndType) => {
        const first = filterOf({ sourceAndType })
        // As kubectl merges: the live object, with the old field of the manifest again.
        expect(filterOf({ ...(first as object), sourceAndType })).toEqual(first)
      }),
    )
  })
})

describe('a Broker of an old version', () => {
  const broker = (more: object, annotations = {}) => ({
    apiVersion: 'eventing.knative.dev/v1alpha1',
    kind: 'Broker',
    metadata: { name: 'a', annotations },
    spec: { channelTemplateSpec: { kind: 'InMemoryChannel' }, ...more },
  })

  it('loses the template of its Channels, and it is said', () => {
    const { object, notices } = upgradeBroker(broker({ delivery: { retry: 1 } }))
    expect(object['spec']).toEqual({ delivery: { retry: 1 } })
    expect(notices).toMatchObject([{ path: ['spec', 'channelTemplateSpec'] }])
  })

  it('of another class is left alone', () => {
    const object = broker({}, { 'eventing.knative.dev/broker.class': 'MTChannelBasedBroker' })
    expect(upgradeBroker(object).object).toBe(object)
  })
})

it('v1 has no old fields: nothing is rewritten', () => {
  const object = trigger({ broker: '', filter: { sourceAndType: { type: 't' } } }, 'v1')
  expect(upgradeTrigger(object).object).toBe(object)
})

describe('manifests of old versions', () => {
  const text = `apiVersion: eventing.knative.dev/v1alpha1
kind: Trigger
metadata: {name: orders}
spec:
  filter:
    sourceAndType:
      type: ""
      source: wss://ws.example/inv
  subscriber: {uri: http://a/}
`

  it('are read as v1, and it is said what that means', () => {
    const { objects, problems } = parseManifest(text, 'old.yaml')
    const spec = { broker: 'default', filter: { attributes: { source: 'wss://ws.example/inv' } }, subscriber }
    expect(objects).toMatchObject([{ kind: 'Trigger', object: { apiVersion: 'eventing.knative.dev/v1', spec } }])
    expect(problems.map(formatProblem)).toEqual([
      expect.stringMatching(
        /^old\.yaml:1:13: .*v1alpha1 is an old version, read as v1; write eventing\.knative\.dev\/v1/,
      ),
      expect.stringMatching(/^old\.yaml:5:3: .*spec\.broker: none is named, .* means the Broker "default"/),
      expect.stringMatching(
        /^old\.yaml:7:7: .*spec\.filter\.sourceAndType: .* read as source: "wss:\/\/ws\.example\/inv"/,
      ),
    ])
    expect(problems.every(({ severity }) => severity === 'notice')).toBe(true)
  })

  it('with a mistake in an old field are refused', () => {
    const { objects, problems } = parseManifest(text.replace('type: ""', 'typ: a'), 'old.yaml')
    expect(objects).toEqual([])
    expect(problems.map(formatProblem).join('\n')).toMatch(/spec\.filter\.sourceAndType: .*use filter\.attributes/)
  })
})
