import { expect, test } from 'vitest'
import { cli } from '../support/cli.ts'
import { eventually } from '../support/eventually.ts'
import { kafkaBootstrap, uniqueGroup, uniqueTopic } from '../support/kafka.ts'
import { inletOn, millrace, outletOn, ownFolder, RoutesFile } from '../support/millrace.ts'
import { otlpReceiver } from '../support/otlp-receiver.ts'
import { startRecorder } from '../support/recorder.ts'
import { createTopic } from '../support/topics.ts'

test('ingress and dispatcher tell one trace, through a record of Kafka, and how many spans they sent', async () => {
  const kafka = kafkaBootstrap()
  const topic = await createTopic(kafka, { name: uniqueTopic(), partitions: 2 })
  const seen: unknown[] = []
  await using collector = await otlpReceiver()
  await using subscriber = await startRecorder(({ headers }) => {
    seen.push(headers['traceparent'])
    return { status: 200 }
  })
  const routes = new RoutesFile({ inlets: [inletOn(topic)], outlets: [outletOn(topic, subscriber.url)] })
  const common = ['--routes', routes.path, '--kafka', kafka, '--metrics-port', '0', '--tracing-endpoint', collector.url]
  await using ingress = millrace('ingress', ...common, '--port', '0')
  const dispatches = ['--instance', 'd', '--group', uniqueGroup(), '--data', ownFolder()]
  await using dispatcher = millrace('dispatcher', ...common, ...dispatches)
  const url = `${(await ingress.line('ingress ')).slice('ingress '.length)}/test/default`
  expect(await ingress.line('traces ')).toBe(`traces ${collector.url}/v1/traces (100 % of new traces)`)
  const event = { 'ce-specversion': '1.0', 'ce-id': 'e', 'ce-source': 'test', 'ce-type': 'order' }
  expect((await fetch(url, { method: 'POST', headers: event })).status).toBe(202)

  await eventually('the whole trace is there', () => collector.spans.length === 4)
  const of = (name: string) => collector.named(name)[0]
  const steps = ['accept', 'append', 'deliver', 'attempt'].map(of)
  expect(steps.map((span) => span?.resource['service.name'])).toEqual([
    ...['millrace-ingress', 'millrace-ingress', 'millrace-dispatcher', 'millrace-dispatcher'],
  ])
  expect(steps.map((span) => span?.parentSpanId)).toEqual([undefined, ...steps.slice(0, 3).map((span) => span?.spanId)])
  expect(new Set(steps.map((span) => span?.traceId)).size).toBe(1)
  expect(seen).toEqual([`00-${of('attempt')?.traceId}-${of('attempt')?.spanId}-01`])
  for (const process of [ingress, dispatcher]) {
    const page = (await process.line('metrics ')).slice('metrics '.length)
    await eventually('they are counted', async () =>
      (await (await fetch(page)).text()).includes('millrace_trace_spans_total{outcome="sent"} 2\n'),
    )
  }
  expect(collector.breaches).toEqual([])
})

test('an endpoint that is none is refused at the start, in words', async () => {
  const given = ['ingress', '--routes', 'r', '--kafka', 'localhost:9092', '--port', '0']
  const grpc = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }
  const refused = await cli(given, { env: grpc })
  expect(refused.status).toBe(2)
  expect(refused.stderr).toContain('OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf, usually on port 4318')
  const wrong = await cli([...given, '--tracing-endpoint', 'localhost:4318'])
  expect(wrong.stderr).toContain('--tracing-endpoint must be')
})
