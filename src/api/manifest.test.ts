import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { Broker } from './broker.ts'
import { keepLastGood } from './last-good.ts'
import { parseManifest, parseManifests } from './manifest.ts'
import { formatProblem } from './problem.ts'
import { Trigger } from './trigger.ts'

const head = 'apiVersion: eventing.knative.dev/v1\nkind: Trigger\n'

/** A Trigger that is right but for what is given: `spec` holds further lines of the spec, from line 8 on. */
function trigger(spec: string, metadata = '{name: orders}'): string {
  return `${head}metadata: ${metadata}\nspec:\n  broker: default\n  subscriber:\n    uri: http://localhost:3000/\n${spec}`
}

function broker(rest: string): string {
  return `apiVersion: eventing.knative.dev/v1\nkind: Broker\nmetadata:\n  name: shop\n${rest}`
}

function said(text: string): string[] {
  return parseManifest(text, 'shop.yaml').problems.map(formatProblem)
}

describe('manifests that people published', () => {
  it('takes a Trigger with a Service and a path', () => {
    const text = `# Source: a post
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata:
  name: my-service-trigger
spec:
  broker: default
  subscriber:
    ref:
      apiVersion: v1
      kind: Service
      name: my-service
    uri: /my-custom-path
`
    const { objects, problems } = parseManifest(text, 'trigger.yaml')
    expect(problems).toEqual([])
    expect(objects).toMatchObject([
      {
        kind: 'Trigger',
        key: { kind: 'Trigger', namespace: 'default', name: 'my-service-trigger' },
        object: { metadata: { namespace: 'default' }, spec: { subscriber: { uri: '/my-custom-path' } } },
        place: { file: 'trigger.yaml', line: 2, column: 1 },
      },
    ])
  })

  it('keeps a Service with two ports as it is', () => {
    const text = `apiVersion: v1
kind: Service
metadata:
  name: event-display
  namespace: knative-eventing-websocket-source
spec:
  type: NodePort
  ports:
  - port: 80
    protocol: TCP
    targetPort: 8080
    name: consumer
  - port: 9080
    protocol: TCP
    targetPort: 9080
    nodePort: 31234
    name: dashboard
  selector:
    app: event-display
`
    const { objects, problems } = parseManifest(text, 'service.yaml')
    expect(problems).toEqual([])
    const key = { kind: 'Service', namespace: 'knative-eventing-websocket-source', name: 'event-display' }
    expect(objects).toMatchObject([{ kind: 'other', apiVersion: 'v1', key, object: { spec: { type: 'NodePort' } } }])
  })
})

describe('what is accepted', () => {
  it.each([
    [
      'every field of a Trigger',
      trigger(
        "  filter: {attributes: {type: a, tenant: ''}}\n  delivery: {retry: 3, backoffPolicy: linear, backoffDelay: PT1S, timeout: PT30S, format: binary, deadLetterSink: {uri: http://dls/}}",
      ),
    ],
    ['an order', trigger('', '{name: a, annotations: {kafka.eventing.knative.dev/delivery.order: ordered}}')],
    ['a field without a value, which is not set', trigger('  filter:\n  delivery:')],
    ['a Broker with nothing', broker('')],
    ['a Broker with a ConfigMap', broker('spec:\n  config: {apiVersion: v1, kind: ConfigMap, name: c}')],
    [
      'another config of another class',
      broker(
        '  annotations: {eventing.knative.dev/broker.class: Other}\nspec:\n  config: {apiVersion: x/v1, kind: Other, name: c}',
      ),
    ],
    ['an external topic', broker('  annotations: {kafka.eventing.knative.dev/external.topic: orders_v1}')],
    [
      'what kubectl prints',
      broker(
        '  creationTimestamp: "2024-07-16T18:58:35Z"\n  uid: u\n  generation: 2\n  managedFields: [{a: b}]\nstatus: {observedGeneration: 1}',
      ),
    ],
    ['a file with comments only', '# nothing'],
    ['an empty document between two', `---\n---\n${broker('')}`],
    ['a merge key', `${trigger('  delivery: &d {retry: 1}')}\n---\n${broker('spec: {delivery: {<<: {retry: 2}}}')}`],
    [
      'a kustomization beside the manifests',
      'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]',
    ],
    ['a Broker of another project', 'apiVersion: messaging.example.com/v1\nkind: Broker\nmetadata: {name: a}'],
  ])('%s', (_, text) => {
    expect(said(text)).toEqual([])
  })

  it('reads the items of a List', () => {
    const list = `apiVersion: v1\nkind: List\nitems:\n- ${trigger('').trimEnd().replaceAll('\n', '\n  ')}\n`
    expect(parseManifest(list, 'list.yaml').objects).toMatchObject([{ place: { line: 4, column: 3 } }])
  })

  it('fills in the namespace that is asked for', () => {
    const { objects } = parseManifest(broker(''), 'a.yaml', { defaultNamespace: 'shop' })
    expect(objects[0]?.key).toEqual({ kind: 'Broker', namespace: 'shop', name: 'shop' })
  })
})

describe('mistakes beside each other', () => {
  it('tells every unknown field at once', () => {
    expect(said(trigger('  a: 1\n  b: 2\n  delivery: {retry: x, c: 3}'))).toHaveLength(4)
  })

  it('refuses one object and keeps its neighbours', () => {
    const { objects, problems } = parseManifest(`${broker('')}\n---\n${trigger('  a: 1')}\n---\nb: [`, 'shop.yaml')
    expect(objects.map(({ key }) => key.kind)).toEqual(['Broker'])
    expect(problems.map(({ line }) => line)).toEqual([14, 16])
  })

  it.each(['ContainerSource', 'ApiServerSource', 'PingSource'])('only mentions %s, which comes later', (kind) => {
    const { objects, problems } = parseManifest(
      `apiVersion: sources.knative.dev/v1\nkind: ${kind}\nmetadata: {name: a}`,
      'a.yaml',
    )
    expect(objects).toEqual([])
    expect(problems).toMatchObject([
      { severity: 'notice', line: 2, message: `not yet: ${kind} comes in a later version; ignored` },
    ])
  })

  it('only mentions annotations that change no delivery', () => {
    const text = trigger('', '{name: a, annotations: {autoscaling.eventing.knative.dev/class: keda}}')
    expect(parseManifest(text, 'a.yaml')).toMatchObject({ objects: [{}], problems: [{ severity: 'notice' }] })
  })

  it('names both places of an object that stands twice, also across files', () => {
    const files = ['a.yaml', 'b.yaml'].map((file) => ({ file, text: `\n${trigger('')}` }))
    const { objects, problems } = parseManifests(files)
    expect(objects).toHaveLength(1)
    expect(problems.map(formatProblem)).toEqual([
      'b.yaml:2:1: Trigger default/orders: this object stands twice: already at a.yaml:2; remove or rename one',
    ])
  })

  it('does not take a Service and a Knative Service of one name for the same', () => {
    const of = (apiVersion: string): string => `apiVersion: ${apiVersion}\nkind: Service\nmetadata: {name: a}`
    expect(said(`${of('v1')}\n---\n${of('serving.knative.dev/v1')}`)).toEqual([])
  })
})

describe('keepLastGood', () => {
  const good = parseManifest(`${trigger('')}\n---\n${broker('')}`, 'shop.yaml')
  const names = (text: string): string[] => {
    const kept = keepLastGood(good.objects, parseManifest(text, 'shop.yaml'))
    return kept.map(({ key }) => key.kind).toSorted()
  }
  it.each([
    [
      'a mistake in one object keeps the version before',
      `${trigger('  a: 1')}\n---\n${broker('')}`,
      ['Broker', 'Trigger'],
    ],
    ['broken YAML keeps all of the file', '[', ['Broker', 'Trigger']],
    ['a clean file without an object removes it', broker(''), ['Broker']],
    ['an empty file removes all', '', []],
  ])('%s', (_, text, kinds) => {
    expect(names(text)).toEqual(kinds)
  })
})

it('every field of the schemas can become a CRD, with a description', () => {
  for (const schema of [Broker, Trigger]) {
    const missing: string[] = []
    const walk = (node: unknown, path: string): void => {
      const { properties = {}, description } = node as { properties?: Record<string, unknown>; description?: string }
      if (path !== '' && description === undefined) missing.push(path)
      for (const [name, child] of Object.entries(properties)) walk(child, `${path}.${name}`)
    }
    walk(z.toJSONSchema(schema, { io: 'input' }), '')
    expect(missing).toEqual([])
  }
})

it('never throws, whatever was made of a manifest', () => {
  const good = `${trigger("  filter: {attributes: {type: a, tenant: ''}}\n  delivery: {retry: 3, timeout: PT1S}")}\n---\n${broker('')}`
  const scrap = fc.constantFrom(
    '\n',
    '  ',
    '\t',
    ': ',
    '- ',
    '[',
    '}',
    '&a ',
    '*a',
    '"',
    '|',
    '? ',
    '!!map ',
    '---\n',
    '<<: ',
    '0',
    '~',
    '#',
    '%',
  )
  const edit = fc.record({ at: fc.nat({ max: good.length }), cut: fc.nat({ max: 12 }), insert: scrap })
  fc.assert(
    fc.property(fc.array(edit, { maxLength: 6 }), (edits) => {
      const text = edits.reduce((t, { at, cut, insert }) => t.slice(0, at) + insert + t.slice(at + cut), good)
      for (const { line, column, message } of parseManifest(text, 'a.yaml').problems) {
        expect(line).toBeGreaterThan(0)
        expect(column).toBeGreaterThan(0)
        expect(message).not.toBe('')
      }
    }),
    { numRuns: 400 },
  )
})
