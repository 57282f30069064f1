import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { startKafka, type RunningKafka } from '../support/kafka-process.ts'
import { uniqueName } from '../support/kafka.ts'
import { createTopic, kafkaLog } from '../support/topics.ts'
import { deployTestApp } from './support/app.ts'
import {
  apply,
  cluster,
  condition,
  createNamespace,
  deleteNamespace,
  get,
  kubectl,
  tryApply,
  waitFor,
} from './support/kube.ts'
import { installMillrace } from './support/millrace.ts'

const corpus = join(import.meta.dirname, '..', 'corpus')
const tool = join(import.meta.dirname, '..', 'env', 'kafka-tool')
const published = (file: string): string => readFileSync(join(corpus, file), 'utf8')

beforeAll(installMillrace)

/** Writes records `key:value` with Kafka's own command line tool: none of our code. */
async function produce(bootstrap: string, topic: string, lines: readonly string[]): Promise<void> {
  const javaClass = 'org.apache.kafka.tools.ConsoleProducer'
  const parse = ['--reader-property', 'parse.key=true', '--reader-property', 'key.separator=:']
  await new Promise<void>((resolve, reject) => {
    const child = execFile(tool, [javaClass, '--bootstrap-server', bootstrap, '--topic', topic, ...parse], (error) =>
      error === null ? resolve() : reject(new Error(error.message, { cause: error })),
    )
    child.stdin?.end(lines.map((line) => `${line}\n`).join(''))
  })
}

const numbered = (count: number): string[] => Array.from({ length: count }, (_, i) => `k${i % 7}:{"n":${i}}`)

/** The values that a test application got, `n` of each. */
async function values(app: Awaited<ReturnType<typeof deployTestApp>>): Promise<number[]> {
  return (await app.records()).map(({ body }) => (JSON.parse(body) as { n: number }).n)
}

/** Our Kafka, under the name that manifests of others give it; those are reached where the Kafka itself says. */
async function aliasKafka(): Promise<void> {
  const [host = '', port = ''] = cluster().kafka.split(',')[0]?.split(':') ?? []
  const name = 'my-cluster-kafka-bootstrap'
  await apply([
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kafka' } },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: 'kafka' },
      spec: { ports: [{ name: 'kafka', port: 9092, targetPort: Number(port) }] },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name, namespace: 'kafka', labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports: [{ name: 'kafka', port: Number(port) }],
      endpoints: [{ addresses: [host] }],
    },
  ])
}

describe('manifests that people published', () => {
  beforeAll(async () => {
    if (cluster().ours) await aliasKafka()
  })
  afterAll(async () => {
    if (cluster().ours) await deleteNamespace('kafka')
  })

  it('v1beta1, two topics into a Broker, as it is written', async (test) => {
    test.skip(!cluster().ours, 'the Kafka of this machine stands in for theirs')
    await using namespace = await createNamespace('published')
    const { name } = namespace
    const topics = ['order-events', 'reserve-events']
    for (const topic of topics) await createTopic(cluster().kafka, { name: topic, partitions: 2 })
    const app = await deployTestApp(name)
    const subscriber = '{ref: {apiVersion: v1, kind: Service, name: recorder}}'
    await apply(
      `{apiVersion: eventing.knative.dev/v1, kind: Broker, metadata: {name: default}}
---
{apiVersion: eventing.knative.dev/v1, kind: Trigger, metadata: {name: all}, spec: {broker: default, subscriber: ${subscriber}}}`,
      name,
    )
    await apply(published('piomin+sample-quarkus-serverless-kafka__k8s__source.yaml'), name)
    const source = await waitFor('kafkasource', 'kafka-source-to-broker', 'Ready', { namespace: name })
    await waitFor('trigger', 'all', 'Ready', { namespace: name })
    expect(source.status).toMatchObject({ topics, maxAllowedVReplicas: 4 })
    for (const topic of topics) await produce(cluster().kafka, topic, numbered(10))
    await eventually('all arrive', async () => (await app.records()).length >= 20, { withinMs: 60_000 })
    const sources = new Set((await app.records()).map(({ headers }) => headers['ce-source']))
    expect(sources).toEqual(
      new Set(topics.map((topic) => `/apis/v1/namespaces/${name}/kafkasources/kafka-source-to-broker#${topic}`)),
    )
    const { consumerGroup } = source.spec as { consumerGroup: string }
    expect(consumerGroup).toMatch(/^knative-kafka-source-[0-9a-f-]{36}$/)
    await kubectl('delete', 'kafkasource', 'kafka-source-to-broker', '-n', name, '--timeout=60s')
    await using log = kafkaLog(cluster().kafka)
    const admin = log.admin()
    expect((await admin.describeGroup(consumerGroup)).kind).toBe('missing')
    expect((await admin.describeTopics(topics)).length).toBe(2)
    await admin.close()
  })

  it('v1beta1, one topic to a Service, as it is written', async (test) => {
    test.skip(!cluster().ours, 'the Kafka of this machine stands in for theirs')
    await using namespace = await createNamespace('published')
    const { name } = namespace
    await createTopic(cluster().kafka, { name: 'topic-1', partitions: 1 })
    const app = await deployTestApp(name, 'event-display')
    await apply(
      published('lionelvillard+knative-examples__examples__sources__kafka__memory__config-1__topic-1-kafkasource.yaml'),
      name,
    )
    await waitFor('kafkasource', 'topic-1', 'Ready', { namespace: name })
    await produce(cluster().kafka, 'topic-1', numbered(20))
    await eventually('all arrive', async () => (await app.records()).length >= 20, { withinMs: 60_000 })
    expect(await values(app)).toEqual(Array.from({ length: 20 }, (_, i) => i))
    expect((await app.records())[0]?.headers).toMatchObject({
      'ce-type': 'dev.knative.kafka.event',
      'ce-key': 'k0',
      'ce-partitionkey': 'k0',
      'ce-subject': expect.stringMatching(/^partition:0#\d+$/),
    })
  })
})

describe('a Kafka that asks who one is', () => {
  let kafka: RunningKafka | undefined

  beforeAll(async () => {
    if (cluster().ours) kafka = await startKafka({ auth: true, pods: true, heapMib: 256 })
  }, 300_000)
  afterAll(async () => kafka?.close())

  const setting = (name: string): string => kafka?.settings[name] ?? ''
  const secret = (password: string): object => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'kafka' },
    stringData: {
      user: setting('KAFKA_USER'),
      password,
      mechanism: 'SCRAM-SHA-512',
      'ca.crt': readFileSync(setting('KAFKA_CA'), 'utf8'),
    },
  })
  const source = (topic: string, more: object = {}): object => {
    const from = (key: string) => ({ secretKeyRef: { name: 'kafka', key } })
    return {
      apiVersion: 'sources.knative.dev/v1',
      kind: 'KafkaSource',
      metadata: { name: 'orders' },
      spec: {
        bootstrapServers: [setting('KAFKA_SASL_SSL')],
        topics: [topic],
        consumerGroup: `theirs-${topic}`,
        initialOffset: 'earliest',
        net: {
          sasl: { enable: true, user: from('user'), password: from('password'), type: from('mechanism') },
          tls: { enable: true, caCert: from('ca.crt') },
        },
        sink: { ref: { apiVersion: 'v1', kind: 'Service', name: 'recorder' } },
        ...more,
      },
    }
  }

  it(
    'SASL_SSL with a Secret that comes late; kubectl scale; a sink that is away',
    { timeout: 300_000 },
    async (test) => {
      test.skip(!cluster().ours, 'a Kafka with users is started on this machine')
      await using namespace = await createNamespace('signed-in')
      const { name } = namespace
      const topic = uniqueName('orders')
      await createTopic(setting('KAFKA_PLAINTEXT'), { name: topic, partitions: 4 })
      await produce(setting('KAFKA_PLAINTEXT'), topic, numbered(40))
      const app = await deployTestApp(name)
      await apply([source(topic)], name)
      const missing = await waitFor('kafkasource', 'orders', 'Ready=False', { namespace: name })
      expect(condition(missing, 'Ready')).toMatchObject({ reason: 'SecretNotFound' })
      await apply([secret(setting('KAFKA_PASSWORD'))], name)
      await kubectl('annotate', 'kafkasource', 'orders', '-n', name, 'eventing.millrace.dev/refresh=1')
      await waitFor('kafkasource', 'orders', 'Ready', { namespace: name })
      await eventually('what was there arrives', async () => new Set(await app.ids()).size === 40, {
        withinMs: 60_000,
      })

      expect((await get('kafkasource', 'orders', name))?.status).toMatchObject({ consumers: 1 })
      await kubectl('scale', 'kafkasource', 'orders', '-n', name, '--replicas=3')
      // Two dispatchers run: more cannot share the partitions.
      const scaled = await waitFor('kafkasource', 'orders', ({ status }) => status?.['consumers'] === 2, {
        namespace: name,
      })
      expect(scaled.spec).toMatchObject({ consumers: 3 })
      const placements = scaled.status?.['placements'] as { vreplicas: number }[]
      // evenly with the topics of others
      expect(placements).toHaveLength(2)
      expect(placements.reduce((sum, { vreplicas }) => sum + vreplicas, 0)).toBe(4)
      await waitFor('kafkasource', 'orders', 'Ready', { namespace: name })

      await app.behave({ status: 503 })
      await produce(setting('KAFKA_PLAINTEXT'), topic, numbered(20))
      await waitFor('kafkasource', 'orders', ({ status }) => Number(status?.['lag']) > 0, { namespace: name })
      await app.behave({ status: 202 })
      await eventually('nothing is lost', async () => new Set(await app.ids()).size === 60, {
        withinMs: 120_000,
        everyMs: 500,
      })
      await waitFor('kafkasource', 'orders', ({ status }) => status?.['lag'] === 0, { namespace: name })

      await kubectl('delete', 'kafkasource', 'orders', '-n', name, '--timeout=60s')
      await using log = kafkaLog(setting('KAFKA_PLAINTEXT'))
      const admin = log.admin()
      // Theirs by name: it stays, with its positions.
      expect((await admin.describeGroup(`theirs-${topic}`)).kind).toBe('simple')
      await admin.close()
    },
  )

  it('what is wrong is said, and passes by itself', { timeout: 300_000 }, async (test) => {
    test.skip(!cluster().ours, 'a Kafka with users is started on this machine')
    await using namespace = await createNamespace('wrong')
    const { name } = namespace
    const topic = uniqueName('orders')
    const app = await deployTestApp(name)
    await apply([secret('wrong-one'), source(topic)], name)
    const reason = (wanted: string) =>
      waitFor('kafkasource', 'orders', (object) => condition(object, 'Ready')?.reason === wanted, {
        namespace: name,
        withinMs: 120_000,
      })
    await reason('AuthenticationFailed')
    await apply([secret(setting('KAFKA_PASSWORD'))], name)
    await reason('TopicNotFound')
    await createTopic(setting('KAFKA_PLAINTEXT'), { name: topic, partitions: 1 })
    await waitFor('kafkasource', 'orders', 'Ready', { namespace: name })
    await produce(setting('KAFKA_PLAINTEXT'), topic, numbered(5))
    await eventually('all arrive', async () => new Set(await app.ids()).size === 5, { withinMs: 60_000 })
  })

  it('is refused in words for newcomers', async () => {
    await using namespace = await createNamespace('refused')
    const wrong = { spec: { bootstrapServers: 'kafka:9092', topics: 'orders' } }
    const { code, stderr } = await tryApply([{ ...source('orders'), ...wrong }], namespace.name)
    expect(code).not.toBe(0)
    expect(stderr).toContain('spec.topics: must be a list (each item begins with "- "), not "orders"')
    expect(stderr).toContain('spec.bootstrapServers: must be a list')
  })
})
