import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import type { Child } from '../support/child.ts'
import { eventually } from '../support/eventually.ts'
import { kafkaBootstrap, uniqueName } from '../support/kafka.ts'
import { millraceDev, ownFolder } from '../support/millrace.ts'
import { kafkaLog } from '../support/topics.ts'

const run = promisify(execFile)
const example = join(import.meta.dirname, '..', '..', 'examples', 'kafka-source')

/** A program that takes what is POSTed. */
async function startReceiver() {
  const deliveries: { headers: IncomingHttpHeaders; body: string }[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (text: string) => (body += text))
    request.on('end', () => {
      deliveries.push({ headers: request.headers, body })
      response.writeHead(202).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const close = async (): Promise<void> => (server.closeAllConnections(), void server.close())
  return { url, deliveries, [Symbol.asyncDispose]: close }
}

/** `millrace dev` on free ports and a data folder of its own. */
function startDev(...args: readonly string[]): Child {
  return millraceDev(join(ownFolder(), 'data'), ...args)
}

const manifest = (topics: string): string => `
apiVersion: sources.knative.dev/v1beta1
kind: KafkaSource
metadata: ${topics.startsWith('[') ? '{ name: orders }' : `{ name: orders, annotations: { sources.millrace.dev/topics-pattern: '${topics}' } }`}
spec:
  bootstrapServers: ["kafka.example:9092"]
  net: { tls: { enable: true } }
  ${topics.startsWith('[') ? `topics: ${topics}` : ''}
  sink: { ref: { apiVersion: v1, kind: Service, name: display } }
`

test('the example: the pasted curl line writes a record, and it arrives as a CloudEvent', async () => {
  await using service = await startReceiver()
  await using dev = startDev('-f', example, '--service', `event-display=${service.url}`)
  expect(await dev.line('KafkaSource default/orders names Kafka at')).toContain('here it reads the embedded log')
  await dev.line('KafkaSource default/orders Ready, reads orders, delivers to')
  const { stdout } = await run('sh', ['-c', `${await dev.line('  curl ')} -s`])
  expect(stdout).toMatch(/^written: topic orders, partition \d+, offset 0/)
  const [delivery] = await eventually('it arrives', () => service.deliveries.length > 0 && service.deliveries)
  expect(delivery).toMatchObject({
    headers: {
      'ce-type': 'dev.knative.kafka.event',
      'ce-source': '/apis/v1/namespaces/default/kafkasources/orders#orders',
      'ce-key': '42',
      'content-type': 'application/json',
    },
    body: '{"hello":"world"}',
  })
  dev.signal('SIGINT')
  expect(await dev.exited).toBe(0)
})

test('by pattern: a topic that comes later is read whole; a topic that nobody reads is not written', async () => {
  const file = join(ownFolder(), 'source.yaml')
  writeFileSync(file, manifest('orders-*'))
  await using service = await startReceiver()
  await using dev = startDev('-f', file, '--service', `display=${service.url}`)
  await dev.line('KafkaSource default/orders: spec.net is left to a cluster')
  await dev.line('KafkaSource default/orders is not Ready: TopicsEmpty')
  const url = /http:[^ ]+(?=\/orders-1 )/.exec(await dev.line('  curl '))?.[0] ?? ''
  expect((await fetch(`${url}/payments`, { method: 'POST', body: 'a' })).status).toBe(404)
  for (const body of ['a', 'b']) expect((await fetch(`${url}/orders-eu`, { method: 'POST', body })).status).toBe(200)
  await dev.line('KafkaSource default/orders Ready, reads orders-eu,')
  await eventually('both arrive', () => service.deliveries.length === 2)
})

test('of a real Kafka it makes no topic, and says what to do', async () => {
  const kafka = kafkaBootstrap()
  const topic = uniqueName('orders')
  const file = join(ownFolder(), 'source.yaml')
  writeFileSync(file, manifest(`[${topic}]`))
  await using service = await startReceiver()
  await using dev = startDev('-f', file, '--kafka', kafka, '--service', `display=${service.url}`)
  expect(await dev.line('KafkaSource default/orders is not Ready: TopicNotFound')).toContain(
    `topic ${topic} does not exist: create it`,
  )
  await using log = kafkaLog(kafka)
  const admin = log.admin()
  await admin.ensureTopic({ name: topic, partitions: 1, replicationFactor: 1, config: {} })
  await admin.close()
  const appender = log.appender()
  const write = (value: string) => appender.append({ topic, key: null, value: Buffer.from(value), headers: [] })
  // Before anybody here has seen the topic: one that comes later is read from its first record.
  await write('first')
  await dev.line('KafkaSource default/orders Ready')
  await write('second')
  await appender.close(1_000)
  const deliveries = await eventually('both arrive', () => service.deliveries.length > 1 && service.deliveries)
  expect(deliveries).toMatchObject([{ body: 'first' }, { body: 'second' }])
})
