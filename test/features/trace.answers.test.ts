import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { FindLine, FoundRecord, RememberedAnswer, Standing, StandingAnswer } from '../../src/contract/lineage.ts'
import type { Outlet } from '../../src/contract/outlet.ts'
import { cliInside as cli } from '../support/cli-inside.ts'
import { ownFolder } from '../support/millrace.ts'

/** What is asked, and by whom; undefined: 404. */
type Answers = (url: URL, headers: Readonly<Record<string, unknown>>) => unknown

class Refusal {
  readonly status: number
  readonly body: unknown
  constructor(status: number, body: unknown) {
    this.status = status
    this.body = body
  }
}

const servers: Server[] = []
async function serve(answers: Answers): Promise<string> {
  const server = createServer((request, response) => {
    const answer = answers(new URL(request.url ?? '', 'http://x'), request.headers)
    if (answer === undefined) response.writeHead(404).end('nothing here')
    else if (answer instanceof Refusal) response.writeHead(answer.status).end(JSON.stringify(answer.body))
    else if (Array.isArray(answer)) response.end(answer.map((line) => `${JSON.stringify(line)}\n`).join(''))
    else response.end(JSON.stringify(answer))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  servers.push(server)
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
})

const topic = 'knative-broker-shop-default'
const sent = Date.parse('2026-11-20T09:00:00Z')
const broker = { kind: 'Broker', namespace: 'shop', name: 'default' }
const at = (offset: number) => ({ topic, partition: 0, offset })

const outlet = (name: string, more: Partial<Outlet> = {}): Outlet => ({
  uid: `uid-${name}`,
  generation: 2,
  source: { kind: 'Trigger', namespace: 'shop', name },
  topic,
  group: `knative-trigger-shop-${name}`,
  start: 'latest',
  filter: { attributes: {} },
  subscriber: { url: `http://${name}.shop/` },
  delivery: { retry: 3, backoffPolicy: 'linear', backoffDelayMs: 100, timeoutMs: 1_000 },
  parking: { topic: `${topic}__parked`, partitions: 1, replicationFactor: 1 },
  order: 'unordered',
  ...more,
})
const bills = outlet('bills', { filter: { all: [{ exact: { type: 'bill.paid' } }] } })

const recordAt = (offset: number, attributes: Readonly<Record<string, string>>): FoundRecord => {
  const full = { specversion: '1.0', source: '/shop', type: 'order.created', ...attributes }
  return { place: at(offset), timestamp: sent + offset, attributes: full, dataBytes: 7 }
}
const remembers = (more: Partial<RememberedAnswer> = {}): RememberedAnswer => ({
  worker: 'w',
  role: 'dev',
  remembersFrom: sent - 3_600_000,
  accepted: [],
  refused: [],
  places: [],
  ...more,
})
const delivered = (more: object = {}): Standing => ({
  kind: 'settled',
  settled: { at: sent + 10, outcome: 'delivered', attempts: 1, status: 200, tookMs: 9, ...more },
})
const standing = (...outlets: StandingAnswer['outlets']): StandingAnswer => {
  return { worker: 'w', remembersFrom: sent - 3_600_000, outlets }
}
const found = (...records: readonly FoundRecord[]): FindLine[] => [
  { kind: 'progress', read: 1, of: 2 },
  ...records.map((record) => ({ kind: 'found' as const, record })),
  { kind: 'done', read: 2, bounded: false },
]

describe('in millrace dev', () => {
  const stored: Readonly<Record<string, readonly FoundRecord[]>> = {
    one: [recordAt(1, { id: 'one', subject: 'a\u001b]0;evil\u0007' })],
    same: [recordAt(2, { id: 'same' }), recordAt(3, { id: 'same', source: '/other' })],
    loop: [recordAt(5, { id: 'loop' })],
    reply: [recordAt(6, { id: 'loop', source: '/answer', type: 'order.answered' })],
    old: [recordAt(8, { id: 'old' })],
  }
  const all = Object.values(stored).flat()
  const replied = (offset: number, source: string, type: string): Standing =>
    delivered({ replies: [{ place: at(offset), id: 'loop', source, type }] })

  const answers: Answers = ({ pathname, searchParams: query }) => {
    const id = query.get('id')
    const offset = Number(query.get('offset'))
    if (pathname === '/topology') return { nodes: [broker], edges: [] }
    if (pathname === '/lineage') {
      if (id === 'unreadable') return { ...remembers(), further: true }
      if (id === 'bad') {
        const refused = { at: sent, path: '/shop/default', id, source: '', status: 400, code: 'MissingAttribute' }
        return remembers({ refused: [{ ...refused, detail: 'The event lacks type.' }] })
      }
      if (id === 'loop') return remembers({ accepted: [{ at: sent, inlet: broker, place: at(5) }] })
      const places = id === 'one' || id === 'same' ? (stored[id] ?? []).map(({ place }) => place) : []
      // Another event of the same hash, and one that a filter of the topic alone would not tell apart.
      return remembers({ places: id === 'one' ? [...places, at(2)] : places })
    }
    if (pathname === '/lineage/find') {
      if (query.has('offset')) return found(...all.filter(({ place }) => place.offset === offset))
      if (query.get('topic') === `${topic}__parked`) return found()
      if (query.get('topic') !== topic) return [{ kind: 'failed', code: 'TopicNotFound', message: 'no such topic' }]
      return found(...all.filter(({ attributes }) => attributes?.['id'] === id && id === 'old'))
    }
    const passed: Standing = { kind: 'passed', position: 99 }
    if (offset === 5) return standing({ outlet: outlet('loops'), standing: replied(6, '/answer', 'order.answered') })
    if (offset === 6) return standing({ outlet: outlet('loops'), standing: replied(5, '/shop', 'order.created') })
    const orders = offset === 8 ? passed : delivered()
    return standing({ outlet: bills, standing: passed }, { outlet: outlet('orders'), standing: orders })
  }
  let display: string
  beforeAll(async () => {
    display = await serve(answers)
  })
  const trace = (...args: string[]) => cli(['trace', ...args, '--display', display])

  test('one screen: where it stands, its attributes, and its fate at each Trigger', async () => {
    const { status, stdout, stderr } = await trace('one')
    expect(stderr).toBe('')
    expect(stdout.replaceAll(/ \(\d+\w ago\)/g, '')).toBe(`Event one  order.created of /shop
  stored      2026-11-20T09:00:00.001Z
  stands in   knative-broker-shop-default, partition 0, offset 1
  subject     a\\u001b]0;evil\\u0007
  data        7 bytes

What became of it
  Trigger shop/bills  not passed by its filter
    filters[0].exact.type: "order.created" is not "bill.paid"
  Trigger shop/orders  delivered
    http://orders.shop/ answered 200 at 2026-11-20T09:00:00.010Z, at the first attempt, in 9 ms
  (A filter is asked as it is now: if it was edited since the event came, it may have said something else then.)
`)
    expect(status).toBe(0)
  })

  test('for machines', async () => {
    const [json, yaml, wide] = await Promise.all([
      trace('one', '-o', 'json'),
      trace('one', '-o', 'yaml'),
      trace('one', '-o', 'wide'),
    ])
    const report = JSON.parse(json.stdout)
    expect(report).toMatchObject({
      id: 'one',
      found: true,
      events: [
        {
          place: at(1),
          record: { timestamp: '2026-11-20T09:00:00.001Z', attributes: { id: 'one' } },
          deliveries: [
            { of: { name: 'bills' }, fate: { kind: 'filtered', reasons: [{ path: 'filters[0].exact.type' }] } },
            {
              of: { name: 'orders' },
              fate: { kind: 'delivered', settled: { at: '2026-11-20T09:00:00.010Z', status: 200 } },
            },
          ],
        },
      ],
    })
    expect(parse(yaml.stdout)).toEqual(report)
    expect(wide.stdout).toMatch(
      /group knative-trigger-shop-orders, Outlet uid-orders .*\n\nWho was asked\n +millrace dev +dev +remembers from/s,
    )
  })

  test('several events with one id; --source tells them apart', async () => {
    const [all, other] = await Promise.all([
      trace('same', '-o', 'json'),
      trace('same', '--source', '/other', '-o', 'json'),
    ])
    const sources = ({ stdout }: { stdout: string }) =>
      JSON.parse(stdout).events.map((each: { record: FoundRecord }) => each.record.attributes?.['source'])
    expect(sources(all)).toEqual(['/shop', '/other'])
    expect(sources(other)).toEqual(['/other'])
  })

  test('replies: a hint; with --follow what became of them, and a loop ends', async () => {
    const [plain, follow] = await Promise.all([trace('loop'), trace('loop', '--follow')])
    expect(plain.stdout).toContain('accepted    2026-11-20T09:00:00.000Z')
    expect(plain.stdout).toContain('by Broker shop/default, in millrace dev')
    expect(plain.stdout).toContain(`
    └─ replied with loop, order.answered of /answer (partition 0, offset 6)
       Its fate: millrace trace loop --source /answer; of all replies: --follow
`)
    expect(follow.stdout.slice(follow.stdout.indexOf('    └─')))
      .toBe(`    └─ replied with loop, order.answered of /answer (partition 0, offset 6)
       Trigger shop/loops  delivered, and replied
         http://loops.shop/ answered 200 at 2026-11-20T09:00:00.010Z, at the first attempt, in 9 ms
         └─ replied with loop, order.created of /shop (partition 0, offset 5)
            told above already
`)
  })

  test('refused at the ingress: which answer it got, and what to do', async () => {
    const { status, stdout } = await trace('bad')
    expect(stdout.replaceAll(/ \(\d+\w ago\)/g, '')).toBe(`Event bad  refused
  at 2026-11-20T09:00:00.000Z by millrace dev, sent to /shop/default: it is not stored
  400 MissingAttribute: The event lacks type.
  To do: Add the attribute that the answer names, and send it again.
`)
    expect(status).toBe(0)
  })

  test('nobody remembers it: it is found in Kafka, and what is not known any more is said', async () => {
    const { status, stdout } = await trace('old')
    expect(status).toBe(0)
    expect(stdout).toContain('stands in   knative-broker-shop-default, partition 0, offset 8\n')
    expect(stdout).toMatch(
      /Trigger shop\/orders {2}finished, no longer remembered\n +it was delivered, dead-lettered or dropped; no copy of it is in knative-broker-shop-default__parked/,
    )
    expect(stdout).toContain(
      'The memory of millrace dev, which has this partition, reaches back to 2026-11-20T08:00:00.000Z',
    )
  })

  test('not there: where was looked, how far back, what to try', async () => {
    const [none, elsewhere, topicless] = await Promise.all([
      trace('nix', '--at', '2026-11-20T09:00:00Z'),
      trace('nix', '-n', 'other'),
      trace('nix', '--topic', 'missing'),
    ])
    expect(none).toMatchObject({ status: 1, stdout: '' })
    expect(none.stderr).toContain(`No event nix was found in the millrace dev at ${display}.`)
    expect(none.stderr).toContain('remembers from 2026-11-20T08:00:00.000Z')
    expect(none.stderr).toMatch(/default: from 2026-11-20T08:50:00.000Z .* to 2026-11-20T09:10:00.000Z .*, 2 records/)
    expect(none.stderr).toContain('--since 24h searches further back')
    expect(elsewhere.stderr).toContain('Name a topic to search')
    expect(topicless.stderr).toContain('missing: could not be searched: no such topic')
  })

  test('who answers otherwise, or not at all', async () => {
    const viewer = await serve(({ pathname }) => (pathname === '/topology' ? new Refusal(404, {}) : undefined))
    const [other, none, version] = await Promise.all([
      cli(['trace', 'one', '--display', viewer]),
      cli(['trace', 'one', '--display', 'http://127.0.0.1:1']),
      trace('unreadable'),
    ])
    expect(other).toMatchObject({
      status: 1,
      stderr: expect.stringContaining(`${viewer} is no display of millrace dev`),
    })
    expect(none).toMatchObject({ status: 1, stderr: expect.stringContaining('no millrace dev answers at') })
    expect(version).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('use the millrace of the same version'),
    })
  })
})

describe('in a cluster', () => {
  const token = 'let me in'
  const data = { token: Buffer.from(token).toString('base64') }
  const pod = (name: string, component: string, phase = 'Running', port = 9090) => ({
    metadata: {
      name,
      namespace: 'knative-eventing',
      uid: name,
      resourceVersion: '1',
      labels: { 'app.kubernetes.io/component': component },
    },
    spec: {
      containers: [
        {
          ports: [
            { name: 'http', containerPort: 8080 },
            { name: 'metrics', containerPort: port },
          ],
        },
      ],
    },
    status: { phase },
  })
  const pods = [
    pod('ingress-1', 'ingress'),
    pod('dispatcher-0', 'dispatcher', 'Running', 9191),
    pod('dispatcher-1', 'dispatcher'),
    pod('dispatcher-2', 'dispatcher', 'Pending'),
  ]
  const kafka = 'kafka:9092'
  const { uid, generation, ...spec } = outlet('lost', { bootstrapServers: kafka })
  const custom = (kind: string, name: string, of: object) => ({
    apiVersion: 'internal.millrace.dev/v1alpha1',
    kind,
    metadata: { name, generation, uid: name, resourceVersion: '1' },
    spec: of,
  })
  const list = (items: readonly object[]) => ({ metadata: { resourceVersion: '1' }, items })
  const status = (code: number, message: string) => new Refusal(code, { kind: 'Status', code, message })
  const forbidden = (what: string) => status(403, `User "me" cannot ${what}`)

  /** The API server, with the pods behind it. */
  const apiServer = (refuses: 'secret' | 'proxy' | 'routes' | null): Answers => {
    return ({ pathname, searchParams: query }, headers) => {
      const core = /^\/api\/v1\/namespaces\/knative-eventing\/(\w+)(?:\/([^/]+)(?:\/proxy(\/.*))?)?$/.exec(pathname)
      const [, kind, name, path] = core ?? []
      if (kind === 'pods' && path === undefined) return list(pods)
      if (kind === 'secrets') return refuses === 'secret' ? forbidden('get secrets') : { metadata: { name }, data }
      if (pathname.endsWith('/inlets')) {
        if (refuses === 'routes') return forbidden('list inlets')
        return list([custom('Inlet', 'i', { source: broker, path: '/shop/default', topic, bootstrapServers: kafka })])
      }
      if (pathname.endsWith('/outlets'))
        return refuses === 'routes' ? forbidden('list') : list([custom('Outlet', uid, spec)])
      if (pathname.endsWith('/brokers')) {
        return list([
          {
            metadata: { ...broker, uid: 'b', resourceVersion: '1' },
            status: { annotations: { 'default.topic': topic } },
          },
        ])
      }
      if (path === undefined) return undefined
      if (refuses === 'proxy') return forbidden('get pods/proxy')
      if (headers['x-millrace-token'] !== token) return new Refusal(403, 'no token')
      return podAnswer(name ?? '', path, query)
    }
  }
  const podAnswer = (name: string, path: string, query: URLSearchParams): unknown => {
    if (name === 'dispatcher-1:9090') return status(503, 'error trying to reach service: dial tcp: connect refused')
    const ours = refusesCluster(query) ? {} : null
    if (path === '/lineage') {
      const isIngress = name === 'ingress-1:9090'
      const accepted = isIngress && query.get('id') === 'one' ? [{ at: sent, inlet: broker, place: at(1) }] : []
      return remembers({ role: isIngress ? 'ingress' : 'dispatcher', accepted })
    }
    if (name !== 'dispatcher-0:9191' || ours === null) return undefined
    if (path === '/lineage/find') {
      const asksOne = query.get('offset') === '1' || query.get('id') === 'forgotten'
      return found(...(asksOne ? [recordAt(1, { id: query.get('id') ?? 'one' })] : []))
    }
    return standing({ outlet: outlet('orders'), standing: delivered({ attempts: 2 }) })
  }
  /** Whoever may look at Inlets names the Kafka cluster as they do. */
  const refusesCluster = (query: URLSearchParams) => !query.has('topic') || [null, kafka].includes(query.get('cluster'))

  const kubeconfigFor = async (refuses: Parameters<typeof apiServer>[0]): Promise<string> => {
    const server = await serve(apiServer(refuses))
    const file = join(ownFolder(), 'kubeconfig')
    const config = {
      'current-context': 'c',
      clusters: [{ name: 'c', cluster: { server } }],
      users: [{ name: 'u', user: {} }],
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'u', namespace: 'shop' } }],
    }
    writeFileSync(file, JSON.stringify(config))
    return file
  }

  test('all pods are asked, with the token; who cannot be reached is said, and the rest is shown', async () => {
    const { status: code, stdout, stderr } = await cli(['trace', 'one', '--kubeconfig', await kubeconfigFor(null)])
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(stdout).toContain('by Broker shop/default, in ingress-1\n')
    expect(stdout).toContain('offset 1, at kafka:9092\n')
    expect(stdout).toMatch(/Trigger shop\/lost {2}not known\n/)
    expect(stdout).toMatch(/Trigger shop\/orders {2}delivered\n.*after 2 attempts/)
    expect(stdout).toMatch(
      /dispatcher-2: is Pending\n +dispatcher-1: error trying to reach service: dial tcp: connect refused\n$/,
    )
  })

  test('nobody remembers it: a dispatcher finds it in Kafka, also for who may not look at Inlets', async () => {
    const [all, few] = await Promise.all([kubeconfigFor(null), kubeconfigFor('routes')])
    for (const file of [all, few]) {
      const { status: code, stdout } = await cli(['trace', 'forgotten', '--kubeconfig', file, '--since', '48h'])
      expect(stdout).toContain('Event forgotten  order.created of /shop\n')
      expect(code).toBe(0)
    }
  })

  test.each(['secret', 'proxy'] as const)(
    'without the right to the %s it says which ClusterRole helps',
    async (what) => {
      const { status: code, stderr } = await cli(['trace', 'one', '--kubeconfig', await kubeconfigFor(what)])
      expect(stderr).toContain('User "me" cannot get')
      expect(stderr).toContain('the ClusterRole millrace-trace in namespace knative-eventing')
      expect(code).toBe(1)
    },
  )
})

test.each([
  [['trace'], "missing required argument 'id'"],
  [['trace', 'a', '--at', 'noon'], '--at must be a time such as 2026-11-22T09:30:00Z'],
  [['trace', 'a', '--at', '3'], '--at must be a time such as 2026-11-22T09:30:00Z'],
  [['trace', 'a', '--at', '2026-11-22', '--since', '1h'], '--since is of no use beside --at'],
  [['trace', 'a', '--broker', 'x', '--topic', 'y'], '--topic is of no use beside --broker'],
  [['trace', 'a', '--broker', 'shop/x'], '--broker must be NAME or broker/NAME'],
  [['trace', 'a', '-o', 'table'], '--output must be text, wide, json or yaml'],
])('%j is wrong usage', async (words, message) => {
  const { status, stderr } = await cli(words)
  expect(stderr).toContain(message)
  expect(status).toBe(2)
})
