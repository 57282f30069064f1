import { describe, expect, it } from 'vitest'
import { serversOf, startAtMs } from './kafka-source.ts'
import { parseManifest } from './manifest.ts'
import { formatProblem } from './problem.ts'
import { noticesAbout, validateKafkaSource } from './validate.ts'

const secret = { secretKeyRef: { name: 'a', key: 'b' } }
const valid = {
  bootstrapServers: ['kafka.example:9092'],
  topics: ['orders'],
  sink: { uri: 'http://a.example/' },
}
const source = (spec: object = {}, metadata: object = {}, version = 'v1') => ({
  apiVersion: `sources.knative.dev/${version}`,
  kind: 'KafkaSource',
  metadata: { name: 'a', namespace: 'b', ...metadata },
  spec: { ...valid, ...spec },
})
const annotated = (name: string, value: string, spec: object = {}) =>
  source(spec, { annotations: { [`sources.millrace.dev/${name}`]: value } })
const sasl = (fields: object) => source({ net: { sasl: { enable: true, ...fields } } })

describe('a KafkaSource', () => {
  it.each([
    ['without anything that may be left out', source()],
    ['in v1beta1', source({}, {}, 'v1beta1')],
    [
      'with empty maps, as a form of a console writes them',
      source({ net: { sasl: { user: {}, type: {} }, tls: { cert: {} } } }),
    ],
    ['with servers in one text', source({ bootstrapServers: ['a:9092, b:9092'] })],
    ['with an IPv6 address', source({ bootstrapServers: ['[::1]:9092'] })],
    ['with the last port', source({ bootstrapServers: ['a_1.b-c:65535'] })],
    ['with a pattern', annotated('topics-pattern', 'orders-*, b.*', { topics: undefined })],
    ['with a time', annotated('start-at', '2026-11-01T00:00:00.5+01:00')],
    ['with no consumers', source({ consumers: 0 })],
    ['with a user', sasl({ user: secret, password: secret })],
    ['with certificates', source({ net: { tls: { enable: true, cert: secret, key: secret, caCert: secret } } })],
    ['with a group of any name', source({ consumerGroup: 'My group/1' })],
  ])('%s is right', (_, object) => {
    expect(validateKafkaSource(object)).toEqual([])
    const { objects, problems } = parseManifest(JSON.stringify(object), 'a.json')
    expect(problems.filter(({ severity }) => severity === 'error')).toEqual([])
    expect(objects).toMatchObject([{ kind: 'KafkaSource', object: { apiVersion: 'sources.knative.dev/v1' } }])
  })

  it.each<[what: string, object: object, path: string, says: RegExp]>([
    ['topics as text', source({ topics: 'a' }), 'spec.topics', /^must be a list/],
    ['an empty list of topics', source({ topics: [] }), 'spec.topics', /^must not be empty: Which topics are read/],
    ['no topics', source({ topics: undefined }), 'spec.topics', /^is missing: which topics are read/],
    ['a topic that is none', source({ topics: ['a b'] }), 'spec.topics[0]', /^is not the name of a Kafka topic/],
    ['a topic called ..', source({ topics: ['..'] }), 'spec.topics[0]', /^is not the name/],
    ['servers as text', source({ bootstrapServers: 'a:1' }), 'spec.bootstrapServers', /^must be a list/],
    ['no servers', source({ bootstrapServers: undefined }), 'spec.bootstrapServers', /^is missing: Where Kafka is/],
    ['a server without port', source({ bootstrapServers: ['a'] }), 'spec.bootstrapServers[0]', /^must be host:port/],
    ['a URL', source({ bootstrapServers: ['http://a:1'] }), 'spec.bootstrapServers[0]', /without http:\/\//],
    ['port 0', source({ bootstrapServers: ['a:0'] }), 'spec.bootstrapServers[0]', /^must be host:port/],
    [
      'a port beyond all',
      source({ bootstrapServers: ['a:9092,b:65536'] }),
      'spec.bootstrapServers[0]',
      /^must be host:p/,
    ],
    [
      'a host that can be none',
      source({ bootstrapServers: ['a\u0000:1'] }),
      'spec.bootstrapServers[0]',
      /^must be host:p/,
    ],
    ['no sink', source({ sink: undefined }), 'spec.sink', /^is missing: Where events go/],
    ['an empty sink', source({ sink: {} }), 'spec.sink', /^needs a ref/],
    [
      'an old form of the sink',
      source({ sink: { kind: 'Service', name: 'a' } }),
      'spec.sink.kind',
      /it belongs into spec\.sink\.ref/,
    ],
    [
      'an offset that is none',
      source({ initialOffset: 'newest' }),
      'spec.initialOffset',
      /^must be earliest or latest/,
    ],
    ['an order that is none', source({ ordering: 'ordred' }), 'spec.ordering', /did you mean ordered\?/],
    ['negative consumers', source({ consumers: -1 }), 'spec.consumers', /^must be 0 or more/],
    ['a typo', source({ consumerGrup: 'a' }), 'spec.consumerGrup', /did you mean consumerGroup\?/],
    [
      'the group of a Trigger',
      source({ consumerGroup: 'knative-trigger-a-b' }),
      'spec.consumerGroup',
      /belongs to a Trigger/,
    ],
    [
      'a mechanism as text',
      sasl({ type: 'PLAIN' }),
      'spec.net.sasl.type',
      /must be a map .*secretKeyRef: \{name, key\}/,
    ],
    [
      'a Secret without key',
      sasl({ user: { secretKeyRef: { name: 'a' } }, password: secret }),
      'spec.net.sasl.user.secretKeyRef.key',
      /^is missing/,
    ],
    ['no password', sasl({ user: secret, password: {} }), 'spec.net.sasl', /^needs user and password/],
    [
      'a role',
      sasl({ user: secret, password: secret, roleARN: secret }),
      'spec.net.sasl.roleARN',
      /^not yet: OAUTHBEARER/,
    ],
    [
      'half a certificate',
      source({ net: { tls: { enable: true, cert: secret } } }),
      'spec.net.tls',
      /^needs both cert and key/,
    ],
    [
      'a core attribute',
      source({ ceOverrides: { extensions: { type: 'a' } } }),
      'spec.ceOverrides.extensions.type',
      /must not name an attribute/,
    ],
    ['certificates of the sink', source({ sink: { ...valid.sink, CACerts: 'a' } }), 'spec.sink.CACerts', /^not yet: /],
    [
      'pattern and topics',
      annotated('topics-pattern', 'a*'),
      'metadata.annotations["sources.millrace.dev/topics-pattern"]',
      /remove one of them/,
    ],
    [
      'a regular expression',
      annotated('topics-pattern', 'a.+', { topics: undefined }),
      'metadata.annotations["sources.millrace.dev/topics-pattern"]',
      /regular expressions are not understood/,
    ],
    [
      'a time without zone',
      annotated('start-at', '2026-11-01 00:00'),
      'metadata.annotations["sources.millrace.dev/start-at"]',
      /RFC 3339/,
    ],
    [
      'a policy that is none',
      annotated('tombstones', 'drop'),
      'metadata.annotations["sources.millrace.dev/tombstones"]',
      /^must be deliver or skip/,
    ],
    [
      'half a pause',
      annotated('paused', 'yes'),
      'metadata.annotations["sources.millrace.dev/paused"]',
      /^must be true or false/,
    ],
    [
      'parking',
      source({}, { annotations: { 'eventing.millrace.dev/onExhausted': 'Park' } }),
      'metadata.annotations["eventing.millrace.dev/onExhausted"]',
      /^must be Block or Drop, .* use delivery\.deadLetterSink/,
    ],
    [
      'a key type that is none',
      source({}, { labels: { 'kafkasources.sources.knative.dev/key-type': 'Int' } }),
      'metadata.labels["kafkasources.sources.knative.dev/key-type"]',
      /^must be string, int, float or byte-array/,
    ],
  ])('%s is refused in the words of a manifest', (_, object, path, says) => {
    const found = validateKafkaSource(object as Readonly<Record<string, unknown>>)
    expect(found.map((each) => each.path)).toContain(path)
    expect(found.find((each) => each.path === path)?.message).toMatch(says)
    const { problems } = parseManifest(JSON.stringify(object), 'a.json')
    expect(problems.filter(({ severity }) => severity === 'error').map((each) => each.path)).toContain(path)
  })

  it.each([
    [
      'sources.eventing.knative.dev/v1alpha1',
      /ended in 2020; write sources\.knative\.dev\/v1, bootstrapServers and topics as lists/,
    ],
    ['sources.knative.dev/v1alpha1', /there is no version "v1alpha1"; use sources\.knative\.dev\/v1/],
    ['v1', /did you mean sources\.knative\.dev\/v1\?/],
  ])('of %s: it is said what to write', (apiVersion, says) => {
    const { problems } = parseManifest(JSON.stringify({ ...source(), apiVersion }), 'a.json')
    expect(problems.map(formatProblem).join('\n')).toMatch(says)
  })

  it('is worth a word where a Secret is named and nothing is enabled, and where KEDA would scale', () => {
    const annotations = { 'autoscaling.knative.dev/minScale': '0' }
    const object = source({ net: { sasl: { user: secret }, tls: { cert: {} } } }, { annotations })
    expect(noticesAbout(object)).toMatchObject([
      { path: 'metadata.annotations["autoscaling.knative.dev/minScale"]' },
      { path: 'spec.net.sasl', message: 'is not used: enable: true is missing' },
    ])
  })
})

describe('what stands in it', () => {
  it('servers become one text, each once', () => {
    expect(serversOf({ bootstrapServers: ['a:1, b:1', 'a:1'] })).toBe('a:1,b:1')
  })

  it.each([
    ['2026-11-01T00:00:00Z', Date.UTC(2026, 10, 1)],
    ['2026-11-01T01:00:00+01:00', Date.UTC(2026, 10, 1)],
    ['2026-11-01', undefined],
    ['2026-11-01T00:00:00', undefined],
    ['2026-13-01T00:00:00Z', undefined],
    ['1960-01-01T00:00:00Z', undefined],
    ['yesterday', undefined],
  ])('the time %s is %s', (text, ms) => expect(startAtMs(text)).toBe(ms))
})
