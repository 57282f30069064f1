import { writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { catalogue } from '../../src/cli/metrics/catalogue.ts'
import type { Child } from '../support/child.ts'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { MetricsPage } from '../support/metrics-page.ts'
import { millraceDev, ownFolder } from '../support/millrace.ts'

/** A Broker and a Trigger for each thing that may become of an event. */
const trigger = (name: string, spec: string, annotations = ''): string => `
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata:
  name: ${name}
  namespace: shop
  annotations: {${annotations}}
spec:
  broker: default
  filter: {attributes: {type: ${name}}}
${spec}`
const broker = `
apiVersion: eventing.knative.dev/v1
kind: Broker
metadata: {name: default, namespace: shop, annotations: {eventing.knative.dev/broker.class: Kafka}}`
const to = (url: string): string => `  subscriber: {uri: '${url}'}`
const manifests = (url: string, more = ''): string =>
  [
    broker,
    trigger('well', to(`${url}/well`)),
    trigger('retried', `${to(`${url}/retried`)}\n  delivery: {retry: 3, backoffDelay: PT0.01S}`),
    trigger('sunk', `${to(`${url}/broken`)}\n  delivery: {deadLetterSink: {uri: '${url}/well'}}`),
    trigger('parked', to(`${url}/broken`)),
    trigger('dropped', to(`${url}/broken`), 'eventing.millrace.dev/onExhausted: Drop'),
    trigger('waits', to(`${url}/waits`)),
  ].join('\n---') + more

/** Subscribers: /well takes all, /broken refuses all for good, /retried takes the third try of each, /waits never answers. */
async function startSubscribers(): Promise<Server & { url: string }> {
  const tries = new Map<string, number>()
  const server = createServer((request: IncomingMessage, response) => {
    request.resume()
    const id = String(request.headers['ce-id'])
    const times = (tries.get(id) ?? 0) + 1
    tries.set(id, times)
    if (request.url === '/waits') return
    const status = request.url === '/broken' ? 400 : request.url === '/retried' && times < 3 ? 503 : 200
    response.writeHead(status).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  return Object.assign(server, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
}

describe('the metrics of `millrace dev`', () => {
  const file = join(ownFolder(), 'app.yaml')
  let subscribers: Server & { url: string }
  let dev: Child
  let events: string
  let metrics: string
  const page = (): Promise<MetricsPage> => MetricsPage.at(metrics)
  const send = async (type: string, id: string, path = '/shop/default'): Promise<number> => {
    const headers = { 'ce-specversion': '1.0', 'ce-id': id, 'ce-source': '/test', 'ce-type': type }
    const answer = await fetch(`${events}${path}`, { method: 'POST', headers, body: 'x' })
    await answer.text()
    return answer.status
  }

  beforeAll(async () => {
    subscribers = await startSubscribers()
    writeFileSync(file, manifests(subscribers.url))
    const data = join(ownFolder(), 'data')
    dev = millraceDev(data, '--fsync', 'off', '-f', file)
    const url = async (name: string): Promise<string> => /http:\S+/.exec(await dev.line(`  ${name}`))?.[0] ?? ''
    ;[events, metrics] = [await url('ingress'), await url('metrics')]
    for (const name of ['well', 'retried', 'sunk', 'parked', 'dropped', 'waits'])
      await dev.line(`Trigger shop/${name} Ready`)
  })
  afterAll(async () => {
    subscribers?.closeAllConnections()
    subscribers?.close()
    await dev?.stop()
  })

  it('count what became of each event, by Trigger', async () => {
    const fates = ['well', 'retried', 'sunk', 'parked', 'dropped']
    for (const type of fates) for (const n of [1, 2]) expect(await send(type, `${type}-${n}`)).toBe(202)
    await eventuallyPasses('all have met their fate', async () => {
      const now = await page()
      const of = (name: string, trigger: string, ...more: string[]) =>
        now.value(name, 'kn_trigger_namespace="shop"', `kn_trigger_name="${trigger}"`, ...more)
      expect(of('millrace_delivered_events_total', 'well')).toBe(2)
      expect(of('http_events_sent_total', 'well', 'http_response_status_code="200"')).toBe(2)
      expect(of('kn_eventing_dispatch_latency_ms_count', 'well')).toBe(2)
      expect(of('kn_eventing_dispatch_latency_ms_bucket', 'well', 'le="+Inf"')).toBe(2)
      expect(of('http_events_sent_total', 'retried', 'http_response_status_code="503"')).toBe(4)
      expect(of('millrace_delivery_retries_total', 'retried')).toBe(4)
      expect(of('millrace_dead_lettered_events_total', 'sunk')).toBe(2)
      expect(of('http_events_sent_total', 'sunk', 'http_response_status_code="400"')).toBe(2)
      expect(of('millrace_parked_events_total', 'parked')).toBe(2)
      expect(of('millrace_delivery_fault', 'parked', 'reason="DeliveryFailed"')).toBe(1)
      expect(of('millrace_dropped_events_total', 'dropped')).toBe(2)
      expect(of('millrace_parked_events_total', 'well')).toBe(0)
      // every Trigger of the Broker reads all of its events, those that its filter leaves out too
      for (const trigger of fates) expect(of('millrace_delivery_lag_events', trigger), trigger).toBe(0)
    })
    const now = await page()
    expect(now.value('http_events_sent_total', 'kn_broker_name="default"', 'http_response_status_code="202"')).toBe(10)
    expect(now.value('millrace_outlets', 'state="consuming"')).toBe(6)
  })

  it('say how long the oldest event has been waiting, and how many are behind it', async () => {
    await send('waits', 'waits-1')
    const waiting = () =>
      page().then((now) => now.value('millrace_delivery_oldest_age_seconds', 'kn_trigger_name="waits"'))
    await eventually('it waits', async () => ((await waiting()) ?? 0) > 0.5)
    const now = await page()
    expect(now.value('millrace_delivery_lag_events', 'kn_trigger_name="waits"')).toBeGreaterThanOrEqual(1)
    expect(now.value('kn_eventing_dispatch_in_flight_requests_1', 'kn_trigger_name="waits"')).toBe(1)
    const before = (await waiting()) ?? 0
    await eventually('it grows', async () => ((await waiting()) ?? 0) > before)
  })

  it('tell by reason what was refused, and never learn names from senders', async () => {
    expect(await send('', 'no-type')).toBe(400)
    for (const path of ['/shop/secret-name', '/other/secret-name', '/secret-name'])
      expect(await send('a', '1', path)).toBe(404)
    const now = await page()
    expect(now.value('millrace_ingress_refused_requests_total', 'kn_broker_name="default"')).toBe(1)
    expect(now.value('millrace_ingress_refused_requests_total', 'reason="NotFound"')).toBe(3)
    expect(now.text).not.toContain('secret-name')
    expect(now.text).not.toContain('no-type')
  })

  it('are all in the catalogue, with no label that it does not name, and without event ids, types or partitions', async () => {
    const known = new Map(catalogue().map(({ family }) => [family.name, family]))
    const now = await page()
    expect(now.families.length).toBeGreaterThan(35)
    expect(now.families.filter((name) => !known.has(name))).toEqual([])
    const labels = new Set([...known.values()].flatMap((family) => family.labels))
    expect([...now.labels].filter((label) => label !== 'le' && !labels.has(label))).toEqual([])
    expect([...labels].filter((label) => /partition|type|_id$/.test(label))).toEqual([])
  })

  it('are told as OpenMetrics to who asks for that, and at no other path', async () => {
    const ask = (headers: Record<string, string>) => fetch(metrics, { headers })
    const plain = await ask({})
    expect(plain.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
    expect(await plain.text()).not.toContain('# EOF')
    const open = await ask({ accept: 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5' })
    expect(open.headers.get('content-type')).toMatch(/^application\/openmetrics-text; version=1\.0\.0/)
    const text = await open.text()
    expect(text.endsWith('# EOF\n')).toBe(true)
    expect(text).toContain('# TYPE http_events_sent counter')
    expect((await fetch(metrics.replace('/metrics', '/'))).status).toBe(404)
    expect((await fetch(metrics, { method: 'POST' })).status).toBe(405)
    // the port of the events has nothing to say
    expect((await fetch(`${events}/metrics`)).status).not.toBe(200)
  })

  it('forget a Trigger when it is gone', async () => {
    expect((await page()).text).toContain('kn_trigger_name="dropped"')
    const left = manifests(subscribers.url)
      .split('\n---')
      .filter((text) => !text.includes('name: dropped'))
    writeFileSync(file, left.join('\n---'))
    await eventually('its series are gone', async () => !(await page()).text.includes('kn_trigger_name="dropped"'))
    expect((await page()).value('millrace_delivered_events_total', 'kn_trigger_name="well"')).toBe(2)
  })
})
