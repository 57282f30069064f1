import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { catalogue, catalogueTable } from '../../src/cli/metrics/catalogue.ts'
import { apiRequest, type Json } from '../support/api-request.ts'
import { startApiServer, type RunningApiServer } from '../support/api-server.ts'
import type { Child } from '../support/child.ts'
import { installCrds } from '../support/crds.ts'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { kubectl } from '../support/kubectl.ts'
import { MetricsPage } from '../support/metrics-page.ts'
import { millrace, millraceDev, ownFolder } from '../support/millrace.ts'
import { needPrometheus, promtool, startPrometheus, type Prometheus } from '../support/prometheus.ts'

const top = join(import.meta.dirname, '..', '..')
const folder = join(top, 'config', 'observability')
const docs = join(top, 'docs', 'observability.md')
const rules = [join(folder, 'alerts.yaml'), join(folder, 'recording-rules.yaml')]
const read = (file: string): string => readFileSync(file, 'utf8')
const yaml = (file: string): Json => parse(read(file))
const alerts: readonly Json[] = yaml(rules[0] ?? '').groups.flatMap(({ rules }: Json) => rules)

interface Query {
  readonly where: string
  readonly expr: string
}

/** All queries of all dashboards, those of their variables too. */
const queries: readonly Query[] = readdirSync(join(folder, 'dashboards')).flatMap((name) => {
  const { panels, templating } = JSON.parse(read(join(folder, 'dashboards', name)))
  const asked = panels.flatMap(({ title, targets = [] }: Json) =>
    targets.map(({ expr, refId }: Json) => ({ where: `${name}: ${title} ${refId}`, expr })),
  )
  const variables = templating.list.flatMap(({ name: variable, type, query }: Json) => {
    const selector = /^label_values\((.*), \w+\)$/.exec(query.query ?? '')?.[1]
    return type === 'query' ? [{ where: `${name}: $${variable}`, expr: selector ?? 'no such query' }] : []
  })
  return [...asked, ...variables]
})

/** As Grafana fills them in. */
const filled = (expr: string): string =>
  expr.replaceAll('$__rate_interval', '1m').replaceAll('$namespace', 'shop').replaceAll('$trigger', 'busy')

describe('what ships for Prometheus and Grafana', () => {
  beforeAll(needPrometheus)

  it('is taken by promtool, and each alert is quiet and fires when it shall', async () => {
    await promtool(['check', 'rules', ...rules])
    const tests = readdirSync(folder).filter((name) => name.endsWith('.test.yaml'))
    expect(tests).toHaveLength(2)
    await promtool(['test', 'rules', ...tests.map((name) => join(folder, name))])
    const tried: readonly Json[] = yaml(join(folder, 'alerts.test.yaml')).tests.flatMap(
      ({ alert_rule_test: each }: Json) => each,
    )
    const is = (how: (expected: Json) => boolean) =>
      new Set(tried.filter(({ exp_alerts: expected }) => how(expected)).map(({ alertname }) => alertname))
    const [quiet, fires] = [is(({ length }) => length === 0), is(({ length }) => length > 0)]
    expect(alerts.map(({ alert }) => alert).filter((name) => !quiet.has(name) || !fires.has(name))).toEqual([])
  })

  it('names metrics that there are, and no others', () => {
    const known = new Set(
      catalogue().flatMap(({ family: { name, type } }) =>
        type === 'histogram' ? ['_bucket', '_sum', '_count'].map((ending) => name + ending) : [name],
      ),
    )
    const recorded = rules.flatMap((file) =>
      yaml(file).groups.flatMap(({ rules }: Json) => rules.map(({ record }: Json) => record)),
    )
    const asked = [
      ...queries.map(({ expr }) => expr),
      ...rules.flatMap((file) => yaml(file).groups.flatMap(({ rules }: Json) => rules.map(({ expr }: Json) => expr))),
    ]
    const names = asked.flatMap(
      (expr) => expr.match(/\b(millrace|kn_eventing|http_events|process|nodejs)[a-z0-9_:]*/g) ?? [],
    )
    expect(names.length).toBeGreaterThan(100)
    expect([...new Set(names)].filter((name) => !known.has(name) && !recorded.includes(name))).toEqual([])
  })

  it('has a configuration that finds pods as they are made', async () => {
    const config = yaml(join(folder, 'prometheus.yaml'))
    const [job] = config.scrape_configs
    // Debian's Prometheus is built without the discovery of Kubernetes
    delete job.kubernetes_sd_configs
    const file = join(ownFolder(), 'prometheus.yaml')
    writeFileSync(file, stringify({ ...config, rule_files: rules, scrape_configs: [{ ...job, static_configs: [] }] }))
    await promtool(['check', 'config', file])
    const monitor = yaml(join(folder, 'pod-monitor.yaml'))
    const controller = read(join(top, 'config', '500-controller.yaml'))
    expect(monitor.spec.podMetricsEndpoints[0].port).toBe('metrics')
    expect(controller).toContain('name: metrics')
    expect(controller).toContain(`prometheus.io/port: '9090'`)
  })
})

describe('docs/observability.md', () => {
  const text = read(docs)

  it('has the table of all metrics as the code tells it (vitest -u writes it)', async () => {
    const [begin, end] = ['<!-- metrics: written by test/features/observability.test.ts -->', '<!-- end of metrics -->']
    const [before, rest] = text.split(begin)
    const after = rest?.split(end)[1]
    expect(after).toBeDefined()
    await expect(`${before}${begin}\n\n${catalogueTable()}\n\n${end}${after}`).toMatchFileSnapshot(docs)
  })

  it('says of each alert what to do, where its annotation points', () => {
    for (const { alert, annotations } of alerts) {
      expect(annotations.runbook_url).toBe(`docs/observability.md#${alert.toLowerCase()}`)
      expect(text, alert).toContain(`### ${alert}\n`)
    }
  })

  it('has names with units, and help that says what to do', () => {
    const units =
      /_(total|seconds|bytes|ms|info|events|fds|connections|depth|leader|outlets|fault|owned|at_work|in_flight|requests_1|spans)$/
    for (const { family } of catalogue()) {
      expect(family.name).toMatch(units)
      expect(family.name.endsWith('_total'), family.name).toBe(family.type === 'counter')
      expect(family.help.length, family.name).toBeGreaterThan(30)
      expect(family.help, family.name).not.toMatch(/\n|\|/)
    }
  })
})

const system = 'knative-eventing'
const brokerPath = '/apis/eventing.knative.dev/v1/namespaces/shop/brokers/default'

describe('a real Prometheus', () => {
  const cleanup = new AsyncDisposableStack()
  let subscribers: Server
  let api: RunningApiServer
  let dev: Child
  let prometheus: Prometheus
  let events: string
  let metricsOfDev: string
  let sending: NodeJS.Timeout
  let editing: NodeJS.Timeout
  let sent = 0

  const send = (type: string): void => {
    const id = `${type}-${++sent}`
    const headers = { 'ce-specversion': '1.0', 'ce-id': id, 'ce-source': '/test', 'ce-type': type }
    fetch(`${events}/shop/default`, { method: 'POST', headers, body: 'x' })
      .then((answer) => answer.text())
      .catch(() => undefined)
  }

  const urlIn = async (child: Child, start: string): Promise<string> =>
    /https?:\S+/.exec(await child.line(start))?.[0] ?? ''

  /** Good ones, refused ones, and one that every subscriber but the sink refuses. */
  const load = (): void => {
    for (const type of ['busy', 'busy', 'parked', 'sunk', '']) send(type)
  }

  const startDev = async (): Promise<void> => {
    const tries = new Map<string, number>()
    subscribers = createServer((request, response) => {
      request.resume()
      const id = String(request.headers['ce-id'])
      const times = (tries.get(id) ?? 0) + 1
      tries.set(id, times)
      const status = request.url === '/broken' ? 400 : request.url === '/flaky' && times < 2 ? 503 : 200
      setTimeout(() => response.writeHead(status).end(), 5)
    })
    await new Promise<void>((resolve) => subscribers.listen(0, '127.0.0.1', () => resolve()))
    const to = `http://127.0.0.1:${(subscribers.address() as AddressInfo).port}`
    const trigger = (name: string, spec: string): string =>
      `apiVersion: eventing.knative.dev/v1\nkind: Trigger\nmetadata: {name: ${name}, namespace: shop}\nspec: {broker: default, filter: {attributes: {type: ${name}}}, ${spec}}`
    const file = join(ownFolder(), 'app.yaml')
    writeFileSync(
      file,
      [
        'apiVersion: eventing.knative.dev/v1\nkind: Broker\nmetadata: {name: default, namespace: shop, annotations: {eventing.knative.dev/broker.class: Kafka}}',
        trigger('busy', `subscriber: {uri: '${to}/flaky'}, delivery: {retry: 3, backoffDelay: PT0.01S}`),
        trigger('parked', `subscriber: {uri: '${to}/broken'}`),
        trigger('sunk', `subscriber: {uri: '${to}/broken'}, delivery: {deadLetterSink: {uri: '${to}/well'}}`),
      ].join('\n---\n'),
    )
    const data = join(ownFolder(), 'data')
    dev = cleanup.use(millraceDev(data, '--fsync', 'off', '-f', file))
    ;[events, metricsOfDev] = [await urlIn(dev, '  ingress'), await urlIn(dev, '  metrics')]
    for (const name of ['busy', 'parked', 'sunk']) await dev.line(`Trigger shop/${name} Ready`)
  }

  /** Its webhooks are asked as an API server asks them. @returns where its metrics are. */
  const startController = async (): Promise<string> => {
    api = cleanup.use(await startApiServer())
    await installCrds(api)
    for (const name of [system, 'shop']) await kubectl(['create', 'namespace', name], api)
    const flags = ['--kubeconfig', api.kubeconfig, '-n', system, '--host', '127.0.0.1']
    const controller = cleanup.use(
      millrace('controller', ...flags, '--port', '0', '--metrics-port', '0', '--no-workers'),
    )
    const [webhooks, metrics] = [await urlIn(controller, 'controller '), await urlIn(controller, 'metrics ')]
    const metadata = {
      name: 'default',
      namespace: 'shop',
      annotations: { 'eventing.knative.dev/broker.class': 'Kafka' },
    }
    const broker = { apiVersion: 'eventing.knative.dev/v1', kind: 'Broker', metadata, spec: {} }
    await kubectl(['apply', '-f', '-'], { ...api, stdin: JSON.stringify(broker) })
    await eventually('the webhooks answer', () => review(webhooks, broker))
    // somebody is at work there all the time
    let edits = 0
    const edit = async (): Promise<void> => {
      await review(webhooks, broker)
      const body = { metadata: { annotations: { edits: String(++edits) } } }
      await apiRequest(api, 'PATCH', brokerPath, { body, type: 'merge' })
    }
    editing = setInterval(() => void edit().catch(() => undefined), 1_000)
    return metrics
  }

  const review = (url: string, object: { kind: string }): Promise<boolean> =>
    new Promise((resolve, reject) => {
      const kind = { group: 'eventing.knative.dev', version: 'v1', kind: object.kind }
      const body = JSON.stringify({
        apiVersion: 'admission.k8s.io/v1',
        kind: 'AdmissionReview',
        request: {
          uid: '1',
          kind,
          resource: { ...kind, resource: 'brokers' },
          operation: 'CREATE',
          namespace: 'shop',
          name: 'default',
          userInfo: { username: 'someone' },
          object,
          oldObject: null,
        },
      })
      const headers = { 'content-type': 'application/json' }
      const request = https.request(
        `${url}/validate`,
        { method: 'POST', headers, rejectUnauthorized: false },
        (answer) => {
          answer.resume()
          resolve(answer.statusCode === 200)
        },
      )
      request.once('error', reject)
      request.end(body)
    })

  beforeAll(async () => {
    await needPrometheus()
    await startDev()
    load()
    const controller = await startController()
    const targets = [metricsOfDev, controller].map((url) => new URL(url).host)
    prometheus = cleanup.use(await startPrometheus(targets, rules))
    sending = setInterval(load, 250)
  })
  afterAll(async () => {
    clearInterval(sending)
    clearInterval(editing)
    await cleanup.disposeAsync()
    subscribers?.closeAllConnections()
    subscribers?.close()
  })

  it('scrapes all of it, and has no complaint about how it is written', async () => {
    await eventuallyPasses('both are scraped', async () => {
      const up = await prometheus.query('up')
      expect(up.map(({ value }) => value)).toEqual([1, 1])
    })
    const { text } = await MetricsPage.at(metricsOfDev)
    const complaints = await promtool(['check', 'metrics'], text).catch((error: Error) => error.message)
    // names of Knative, which we do not choose
    const ours = complaints
      .split('\n')
      .filter((line) => /^[a-z]\w+ /.test(line) && !/^(promtool|kn_eventing_)/.test(line))
    expect(ours).toEqual([])
  })

  it('takes the rules, and evaluates each', async () => {
    await eventuallyPasses('all rules are evaluated', async () => {
      const { groups } = await prometheus.get('/api/v1/rules')
      const all = groups.flatMap(({ rules }: Json) => rules)
      expect(all.length).toBeGreaterThanOrEqual(alerts.length)
      expect(
        all.filter(({ health }: Json) => health !== 'ok').map(({ name, lastError }: Json) => [name, lastError]),
      ).toEqual([])
    })
    const firing = () => prometheus.query('ALERTS{alertstate="firing"}')
    await eventually('events that are parked are told of', async () =>
      (await firing()).some(({ metric }) => metric['alertname'] === 'MillraceEventsParked'),
    )
    const names = new Set((await firing()).map(({ metric }) => metric['alertname']))
    expect(
      [...names].filter((name) => !['MillraceEventsParked', 'MillraceEventsDeadLettered'].includes(name ?? '')),
    ).toEqual([])
  })

  it('answers each query of each dashboard', async () => {
    expect(queries.length).toBeGreaterThan(70)
    await eventuallyPasses(
      'all queries have an answer',
      async () => {
        const empty = await Promise.all(
          queries.map(async ({ where, expr }) => {
            const samples = await prometheus.query(filled(expr))
            return samples.some(({ value }) => !Number.isNaN(value)) ? [] : [`${where}: ${expr}`]
          }),
        )
        expect(empty.flat()).toEqual([])
      },
      { withinMs: 120_000, everyMs: 1_000 },
    )
  })

  it('finds only metrics of the catalogue, of the controller too', async () => {
    const known = new Set(catalogue().map(({ family }) => family.name))
    const names = (await prometheus.get('/api/v1/metadata')) as Record<string, unknown>
    expect(Object.keys(names).length).toBeGreaterThan(45)
    const counters = new Set([...known].map((name) => name.replace(/_total$/, '')))
    expect(Object.keys(names).filter((name) => !known.has(name) && !counters.has(name))).toEqual([])
    for (const part of [
      'millrace_leader',
      'millrace_webhook_certificate_expiry_timestamp_seconds',
      'millrace_workqueue_depth',
    ])
      expect(await prometheus.query(part), part).not.toEqual([])
  })
})
