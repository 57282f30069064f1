import { describe, expect, it } from 'vitest'
import { parseManifest } from './manifest.ts'
import { formatProblem } from './problem.ts'

const head = 'apiVersion: eventing.knative.dev/v1\nkind: Trigger\n'

/** A Trigger that is right but for what is given: `spec` holds further lines of the spec, from line 8 on. */
function trigger(spec: string, metadata = '{name: orders}'): string {
  return `${head}metadata: ${metadata}\nspec:\n  broker: default\n  subscriber:\n    uri: http://localhost:3000/\n${spec}`
}

function broker(rest: string): string {
  return `apiVersion: eventing.knative.dev/v1\nkind: Broker\nmetadata:\n  name: shop\n${rest}`
}

describe('what is refused, where, and what is said', () => {
  it.each([
    ['a bracket that is not closed', 'a: [1, 2', /^shop\.yaml:1:9: the YAML is broken: .*\]/],
    ['a tab', 'a: b\n\tc: d', /^shop\.yaml:2:1: the YAML is broken: a tab/],
    ['a key given twice', 'a: 1\na: 2', /^shop\.yaml:2:1: .*twice in the same map/],
    [
      'aliases that multiply',
      'a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c]',
      /alias/,
    ],
    ['an alias inside its anchor', 'a: &a [*a]', /an alias stands inside of what it names/],
    ['a text nested beyond reason', '['.repeat(20_000), /nested too deeply/],
    ['plain words', 'hello', /:1:1: expected an object with apiVersion, kind and metadata/],
    [
      'a missing apiVersion',
      'kind: Trigger',
      /:1:1: apiVersion: is missing; for example apiVersion: eventing\.knative\.dev\/v1/,
    ],
    ['a missing kind', 'apiVersion: v1', /:1:1: kind: is missing/],
    ['a missing name', trigger('', '{namespace: a}'), /:3:11: metadata\.name: is missing/],
    ['a generated name', trigger('', '{generateName: a-}'), /metadata\.name: is missing/],
    [
      'a kind with a typo',
      head.replace('Trigger', 'Triger') + 'metadata: {name: a}',
      /:2:7: .*kind: there is no kind "Triger".*did you mean Trigger\?/,
    ],
    ['a kind in lower case', head.replace('Trigger', 'broker'), /did you mean Broker\?/],
    [
      'a kind of another group',
      head.replace('Trigger', 'Subscription'),
      /Subscription is a kind of messaging\.knative\.dev/,
    ],
    [
      'a group with a typo',
      trigger('').replace('knative.dev', 'knative.com'),
      /:1:13: .*did you mean eventing\.knative\.dev\/v1\?/,
    ],
    [
      'a version without its group',
      trigger('').replace('eventing.knative.dev/v1', 'v1'),
      /did you mean eventing\.knative\.dev\/v1\?/,
    ],
    [
      'an old version that is not served',
      trigger('').replace('/v1', '/v1alpha2'),
      /:1:13: .*no version "v1alpha2"; use/,
    ],
    ['a version that never was', trigger('').replace('/v1', '/v2'), /there is no version "v2"; use/],
    [
      'a name in upper case',
      trigger('', '{name: My_Orders}'),
      /:3:18: metadata\.name: must be lower-case .*for example my-orders/,
    ],
    ['a name that is too long', trigger('', `{name: ${'a'.repeat(254)}}`), /254 characters long, 253/],
    [
      'a namespace with a dot',
      trigger('', '{name: a, namespace: b.c}'),
      /metadata\.namespace: must be lower-case.*for example b-c/,
    ],
    ['an annotation that is no text', trigger('', '{name: a, annotations: {b: true}}'), /quote it, "true"/],
    [
      'a field with a typo',
      trigger('  delivery: {retries: 3}'),
      /:8:14: Trigger default\/orders: spec\.delivery\.retries: there is no such field; known here: deadLetterSink, retry/,
    ],
    ['a field with a near miss', trigger('  delivery: {backofDelay: PT1S}'), /did you mean backoffDelay\?/],
    ['a field at the wrong depth', trigger('  retry: 3'), /:8:3: .*spec\.retry: .*it belongs into spec\.delivery/],
    [
      'a reference without ref',
      trigger('').replace('uri: http://localhost:3000/', '{kind: Service, name: a}'),
      /subscriber\.kind: .*it belongs into spec\.subscriber\.ref/,
    ],
    ['attributes beside attributes', trigger('  filter: {type: a}'), /belong below spec\.filter\.attributes/],
    [
      'filters that are no list',
      trigger('  filters: {exact: {type: a}}'),
      /:8:12: .*spec\.filters: must be a list \(each item begins with "- "\), not a map/,
    ],
    [
      'an item that is a word',
      trigger('  filters: [exact]'),
      /:8:13: .*filters\[0\]: must be a map \(fields below it, indented\), not "exact"/,
    ],
    [
      'two dialects in one item',
      trigger('  filters:\n  - exact: {type: a}\n    prefix: {source: b}'),
      /:9:5: .*filters\[0\]: has two dialects, exact and prefix, and each needs an item of its own/,
    ],
    [
      'attributes that are not below a dialect',
      trigger('  filters:\n  - exact:\n    type: a'),
      /:10:5: .*filters\[0\]\.type: there is no filter dialect "type"; .*e\.g\. exact: \{ type: "a" \}/,
    ],
    [
      'a dialect with a near miss, deep inside',
      trigger('  filters: [{not: {any: [{prefx: {type: a}}]}}]'),
      /:8:27: .*filters\[0\]\.not\.any\[0\]\.prefx: there is no filter dialect "prefx"; did you mean prefix\?/,
    ],
    [
      'a dialect without anything',
      trigger('  filters: [{suffix: {}}]'),
      /:8:22: .*suffix: is empty: name an attribute/,
    ],
    [
      'a dialect in the place of attributes',
      trigger('  filter: {prefix: {type: a}}'),
      /:8:12: .*filter\.prefix: .*belongs into spec\.filters, as an item: "- prefix: …"/,
    ],
    [
      'a dialect beside filter',
      trigger('  cesql: type = 1'),
      /:8:3: .*spec\.cesql: .*belongs into spec\.filters, as an item: "- cesql: …"/,
    ],
    [
      'a text that is a number',
      trigger('  filters: [{exact: {a: 1.0}}]'),
      /:8:25: .*exact\.a: must be text: quote it, "1\.0"/,
    ],
    [
      'a text that a cluster reads as a boolean',
      trigger('  filters: [{exact: {a: yes}}]'),
      /:8:25: .*Kubernetes reads yes as true or false.*quote it, "yes"/,
    ],
    ['a text that is empty', trigger('  filters: [{exact: {a: ""}}]'), /:8:25: .*must not be empty; .*EXISTS a/],
    ['a text that is missing', trigger('  filters: [{exact: {a: }}]'), /exact\.a: has no value; write the text/],
    [
      'an attribute of filters in upper case',
      trigger('  filters: [{suffix: {Type: a}}]'),
      /:8:23: .*"Type" is not the name of an event attribute/,
    ],
    [
      'an expression that is none',
      trigger('  filters: [{cesql: "type == 1"}]'),
      /:8:21: .*cesql: is not CloudEvents SQL: character 6: "==" has no meaning here/,
    ],
    ['a filter that is a list', trigger('  filter: []'), /:8:11: .*must be a map .*not a list/],
    [
      'an attribute that is a number',
      trigger('  filter: {attributes: {a: 5}}'),
      /:8:28: .*attributes\.a: must be text: quote it, "5"/,
    ],
    ['an attribute whose number has a form', trigger('  filter: {attributes: {a: 1.0}}'), /quote it, "1\.0"/],
    [
      'an attribute that a cluster reads as a boolean',
      trigger('  filter: {attributes: {a: yes}}'),
      /:8:28: .*Kubernetes reads yes as true or false.*quote it, "yes"/,
    ],
    ['an attribute without a value', trigger('  filter: {attributes: {a: }}'), /attributes\.a: has no value/],
    [
      'an attribute name in upper case',
      trigger('  filter: {attributes: {Type: a}}'),
      /:8:25: .*"Type" is not the name of an event attribute/,
    ],
    ['an empty broker', trigger('').replace('broker: default', 'broker: ""'), /spec\.broker: must not be empty/],
    [
      'no subscriber',
      `${head}metadata: {name: a}\nspec: {broker: b}`,
      /:4:7: .*spec\.subscriber: is missing: Where the events go/,
    ],
    ['no spec', `${head}metadata: {name: a}`, /spec: is missing/],
    [
      'a relative uri alone',
      trigger('').replace('http://localhost:3000/', '/path'),
      /without ref it must be an absolute URL/,
    ],
    ['a uri of another scheme', trigger('').replace('http:', 'ftp:'), /must begin with http:\/\/ or https:\/\//],
    [
      'an absolute uri beside ref',
      trigger('    ref: {apiVersion: v1, kind: Service, name: a}'),
      /beside ref it must be relative/,
    ],
    [
      'an empty subscriber',
      trigger('').replace('\n    uri: http://localhost:3000/', ' {}'),
      /spec\.subscriber: needs a ref/,
    ],
    ['a certificate', trigger('    CACerts: x'), /spec\.subscriber\.CACerts: not yet/],
    ['an audience', trigger('    audience: x'), /spec\.subscriber\.audience: not yet/],
    [
      'a ref by group',
      trigger('').replace(
        'uri: http://localhost:3000/',
        'ref: {group: g, apiVersion: v1, kind: S, name: a, address: b}',
      ),
      /ref\.group: not yet/,
    ],
    ['a Broker elsewhere', trigger('  brokerRef: {name: a}'), /spec\.brokerRef: not yet/],
    ['a format that is none', trigger('  delivery: {format: xml}'), /delivery\.format: must be json or binary/],
    ['a bound that is no duration', trigger('  delivery: {retryAfterMax: 1s}'), /delivery\.retryAfterMax: /],
    ...[
      ['eventing.millrace.dev/onExhausted', 'drop', /must be Park or Drop, not "drop"/] as const,
      ['eventing.millrace.dev/strictReplies', 'yes', /must be true or false, not "yes"/] as const,
    ].map(([name, value, says]): [string, string, RegExp] => [
      `annotation ${name}`,
      trigger('', `{name: a, annotations: {${name}: "${value}"}}`),
      says,
    ]),
    [
      'a dependency',
      trigger('', '{name: a, annotations: {knative.dev/dependency: x}}'),
      /annotations\["knative\.dev\/dependency"\]: not yet/,
    ],
    [
      'an order that is none',
      trigger('', '{name: a, annotations: {kafka.eventing.knative.dev/delivery.order: fifo}}'),
      /must be unordered, ordered or key, not "fifo"/,
    ],
    ['retry as text', trigger('  delivery: {retry: "3"}'), /write 3 without quotes/],
    ['a negative retry', trigger('  delivery: {retry: -1}'), /must be 0 or more/],
    ['half a retry', trigger('  delivery: {retry: 1.5}'), /must be a whole number, not 1\.5/],
    ['more retries than an int32', trigger('  delivery: {retry: 3000000000}'), /must be 2147483647 or less/],
    [
      'a policy that is none',
      trigger('  delivery: {backoffPolicy: Linear}'),
      /must be linear or exponential, not "Linear"; did you mean linear\?/,
    ],
    [
      'a duration of another tool',
      trigger('  delivery: {timeout: 30s}'),
      /:8:23: .*delivery\.timeout: .*here it is PT30S/,
    ],
    [
      'a duration that is a number',
      trigger('  delivery: {timeout: 30}'),
      /"30" is not a duration: it has no unit; .*PT30S/,
    ],
    ['a duration of zero', trigger('  delivery: {timeout: PT0S}'), /longer than zero, e\.g\. PT0\.2S/],
    [
      'a Broker with a Secret as config',
      broker('spec:\n  config: {apiVersion: v1, kind: Secret, name: c}'),
      /spec\.config\.kind: must name a ConfigMap/,
    ],
    [
      'a topic that Kafka would refuse',
      broker('  annotations: {kafka.eventing.knative.dev/external.topic: a b}'),
      /not the name of a Kafka topic/,
    ],
    [
      'a topic that is kept for others',
      broker('  annotations: {kafka.eventing.knative.dev/external.topic: orders__parked}'),
      /:5:\d+: .*external\.topic.*must not end in "__parked"/,
    ],
    [
      'a name of which no topic can be made',
      broker('').replace('shop', 'a'.repeat(240)),
      /metadata\.name: is too long: its topic is called knative-broker-default-<name>/,
    ],
    [
      'a dead letter sink in the Broker that is wrong',
      broker('spec: {delivery: {deadLetterSink: {}}}'),
      /spec\.delivery\.deadLetterSink: needs a ref/,
    ],
  ])('%s', (_, text, message) => {
    const { objects, problems } = parseManifest(text, 'shop.yaml')
    expect(problems.map(formatProblem).join('\n')).toMatch(message)
    expect(problems[0]).toMatchObject({ severity: 'error', file: 'shop.yaml' })
    expect(objects).toEqual([])
  })
})
