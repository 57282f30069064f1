import { beforeAll, describe, expect, it } from 'vitest'
import { brokerDefinition, triggerDefinition } from '../../src/api/crd.ts'
import { validateBroker, validateTrigger } from '../../src/api/validate.ts'
import type { ApiAccess } from '../support/api-server.ts'
import { apiRequest, type ApiAnswer } from '../support/api-request.ts'
import { sharedApiServer } from '../support/api.ts'
import { installCrds } from '../support/crds.ts'
import { uniqueName } from '../support/kafka.ts'

const namespace = uniqueName('rules')
let api: ApiAccess

beforeAll(async () => {
  api = await sharedApiServer()
  await installCrds(api)
  await apiRequest(api, 'POST', '/api/v1/namespaces', { body: { metadata: { name: namespace } } })
})

const uri = 'http://a.example/path'
const ref = { apiVersion: 'v1', kind: 'Service', name: 'a' }
const config = { apiVersion: 'v1', kind: 'ConfigMap', name: 'a', namespace: 'a' }
const fullyGrown = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`a${i}`, '']))

const trigger = (spec: object) => ({ spec: { broker: 'b', subscriber: { uri }, ...spec } })
const delivery = (spec: object) => trigger({ delivery: spec })
const attributes = (map: object) => trigger({ filter: { attributes: map } })
const times = (count: number, value: object): object[] => Array.from({ length: count }, () => value)
const filters = (...list: object[]) => trigger({ filters: list })

/** What is wrong with a Trigger, and what the API server says. */
const refusedTriggers: readonly (readonly [what: string, object: object, says: string | RegExp])[] = [
  ['no spec', {}, 'spec: Required value'],
  ['no broker', { spec: { subscriber: { uri } } }, 'spec.broker: Required value'],
  ['an empty broker', trigger({ broker: '' }), /spec\.broker: .*should be at least 1 chars long/],
  ['no subscriber', { spec: { broker: 'b' } }, 'spec.subscriber: Required value'],
  ['an empty subscriber', trigger({ subscriber: {} }), 'spec.subscriber: Invalid value: needs a ref'],
  [
    'a path alone',
    trigger({ subscriber: { uri: '/a' } }),
    'spec.subscriber.uri: Invalid value: without ref it must be an absolute URL',
  ],
  ['a host alone', trigger({ subscriber: { uri: 'a.example' } }), 'without ref it must be an absolute URL'],
  ['another scheme', trigger({ subscriber: { uri: 'ftp://a' } }), 'begins with http:// or https://'],
  ['a scheme without host', trigger({ subscriber: { uri: 'http:///a' } }), 'must be an absolute URL'],
  ['a URL beside ref', trigger({ subscriber: { uri, ref } }), 'beside ref it must be relative, e.g. /my-path'],
  ['a uri without end', trigger({ subscriber: { uri: `http://${'a'.repeat(5000)}` } }), /uri: Too long/],
  ['a ref without name', trigger({ subscriber: { ref: { ...ref, name: undefined } } }), 'ref.name: Required value'],
  [
    'an empty dead letter sink',
    delivery({ deadLetterSink: {} }),
    'spec.delivery.deadLetterSink: Invalid value: needs a ref',
  ],
  ['a negative retry', delivery({ retry: -1 }), 'spec.delivery.retry in body should be greater than or equal to 0'],
  ['half a retry', delivery({ retry: 1.5 }), /retry: Invalid value: "number"/],
  ['more retries than an int32', delivery({ retry: 2 ** 31 }), /retry/],
  ['a policy that is none', delivery({ backoffPolicy: 'constant' }), 'supported values: "linear", "exponential"'],
  [
    'a duration of another tool',
    delivery({ backoffDelay: '200ms' }),
    'backoffDelay: Invalid value: "200ms": must be an ISO 8601 duration such as PT0.2S',
  ],
  ['a duration without unit', delivery({ timeout: 'PT5' }), 'must be an ISO 8601 duration'],
  ['a duration of nothing', delivery({ timeout: 'P' }), 'must be an ISO 8601 duration'],
  ['a negative duration', delivery({ timeout: '-PT5S' }), 'must be an ISO 8601 duration'],
  ['a duration of zero', delivery({ timeout: 'PT0.0S' }), 'must be longer than zero'],
  ['a format that is none', delivery({ format: 'xml' }), 'supported values: "json", "binary"'],
  [
    'an attribute in upper case',
    attributes({ Type: 'a' }),
    'names of event attributes are lower-case letters and digits',
  ],
  ['an attribute with a dash', attributes({ 'my-type': 'a' }), 'names of event attributes'],
  ['an attribute that begins with a digit', attributes({ '1a': 'a' }), 'names of event attributes'],
  ['an attribute without name', attributes({ '': 'a' }), 'names of event attributes'],
  ['an attribute that is a number', attributes({ a: 5 }), 'must be of type string'],
  ['too many attributes', attributes(fullyGrown), /attributes: Too many/],
  [
    'two dialects in one filter',
    trigger({ filters: [{ exact: { a: 'b' }, cesql: 'TRUE' }] }),
    'spec.filters[0]: Invalid value: exactly one of exact, prefix',
  ],
  [
    'a dialect with a wrong name',
    trigger({ filters: [{ prefix: { A: 'b' } }] }),
    'spec.filters[0].prefix: Invalid value: the names of event attributes',
  ],
  ['an empty text', filters({ exact: { a: '' } }), 'spec.filters[0].exact: Invalid value: the text to compare with'],
  ['a dialect that asks for nothing', filters({ suffix: {} }), /filters\[0\]\.suffix: .*at least 1 properties/],
  ['no nested filter', filters({ any: [] }), /filters\[0\]\.any: .*at least 1 items/],
  ['a text that is a number', filters({ prefix: { a: 5 } }), 'must be of type string'],
  ['an expression that is no text', filters({ cesql: true }), 'must be of type string'],
  ['too many filters', filters(...times(65, { exact: { a: 'b' } })), /filters: Too many/],
  ['filters that are no list', trigger({ filters: { exact: { a: 'b' } } }), 'unknown field "spec.filters.exact"'],
  ['a field that there is not', delivery({ retries: 3 }), 'unknown field "spec.delivery.retries"'],
]

const refusedBrokers: readonly (readonly [what: string, object: object, says: string])[] = [
  [
    'a name that no topic can have',
    { metadata: { name: 'a'.repeat(233) } },
    'the name is too long for a topic of Kafka',
  ],
  ['a config without kind', { spec: { config: { ...config, kind: undefined } } }, 'spec.config.kind: Required value'],
  ['a delivery that is wrong', { spec: { delivery: { retry: -1 } } }, 'spec.delivery.retry'],
]

describe.each(['v1', 'v1beta1', 'v1alpha1'])('the API server refuses, in %s,', (version) => {
  // Without a Broker old versions mean "default".
  const cases = refusedTriggers.filter(([what]) => version === 'v1' || what !== 'no broker')
  it.each(cases)('a Trigger with %s', async (_, object, says) => {
    expect(await dryRun('Trigger', object, version)).toMatchObject({ status: refused, body: { message: match(says) } })
    expect(validateTrigger(whole('Trigger', object, version))).not.toEqual([])
  })

  it.each(refusedBrokers)('a Broker with %s', async (_, object, says) => {
    expect(await dryRun('Broker', object, version)).toMatchObject({ status: refused, body: { message: match(says) } })
    expect(validateBroker(whole('Broker', object, version))).not.toEqual([])
  })
})

describe('the API server refuses to change', () => {
  it.each(['v1', 'v1beta1', 'v1alpha1'])('the Broker of a Trigger, in %s', async (version) => {
    const made = await create('Trigger', trigger({}))
    const change = { ...made, spec: { ...made.spec, broker: 'c' } }
    const message = /spec\.broker: .*cannot be changed: delete this Trigger and create it again with the other Broker/
    expect(await replace(change, version)).toMatchObject({ status: 422, body: { message: match(message) } })
    const other = { ...made, spec: { ...made.spec, subscriber: { ref } } }
    expect(await replace(other, version)).toMatchObject({ status: 200 })
  })

  const message = /spec\.config: .*cannot be changed: delete this Broker and create it again with the other config/
  it.each([
    ['another one', { config }, { config: { ...config, name: 'b' } }],
    ['none', { config }, {}],
    ['no spec', { config }, undefined],
    ['one where there was none', {}, { config }],
    ['one where there was no spec', undefined, { config }],
  ])('the config of a Broker to %s', async (_, before, after) => {
    const made = await create('Broker', { spec: before })
    expect(await replace({ ...made, spec: after })).toMatchObject({ status: 422, body: { message: match(message) } })
    const delivery = { retry: 3 }
    const other = { ...made, spec: { ...before, delivery } }
    expect(await replace(other)).toMatchObject({ status: 200, body: { spec: { delivery } } })
  })
})

describe('the API server takes what our admission takes:', () => {
  const durations = ['PT0.2S', 'PT0,2S', 'P1DT2H', 'P1Y2M3W4DT5H6M7.8S', 'P1W', 'PT10M', 'PT0.001S']
  const cases: readonly (readonly [what: string, spec: object])[] = [
    ['a path beside ref', { subscriber: { ref, uri: '/a?b=c' } }],
    ['a URL in upper case', { subscriber: { uri: 'HTTPS://A.example:8443' } }],
    ['an IPv6 address', { subscriber: { uri: 'http://[::1]:8080/a' } }],
    ['no retry', { delivery: { retry: 0 } }],
    ['many retries', { delivery: { retry: 2 ** 31 - 1 } }],
    ...durations.map((timeout): [string, object] => [
      timeout,
      { delivery: { timeout, backoffDelay: timeout, backoffPolicy: 'linear' } },
    ]),
    ['an attribute that must be there', { filter: { attributes: { mytenant1: '' } } }],
    ['a filter without attributes', { filter: {} }],
    [
      'as many attributes as there may be',
      { filter: { attributes: Object.fromEntries(Object.entries(fullyGrown).slice(1)) } },
    ],
    ['a dead letter sink', { delivery: { deadLetterSink: { ref } } }],
    ['no filters', { filters: [] }],
    ['as many filters as there may be', { filters: times(64, { exact: { a: 'b' } }) }],
    ['filters and filter', { filters: [{ cesql: 'EXISTS a' }], filter: { attributes: { a: 'b' } } }],
  ]
  it.each(cases)('%s', async (_, spec) => {
    expect(validateTrigger(whole('Trigger', trigger(spec)))).toEqual([])
    expect(await dryRun('Trigger', trigger(spec))).toMatchObject({ status: 201 })
  })
})

describe('filters', () => {
  const nested = {
    any: [{ prefix: { a: 'b' } }, { all: [{ not: { not: { suffix: { a: 'b' } } } }, { cesql: 'x = 1' }] }],
  }

  it.each(['v1', 'v1beta1', 'v1alpha1'])('reach admission whole, and are taken, in %s', async (version) => {
    const spec = { filters: [nested, { not: nested }, { all: [nested] }, { exact: { a: 'b', c: 'd' } }] }
    const { status, body } = await dryRun('Trigger', trigger(spec), version)
    expect({ status, filters: body.spec.filters }).toEqual({ status: 201, ...spec })
    expect(validateTrigger(whole('Trigger', trigger(spec), version))).toEqual([])
  })

  it('that nobody knows reach admission too, which names them', async () => {
    const unknown = [
      { regex: { type: 'a' } },
      { all: [{ any: [{ exct: { a: 'b' } }] }] },
      {},
      { not: { exact: { a: '' } } },
    ]
    const { status, body } = await dryRun('Trigger', filters(...unknown))
    expect({ status, filters: body.spec.filters }).toEqual({ status: 201, filters: unknown })
    expect(validateTrigger(whole('Trigger', filters(...unknown))).map(({ path }) => path)).toEqual([
      'spec.filters[0].regex',
      'spec.filters[1].all[0].any[0].exct',
      'spec.filters[2]',
      'spec.filters[3].not.exact.a',
    ])
  })
})

describe('fields of later versions', () => {
  const spec = {
    brokerRef: { ...ref, group: 'a', address: 'a' },
    subscriber: { ref: { ...ref, group: 'a', address: 'a' }, CACerts: 'a', audience: 'a' },
    delivery: { deadLetterSink: { uri, CACerts: 'a', audience: 'a' } },
  }

  it('reach admission whole, since the API server drops nothing of them', async () => {
    const { body } = await dryRun('Trigger', trigger(spec))
    expect(body.spec).toEqual({ broker: 'b', ...spec })
  })

  it('are refused there, each by name', () => {
    const problems = validateTrigger(whole('Trigger', trigger(spec)))
    expect(problems.map(({ path }) => path).toSorted()).toEqual([
      'spec.brokerRef',
      'spec.delivery.deadLetterSink.CACerts',
      'spec.delivery.deadLetterSink.audience',
      'spec.subscriber.CACerts',
      'spec.subscriber.audience',
      'spec.subscriber.ref.address',
      'spec.subscriber.ref.group',
    ])
    for (const { message } of problems) expect(message).toMatch(/^not yet: /)
  })
})

it('each rule of the definitions has a case here', () => {
  const rules = new Set(rulesOf([brokerDefinition(), triggerDefinition()]))
  // Those of changes are told apart by their rule; the rest by what this file expects.
  const changes = [...rules].filter(({ rule }) => rule.includes('oldSelf'))
  const said = [...refusedTriggers, ...refusedBrokers].map(([, , says]) => says)
  const checked = [...rules].filter(({ message }) =>
    said.some((part) => typeof part === 'string' && overlap(message, part)),
  )
  expect(changes.length).toBeGreaterThan(0)
  expect(new Set([...changes, ...checked].map(({ message }) => message))).toEqual(
    new Set([...rules].map(({ message }) => message)),
  )
})

/** What fieldValidation refuses is 400, what a rule refuses is 422. */
const refused = expect.toSatisfy((status: number) => status === 422 || status === 400)
const match = (says: string | RegExp) =>
  typeof says === 'string' ? expect.stringContaining(says) : expect.stringMatching(says)

/** Whether a message is what is expected, which may have the path of the field before it. */
function overlap(message: string, part: string): boolean {
  return message.includes(part.replace(/^.*Invalid value: ("[^"]*": )?/, ''))
}

interface RuleOf {
  readonly rule: string
  readonly message: string
}

function rulesOf(node: unknown): RuleOf[] {
  if (typeof node !== 'object' || node === null) return []
  return Object.entries(node).flatMap(([key, value]) =>
    key === 'x-kubernetes-validations' ? (value as RuleOf[]) : rulesOf(value),
  )
}

type Kind = 'Broker' | 'Trigger'

function whole(kind: Kind, object: object, version = 'v1') {
  const metadata = { name: 'a', namespace, ...('metadata' in object ? (object.metadata as object) : {}) }
  return { apiVersion: `eventing.knative.dev/${version}`, kind, ...object, metadata }
}

const path = (kind: string, version: string) =>
  `/apis/eventing.knative.dev/${version}/namespaces/${namespace}/${kind.toLowerCase()}s`

function dryRun(kind: Kind, object: object, version = 'v1'): Promise<ApiAnswer> {
  const body = whole(kind, object, version)
  return apiRequest(api, 'POST', `${path(kind, version)}?dryRun=All&fieldValidation=Strict`, { body })
}

async function create(kind: Kind, object: object) {
  const body = { ...whole(kind, object), metadata: { name: uniqueName('a') } }
  const answer = await apiRequest(api, 'POST', path(kind, 'v1'), { body })
  expect(answer.status).toBe(201)
  return answer.body
}

// eslint-disable-next-line typescript/no-explicit-any -- as ApiAnswer
function replace(object: any, version = 'v1'): Promise<ApiAnswer> {
  const body = { ...object, apiVersion: `eventing.knative.dev/${version}` }
  return apiRequest(api, 'PUT', `${path(object.kind, version)}/${object.metadata.name}`, { body })
}
