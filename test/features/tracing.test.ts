import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Child } from '../support/child.ts'
import { cuttable } from '../support/cuttable.ts'
import { eventually } from '../support/eventually.ts'
import { millrace, ownFolder } from '../support/millrace.ts'
import { otlpReceiver, type ReceivedSpan } from '../support/otlp-receiver.ts'
import { startRecorder, type Answer } from '../support/recorder.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const sender = 'b7ad6b7169203331'

const trigger = (name: string, type: string) => `
---
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: { name: ${name} }
spec:
  broker: default
  filter: { attributes: { type: ${type} } }
  subscriber: { ref: { apiVersion: v1, kind: Service, name: ${name} } }
  delivery: { retry: 3, backoffPolicy: linear, backoffDelay: PT0.05S }
`
const manifests = `
apiVersion: eventing.knative.dev/v1
kind: Broker
metadata: { name: default }
${trigger('classifier', 'order')}${trigger('archive', 'classified')}`

async function startDev(classifier: string, archive: string, ...args: readonly string[]): Promise<Child> {
  const folder = ownFolder()
  writeFileSync(join(folder, 'app.yaml'), manifests)
  const own = ['--port', '0', '--display-port', '0', '--data', join(folder, 'data'), '-f', join(folder, 'app.yaml')]
  const services = ['--service', `classifier=${classifier}`, '--service', `archive=${archive}`]
  const dev = millrace('dev', ...own, ...services, ...args)
  await dev.line('Trigger default/classifier Ready')
  await dev.line('Trigger default/archive Ready')
  return dev
}

async function post(dev: Child, id: string, headers: Readonly<Record<string, string>> = {}): Promise<void> {
  const url = /http:\S+/.exec(await dev.line('Broker default/default Ready'))?.[0] ?? ''
  const event = { 'ce-specversion': '1.0', 'ce-id': id, 'ce-source': 'test', 'ce-type': 'order' }
  expect((await fetch(url, { method: 'POST', headers: { ...event, ...headers } })).status).toBe(202)
}

/** Fails the first time, then answers with an event. */
function classifies(seen: (string | undefined)[]): Answer {
  const reply = { 'ce-specversion': '1.0', 'ce-id': 'r', 'ce-source': 'classifier', 'ce-type': 'classified' }
  return ({ headers }) => {
    seen.push(headers['traceparent'] as string | undefined)
    return seen.length === 1 ? { status: 503 } : { status: 200, headers: reply }
  }
}

const told = ({ name, kind, parentSpanId, failure }: ReceivedSpan) => ({ name, kind, parentSpanId, failure })

test('an event that is tried twice and answered is one trace, from its sender to the second subscriber; what is not sent yet is sent at the end', async () => {
  await using collector = await otlpReceiver()
  const seen: (string | undefined)[] = []
  const archived: (string | undefined)[] = []
  await using classifier = await startRecorder(classifies(seen))
  await using archive = await startRecorder(({ headers }) => {
    archived.push(`${headers['traceparent'] as string} ${headers['tracestate'] as string}`)
    return { status: 200 }
  })
  await using dev = await startDev(classifier.url, archive.url, '--tracing-endpoint', collector.url)
  await dev.line('  traces')
  await post(dev, 'e', { traceparent: `00-${traceId}-${sender}-01`, tracestate: 'vendor=1' })
  await eventually('all spans are there', () => collector.spans.length >= 8)

  expect(new Set(collector.spans.map((span) => span.traceId))).toEqual(new Set([traceId]))
  const named = (name: string, of = 0): ReceivedSpan => {
    const found = collector.named(name).toSorted((a, b) => Number(a.startNs - b.startNs))[of]
    if (found === undefined) throw new Error(`no ${name} ${of}`)
    return found
  }
  const [accept, append, deliver] = [named('accept'), named('append'), named('deliver')]
  const [failed, answered, reply] = [named('attempt'), named('attempt', 1), named('reply')]
  const [second, last] = [named('deliver', 1), named('attempt', 2)]
  expect([accept, append, deliver, failed, answered, reply, second, last].map(told)).toEqual([
    { name: 'accept', kind: 'server', parentSpanId: sender, failure: undefined },
    { name: 'append', kind: 'producer', parentSpanId: accept.spanId, failure: undefined },
    { name: 'deliver', kind: 'consumer', parentSpanId: append.spanId, failure: undefined },
    { name: 'attempt', kind: 'client', parentSpanId: deliver.spanId, failure: expect.stringContaining('503') },
    { name: 'attempt', kind: 'client', parentSpanId: deliver.spanId, failure: undefined },
    { name: 'reply', kind: 'producer', parentSpanId: answered.spanId, failure: undefined },
    { name: 'deliver', kind: 'consumer', parentSpanId: reply.spanId, failure: undefined },
    { name: 'attempt', kind: 'client', parentSpanId: second.spanId, failure: undefined },
  ])
  expect(seen).toEqual([failed, answered].map(({ spanId }) => `00-${traceId}-${spanId}-01`))
  expect(archived).toEqual([`00-${traceId}-${last.spanId}-01 vendor=1`])

  expect(accept.attributes).toMatchObject({
    ...{ 'http.request.method': 'POST', 'url.path': '/default/default', 'http.response.status_code': 202 },
    ...{ 'cloudevents.event_id': 'e', 'cloudevents.event_type': 'order', 'kn.broker.name': 'default' },
  })
  const place = { 'messaging.system': 'kafka', 'messaging.destination.name': 'knative-broker-default-default' }
  expect(append.attributes).toMatchObject(place)
  expect(deliver.attributes).toMatchObject({
    ...{ ...place, 'kn.trigger.name': 'classifier', 'millrace.outcome': 'delivered', 'millrace.attempts': 2 },
    'messaging.destination.partition.id': append.attributes['messaging.destination.partition.id'],
    'messaging.kafka.offset': append.attributes['messaging.kafka.offset'],
  })
  expect(failed.attributes).toMatchObject({ 'http.response.status_code': 503, 'url.full': classifier.url })
  expect(answered.attributes).toMatchObject({ 'http.response.status_code': 200, 'http.request.resend_count': 1 })
  expect(accept.resource).toMatchObject({ 'service.name': 'millrace-dev', 'service.version': expect.any(String) })
  expect(accept.traceState).toBe('vendor=1')
  const document = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'tracing.md'), 'utf8')
  const names = collector.spans.flatMap(({ attributes, resource }) => Object.keys({ ...attributes, ...resource }))
  expect([...new Set(names)].filter((name) => !document.includes(`\`${name}\``))).toEqual([])
  for (const { parentSpanId, startNs } of collector.spans) {
    const parent = collector.spans.find(({ spanId }) => spanId === parentSpanId)
    expect(parent === undefined || parent.startNs <= startNs).toBe(true)
  }
  for (let at = 0; at < 20; at++) await post(dev, `e${at}`)
  await eventually('all are answered', () => archived.length === 21)
  await dev.stop()
  const counts = ['accept', 'append', 'deliver', 'attempt', 'reply'].map((name) => collector.named(name).length)
  expect(counts).toEqual([21, 21, 42, 43, 21])
  expect(collector.breaches).toEqual([])
})

test('an event of which nobody keeps the trace makes no span, and says so to its subscriber', async () => {
  await using collector = await otlpReceiver()
  const seen: (string | undefined)[] = []
  await using classifier = await startRecorder(classifies(seen))
  await using archive = await startRecorder()
  const rate = ['--tracing-endpoint', collector.url, '--tracing-sampling-rate', '0']
  await using dev = await startDev(classifier.url, archive.url, ...rate)
  await post(dev, 'without')
  await post(dev, 'not-kept', { traceparent: `00-${traceId}-${sender}-00` })
  await eventually('both replies have arrived', () => archive.deliveries.length === 2)
  await dev.stop()
  expect(collector.requests).toEqual([])
  expect(seen).toHaveLength(3)
  for (const traceparent of seen) expect(traceparent).toMatch(/^00-[\da-f]{32}-[\da-f]{16}-00$/)
  expect(seen).toContain(`00-${traceId}-${sender}-00`)
})

test('without a collector nothing is asked, and headers go through as they came', async () => {
  const seen: (string | undefined)[] = []
  await using classifier = await startRecorder(classifies(seen))
  await using archive = await startRecorder()
  await using dev = await startDev(classifier.url, archive.url)
  await post(dev, 'with', { traceparent: `00-${traceId}-${sender}-01` })
  await eventually('the reply has arrived', () => archive.deliveries.length === 1)
  await post(dev, 'without')
  await eventually('the second reply has arrived', () => archive.deliveries.length === 2)
  expect(seen).toEqual([`00-${traceId}-${sender}-01`, `00-${traceId}-${sender}-01`, undefined])
  expect(dev.lines.filter((line) => line.includes('traces'))).toEqual([])
})

test('with a collector that is away events flow as ever, and spans come when it is there; with one that hangs too, and the end is not held up', async () => {
  await using collector = await otlpReceiver()
  await using way = await cuttable(collector.url)
  way.cut()
  await using subscriber = await startRecorder()
  await using dev = await startDev(subscriber.url, subscriber.url, '--tracing-endpoint', way.url)
  for (let at = 0; at < 50; at++) await post(dev, `away${at}`)
  await eventually('all are delivered', () => subscriber.counts.size === 50)
  expect(collector.requests).toEqual([])
  way.mend()
  await eventually('spans come', () => collector.named('attempt').length >= 50)

  collector.answer = 'hang'
  const asked = collector.requests.length
  await post(dev, 'first')
  await eventually('the collector was asked', () => collector.requests.length > asked)
  for (let at = 0; at < 50; at++) await post(dev, `hangs${at}`)
  await eventually('all are delivered', () => subscriber.counts.size === 101)
  const since = performance.now()
  await dev.stop()
  // some seconds are for the collector; long before anybody would kill it
  expect(performance.now() - since).toBeLessThan(20_000)
  expect(await dev.exited).toBe(0)
})
