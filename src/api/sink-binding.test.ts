import { describe, expect, it } from 'vitest'
import { formatProblem } from './problem.ts'
import { parseManifest } from './manifest.ts'
import { validateSinkBinding } from './validate.ts'

const subject = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'app' }
const sink = { ref: { apiVersion: 'eventing.knative.dev/v1', kind: 'Broker', name: 'default' } }
const binding = (spec: object = {}, metadata: object = {}, version = 'v1') => ({
  apiVersion: `sources.knative.dev/${version}`,
  kind: 'SinkBinding',
  metadata: { name: 'a', namespace: 'shop', ...metadata },
  spec: { subject, sink, ...spec },
})
const extensions = (map: object) => binding({ ceOverrides: { extensions: map } })

describe('a SinkBinding is refused, with the field, the reason and the fix', () => {
  it.each<[string, object, string]>([
    [
      'a subject without kind',
      binding({ subject: { ...subject, kind: undefined } }),
      'spec.subject.kind: is missing: Kind of the workloads',
    ],
    [
      'name and selector',
      binding({ subject: { ...subject, selector: {} } }),
      'spec.subject: needs either name, for one workload, or selector',
    ],
    [
      'neither name nor selector',
      binding({ subject: { ...subject, name: undefined } }),
      'spec.subject: needs either name',
    ],
    [
      'a foreign namespace',
      binding({ subject: { ...subject, namespace: 'other' } }),
      'spec.subject.namespace: must be the namespace of the SinkBinding, shop; remove it',
    ],
    [
      'a sink without ref and uri',
      binding({ sink: {} }),
      'spec.sink: needs a ref (an object with an address) or a uri, e.g. http://',
    ],
    [
      'a sink with a path alone',
      binding({ sink: { uri: '/a' } }),
      'spec.sink.uri: without ref it must be an absolute URL',
    ],
    ['no sink', binding({ sink: undefined }), 'spec.sink: is missing: Where they send events to'],
    [
      'certificates that are none',
      binding({ sink: { ...sink, CACerts: 'x' } }),
      'spec.sink.CACerts: must be certificates in PEM',
    ],
    [
      'certificates that no variable holds',
      binding({ sink: { ...sink, CACerts: `-----BEGIN CERTIFICATE-----${'M'.repeat(65_536)}` } }),
      'spec.sink.CACerts: is too long: 65536 characters are allowed',
    ],
    [
      'an extension that no variable holds',
      extensions({ a: 'x'.repeat(32_769) }),
      'spec.ceOverrides.extensions.a: is too long: 32768 characters are allowed',
    ],
    [
      'extensions that no variable holds, as bytes of JSON',
      extensions({ a: 'ä'.repeat(10_000), b: '"'.repeat(10_000) }),
      'spec.ceOverrides.extensions: may have 32768 bytes in all',
    ],
    ['an audience', binding({ sink: { ...sink, audience: 'x' } }), 'spec.sink.audience: not yet: OIDC'],
    [
      'an extension in upper case',
      extensions({ MyTenant: 'a' }),
      '"MyTenant" is no name: the names of extensions are lower-case letters and digits',
    ],
    [
      'an extension with a dash',
      extensions({ 'my-tenant': 'a' }),
      'the names of extensions are lower-case letters and digits',
    ],
    [
      'a core attribute',
      extensions({ source: 'a' }),
      '"source" must not name an attribute that each event has by itself',
    ],
    ['an extension that is no text', extensions({ a: 5 }), 'spec.ceOverrides.extensions.a: must be text: quote it'],
    [
      'an operator that is none',
      binding({
        subject: {
          ...subject,
          name: undefined,
          selector: { matchExpressions: [{ key: 'a', operator: 'Equals', values: ['b'] }] },
        },
      }),
      'operator: must be In or NotIn or Exists or DoesNotExist',
    ],
    [
      'In without values',
      binding({
        subject: { ...subject, name: undefined, selector: { matchExpressions: [{ key: 'a', operator: 'In' }] } },
      }),
      'In and NotIn need values',
    ],
    [
      'a prefix that is none',
      binding({}, { annotations: { 'sources.millrace.dev/env-prefix': 'orders' } }),
      'capital letters, digits and _, e.g. ORDERS_',
    ],
    [
      'a field at the wrong depth',
      { ...binding(), spec: { subject, sink, matchLabels: {} } },
      'spec.matchLabels: there is no such field',
    ],
  ])('%s', (_, object, says) => {
    const { problems, objects } = parseManifest(JSON.stringify(object), 'a.json')
    expect(objects).toEqual([])
    expect(problems.map(formatProblem).join('\n')).toContain(says)
    expect(validateSinkBinding(object as never)).toEqual(problems.map(({ path, message }) => ({ path, message })))
  })
})

describe('a SinkBinding is taken', () => {
  it.each<[string, object]>([
    ['by name', binding()],
    ['of its own namespace', binding({ subject: { ...subject, namespace: 'shop' } })],
    [
      'of an empty namespace, as tools write it',
      binding({ subject: { ...subject, namespace: '' }, sink: { ref: { ...sink.ref, namespace: '' } } }),
    ],
    [
      'by labels',
      binding({
        subject: {
          ...subject,
          name: undefined,
          selector: { matchLabels: { a: 'b' }, matchExpressions: [{ key: 'a', operator: 'Exists' }] },
        },
      }),
    ],
    [
      'with what a variable just holds',
      binding({
        sink: { ...sink, CACerts: `-----BEGIN CERTIFICATE-----${'M'.repeat(65_536 - 27)}` },
        ceOverrides: { extensions: { a: 'x'.repeat(32_768 - 8) } },
      }),
    ],
    ['with extensions', extensions({ tenant: 'a', 1: 'b' })],
    ['with a prefix', binding({}, { annotations: { 'sources.millrace.dev/env-prefix': 'ORDERS_' } })],
    ['v1beta1', binding({}, {}, 'v1beta1')],
    ['v1alpha2', binding({}, {}, 'v1alpha2')],
    ['v1alpha1', binding({}, {}, 'v1alpha1')],
  ])('%s', (_, object) => {
    const { problems, objects } = parseManifest(JSON.stringify(object), 'a.json')
    expect(problems.filter(({ severity }) => severity === 'error')).toEqual([])
    expect(objects).toMatchObject([{ kind: 'SinkBinding', object: { apiVersion: 'sources.knative.dev/v1' } }])
    expect(validateSinkBinding(object as never)).toEqual([])
  })

  it('in a group or version that it never had it is not', () => {
    const said = (apiVersion: string) =>
      parseManifest(JSON.stringify({ ...binding(), apiVersion }), 'a.json').problems[0]?.message
    expect(said('sources.knative.dev/v2')).toContain('use sources.knative.dev/v1')
    expect(said('eventing.knative.dev/v1')).toContain('SinkBinding is a kind of sources.knative.dev')
    expect(said('source.knative.dev/v1')).toContain('did you mean sources.knative.dev/v1?')
  })
})
