import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { StoredObject } from '../../../src/kube/client.ts'
import { kinds } from '../../../src/kube/kinds.ts'
import { eventually } from '../../support/eventually.ts'
import { uniqueName } from '../../support/kafka.ts'
import { kubectl, tryKubectl } from '../../support/kubectl.ts'
import type { WebhookRig } from './rig.ts'

/** What users see of admission of KafkaSources. `open`: begins with the API server of the file, which others have used. */
export function kafkaSourcePromises(open: () => Promise<WebhookRig>): void {
  let rig: WebhookRig
  let namespace: string

  beforeAll(async () => {
    rig = await open()
    await rig.replica('controller-0')
    rig.lead('controller-0')
    await rig.apply(rig.configurations)
    await eventually('the leader has put the authority into caBundle', () => rig.trusted())
    await rig.createNamespace('first')
    // The API server hears of it through a watch of its own.
    await eventually('webhooks are called', async () => (await rig.tryApply(source('', { of: 'first' }))).code === 0)
  })
  afterAll(() => rig?.[Symbol.asyncDispose]())

  beforeEach(async () => {
    namespace = uniqueName('shop')
    await rig.createNamespace(namespace)
  })

  const sink = 'sink: { ref: { apiVersion: v1, kind: Service, name: shipping } }'
  const servers = 'bootstrapServers: ["kafka:9092"]'
  const topics = 'topics: [orders]'

  function source(
    more = '',
    { version = 'v1', of = namespace, fields = [servers, topics, sink], metadata = '' } = {},
  ): string {
    return `
apiVersion: sources.knative.dev/${version}
kind: KafkaSource
metadata: { name: orders, namespace: ${of}${metadata} }
spec: { ${[...fields, more].filter((field) => field !== '').join(', ')} }
`
  }

  const read = (): Promise<StoredObject | null> =>
    rig.client.get(kinds.kafkaSource, { namespace, name: 'orders' }, rig.signal)
  const groupOf = (object: StoredObject | null): unknown =>
    (object?.['spec'] as { consumerGroup?: string } | undefined)?.consumerGroup

  const ways = [
    ['v1', 'client-side', ['apply']],
    ['v1', 'server-side', ['apply', '--server-side']],
    ['v1beta1', 'client-side', ['apply']],
    ['v1beta1', 'server-side', ['apply', '--server-side']],
  ] as const

  describe('what is applied', () => {
    test.each(ways)(
      'in %s, %s, gets what it lacks, once: applied again it keeps its resourceVersion',
      async (version, _, args) => {
        const manifest = source('', { version })
        await rig.apply(manifest, args)
        const first = await read()
        expect(first).toMatchObject({
          metadata: {
            annotations: { 'sources.knative.dev/creator': expect.any(String) },
            finalizers: ['kafkasources.sources.knative.dev/millrace'],
          },
          spec: {
            consumers: 1,
            initialOffset: 'latest',
            ordering: 'ordered',
            consumerGroup: expect.stringMatching(/^knative-kafka-source-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
            sink: { ref: { name: 'shipping', namespace } },
          },
        })
        expect(first?.['spec']).not.toHaveProperty('delivery')
        await rig.apply(manifest, args)
        expect((await read())?.metadata.resourceVersion).toBe(first?.metadata.resourceVersion)
        const other = version === 'v1' ? 'v1beta1' : 'v1'
        await rig.apply(source('', { version: other }), args)
        expect(groupOf(await read())).toBe(groupOf(first))
      },
    )

    test('the consumer group that a user names is kept; it cannot be changed, and may be left out', async () => {
      await rig.apply(source('consumerGroup: theirs'))
      const { code, stderr } = await rig.tryApply(source('consumerGroup: other'))
      expect({ code, stderr }).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('spec.consumerGroup: cannot be changed from theirs to other'),
      })
      await rig.apply(source(''))
      expect(groupOf(await read())).toBe('theirs')
    })

    test('kubectl scale changes spec.consumers and nothing else', async () => {
      await rig.apply(source(''))
      await kubectl(['scale', 'kafkasource', 'orders', '-n', namespace, '--replicas=4'], rig.api)
      expect((await read())?.['spec']).toMatchObject({ consumers: 4, initialOffset: 'latest' })
      const status = { status: { consumers: 2, selector: 'a=b' } }
      const patch = ['patch', 'kafkasource', 'orders', '-n', namespace, '--subresource=status', '--type=merge', '-p']
      await kubectl([...patch, JSON.stringify(status)], rig.api)
      const path = `/apis/sources.knative.dev/v1/namespaces/${namespace}/kafkasources/orders/scale`
      expect(JSON.parse(await kubectl(['get', '--raw', path], rig.api))).toMatchObject({
        spec: { replicas: 4 },
        status: { replicas: 2, selector: 'a=b' },
      })
    })

    test('what stands in spec.net and is not enabled is worth a warning', async () => {
      const { code, stderr } = await rig.tryApply(
        source('net: { tls: { caCert: { secretKeyRef: { name: a, key: b } } } }'),
      )
      expect({ code, stderr }).toMatchObject({
        code: 0,
        stderr: expect.stringContaining('spec.net.tls: is not used: enable: true is missing'),
      })
    })
  })

  /** What somebody gets wrong, and what is said. Values of a wrong type come first: without the webhook the API server tells of them in its own words. */
  const refused: readonly (readonly [what: string, manifest: () => string, says: RegExp])[] = [
    [
      'topics as text',
      () => source('', { fields: [servers, 'topics: orders', sink] }),
      /spec\.topics: must be a list \(each item begins with "- "\), not "orders"/,
    ],
    [
      'servers as text',
      () => source('', { fields: ['bootstrapServers: kafka:9092', topics, sink] }),
      /spec\.bootstrapServers: must be a list/,
    ],
    [
      'no topics',
      () => source('', { fields: [servers, sink] }),
      /spec\.topics: is missing: which topics are read, a list of names; or the annotation/,
    ],
    [
      'an empty list of topics',
      () => source('', { fields: [servers, 'topics: []', sink] }),
      /spec\.topics: must not be empty: /,
    ],
    [
      'an empty list of servers',
      () => source('', { fields: ['bootstrapServers: []', topics, sink] }),
      /spec\.bootstrapServers: must not be empty: Where Kafka is/,
    ],
    [
      'a URL as server',
      () => source('', { fields: ['bootstrapServers: ["http://kafka:9092"]', topics, sink] }),
      /spec\.bootstrapServers\[0\]: must be host:port of a Kafka broker, without http:\/\//,
    ],
    ['no sink', () => source('', { fields: [servers, topics] }), /spec\.sink: is missing: Where events go/],
    [
      'a pattern beside topics',
      () => source('', { metadata: ', annotations: { sources.millrace.dev/topics-pattern: "a-*" }' }),
      /says which topics, and so does spec\.topics: remove one of them/,
    ],
    [
      'a regular expression',
      () =>
        source('', {
          fields: [servers, sink],
          metadata: ', annotations: { sources.millrace.dev/topics-pattern: "a-(b|c)" }',
        }),
      /regular expressions are not understood/,
    ],
    [
      'a mechanism in place of a Secret',
      () => source('net: { sasl: { enable: true, type: PLAIN } }'),
      /spec\.net\.sasl\.type: must be a map .*PLAIN.*secretKeyRef: \{name, key\}/,
    ],
    [
      'no password',
      () => source('net: { sasl: { enable: true, user: { secretKeyRef: { name: a, key: b } } } }'),
      /spec\.net\.sasl: needs user and password beside enable: true/,
    ],
    [
      'OAUTHBEARER',
      () => source('net: { sasl: { enable: true, tokenProvider: { secretKeyRef: { name: a, key: b } } } }'),
      /spec\.net\.sasl\.tokenProvider: not yet: OAUTHBEARER comes in a later version/,
    ],
    [
      'a key without certificate',
      () => source('net: { tls: { enable: true, key: { secretKeyRef: { name: a, key: b } } } }'),
      /spec\.net\.tls: needs both cert and key/,
    ],
    [
      'an offset that is none',
      () => source('initialOffset: newest'),
      /spec\.initialOffset: must be earliest or latest, not "newest"/,
    ],
    [
      'a key type that is none',
      () => source('', { metadata: ', labels: { kafkasources.sources.knative.dev/key-type: long }' }),
      /must be string, int, float or byte-array, not "long"/,
    ],
    [
      'parking',
      () => source('', { metadata: ', annotations: { eventing.millrace.dev/onExhausted: Park }' }),
      /a KafkaSource makes none; use delivery\.deadLetterSink/,
    ],
    [
      'the group of a Trigger',
      () => source('consumerGroup: knative-trigger-shop-orders'),
      /spec\.consumerGroup: must not begin with "knative-trigger-"/,
    ],
  ]

  describe('what is wrong is refused in words for newcomers', () => {
    test.each(refused)('%s', async (_, manifest, says) => {
      const { code, stderr } = await rig.tryApply(manifest())
      expect(code).toBe(1)
      expect(stderr).toMatch(says)
      expect(await read()).toBeNull()
    })

    test('all of it at once', async () => {
      const { stderr } = await rig.tryApply(
        source('consumers: -1', { fields: [servers, 'topics: orders', 'sink: {}'] }),
      )
      expect(stderr).toMatch(/3 fields are wrong/)
    })

    test('what is stored already is no reason to refuse labels', async () => {
      await rig.apply(source(''))
      const { code } = await tryKubectl(['label', 'kafkasource', 'orders', '-n', namespace, 'team=a'], rig.api)
      expect(code).toBe(0)
    })
  })
}
