import { beforeAll, describe, expect, it } from 'vitest'
import { sinkBindingDefinition } from '../../src/api/sink-binding-crd.ts'
import { validateSinkBinding } from '../../src/api/validate.ts'
import { apiRequest } from '../support/api-request.ts'
import type { ApiAccess } from '../support/api-server.ts'
import { sharedApiServer } from '../support/api.ts'
import { installCrds } from '../support/crds.ts'

let api: ApiAccess
beforeAll(async () => {
  api = await sharedApiServer()
  await installCrds(api)
})

const subject = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'app' }
const sink = { ref: { apiVersion: 'v1', kind: 'Service', name: 'a' } }
const selecting = (requirement: object) => ({
  subject: { ...subject, name: undefined, selector: { matchExpressions: [requirement] } },
})
const whole = (spec: object, version: string) => ({
  apiVersion: `sources.knative.dev/${version}`,
  kind: 'SinkBinding',
  metadata: { name: 'a', namespace: 'default' },
  spec: { subject, sink, ...spec },
})
const dryRun = (spec: object, version = 'v1') => {
  const path = `/apis/sources.knative.dev/${version}/namespaces/default/sinkbindings?dryRun=All&fieldValidation=Strict`
  return apiRequest(api, 'POST', path, { body: whole(spec, version) })
}

const refused: readonly (readonly [what: string, spec: object, says: string])[] = [
  ['no kind', { subject: { ...subject, kind: undefined } }, 'spec.subject.kind: Required value'],
  [
    'name and selector',
    { subject: { ...subject, selector: {} } },
    'needs either name, for one workload, or selector, for all that have its labels; and not both',
  ],
  ['no sink', { sink: undefined }, 'spec.sink: Required value'],
  ['a sink without ref and uri', { sink: {} }, 'needs a ref (an object with an address) or a uri'],
  ['a sink with a path alone', { sink: { uri: '/a' } }, 'without ref it must be an absolute URL'],
  ['a sink with ref and a URL', { sink: { ...sink, uri: 'http://a/' } }, 'beside ref it must be relative'],
  [
    'an extension in upper case',
    { ceOverrides: { extensions: { A: 'a' } } },
    'the names of extensions are lower-case letters and digits',
  ],
  [
    'a core attribute',
    { ceOverrides: { extensions: { id: 'a' } } },
    'must not name an attribute that each event has by itself',
  ],
  [
    'extensions that no variable holds',
    { ceOverrides: { extensions: { a: 'x'.repeat(20_000), b: 'x'.repeat(20_000) } } },
    'may have 32768 bytes in all',
  ],
  [
    'certificates that no variable holds',
    { sink: { ...sink, CACerts: `-----BEGIN CERTIFICATE-----${'M'.repeat(65_536)}` } },
    'spec.sink.CACerts: Too long',
  ],
  ['In without values', selecting({ key: 'a', operator: 'In' }), 'In and NotIn need values'],
  ['Exists with values', selecting({ key: 'a', operator: 'Exists', values: ['b'] }), 'In and NotIn need values'],
  ['a field that there is not', { sinks: [] }, 'unknown field "spec.sinks"'],
]

describe.each(['v1', 'v1beta1', 'v1alpha2', 'v1alpha1'])(
  'the API server refuses, in %s, a SinkBinding with',
  (version) => {
    it.each(refused)('%s', async (_, spec, says) => {
      const { status, body } = await dryRun(spec, version)
      expect([400, 422]).toContain(status)
      expect(body.message).toContain(says)
      expect(validateSinkBinding(whole(spec, version) as never)).not.toEqual([])
    })
  },
)

it('each rule has a case here', () => {
  const messages = new Set(JSON.stringify(sinkBindingDefinition()).match(/"message":"[^"]*"/g))
  const uncovered = [...messages].filter((message) => !refused.some(([, , says]) => message.includes(says)))
  expect(messages.size).toBeGreaterThan(5)
  expect(uncovered).toEqual([])
})

it('the API server takes what admission takes', async () => {
  for (const spec of [
    {},
    { subject: { ...subject, name: undefined, selector: {} } },
    selecting({ key: 'a', operator: 'NotIn', values: ['b', 'c'] }),
    {
      ceOverrides: { extensions: { tenant: 'a' } },
      sink: { ...sink, uri: '/a', CACerts: '-----BEGIN CERTIFICATE-----' },
    },
  ]) {
    expect(validateSinkBinding(whole(spec, 'v1') as never)).toEqual([])
    expect((await dryRun(spec)).status).toBe(201)
  }
})
