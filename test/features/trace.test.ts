import { rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Settled } from '../../src/contract/lineage.ts'
import type { Child } from '../support/child.ts'
import type { CliResult } from '../support/cli.ts'
import { cliInside } from '../support/cli-inside.ts'
import { eventually } from '../support/eventually.ts'
import { millrace, ownFolder } from '../support/millrace.ts'
import { startRecorder, type Recorder } from '../support/recorder.ts'

/** What `trace -o json` says, as far as it is read here. */
interface Report {
  readonly events: readonly Traced[]
  readonly refused: readonly { readonly status: number; readonly code: string; readonly path: string }[]
}
interface Traced {
  readonly place: { readonly topic: string; readonly partition: number; readonly offset: number }
  readonly accepted?: { readonly at: string; readonly broker: { readonly name: string } }
  readonly record: { readonly attributes: Readonly<Record<string, string>> }
  readonly deliveries: readonly Delivery[]
}
interface Delivery {
  readonly of: { readonly name: string }
  readonly fate: {
    readonly kind: string
    readonly settled?: Omit<Settled, 'at'>
    readonly pending?: {
      readonly attempts: number
      readonly nextAt?: string
      readonly failure?: { readonly reason: string }
    }
    readonly reasons?: readonly { readonly path: string; readonly fact: string }[]
  }
  readonly replies?: readonly Traced[]
}

const trigger = (name: string, type: string, service: string, delivery = '{}', annotations = '{}'): string => `---
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {name: ${name}, annotations: ${annotations}}
spec:
  broker: default
  filters: [{exact: {type: ${type}}}]
  subscriber: {ref: {apiVersion: v1, kind: Service, name: ${service}}}
  delivery: ${delivery}
`
const deadLetterSink = '{ref: {apiVersion: v1, kind: Service, name: lost}}'
const quick = 'retry: 5, backoffPolicy: linear, backoffDelay: PT0.02S'
const triggers = [
  trigger('taken', 'order.created', 'takes'),
  trigger('bills', 'bill.paid', 'takes'),
  trigger('flaky', 'flaky', 'flaky', `{${quick}}`),
  trigger('slow', 'slow', 'fails', '{retry: 3, backoffPolicy: linear, backoffDelay: PT60S}'),
  trigger('dead', 'dead', 'refuses', `{deadLetterSink: ${deadLetterSink}}`),
  trigger('parked', 'parked', 'refuses'),
  trigger('dropped', 'dropped', 'refuses', '{}', '{eventing.millrace.dev/onExhausted: Drop}'),
  trigger('asks', 'ask', 'replies'),
  trigger('hears', 'ask.answered', 'replies'),
  trigger(
    'ordered',
    'in.order',
    'fails',
    '{retry: 3, backoffPolicy: linear, backoffDelay: PT60S}',
    '{kafka.eventing.knative.dev/delivery.order: ordered}',
  ),
]
const broker = `apiVersion: eventing.knative.dev/v1
kind: Broker
metadata: {name: default}
`

const folder = ownFolder()
const manifests = join(folder, 'app.yaml')
const data = join(folder, 'data')
const recorders: Recorder[] = []
let dev: Child
let ingress: string
let display: string

async function service(name: string, answer: Parameters<typeof startRecorder>[0]): Promise<string[]> {
  const recorder = await startRecorder(answer)
  recorders.push(recorder)
  return ['--service', `${name}=${recorder.url}`]
}

/** As the classifier of the third article: an event is answered with one of its kind, under the same id. */
function reply({ headers }: IncomingMessage, id: string) {
  if (headers['ce-type'] !== 'ask') return { status: 200 }
  const event = { 'ce-specversion': '1.0', 'ce-id': id, 'ce-source': '/classifier', 'ce-type': 'ask.answered' }
  return { status: 200, headers: event }
}

async function start(services: readonly string[]): Promise<void> {
  const ports = ['--port', '0', '--display-port', '0']
  dev = millrace('dev', ...ports, '--data', data, '-f', manifests, ...services)
  ingress = /http:\S+:\d+/.exec(await dev.line('  ingress'))?.[0] ?? ''
  display = /http:\S+:\d+/.exec(await dev.line('  display'))?.[0] ?? ''
  await Promise.all(['taken', 'ordered'].map((name) => dev.line(`Trigger default/${name} Ready`)))
}

let services: string[]
beforeAll(async () => {
  writeFileSync(manifests, [broker, ...triggers].join(''))
  const tries = new Map<string, number>()
  const flaky = (_: unknown, id: string) => {
    const tried = (tries.get(id) ?? 0) + 1
    tries.set(id, tried)
    return { status: tried < 3 ? 503 : 200 }
  }
  const all = await Promise.all([
    service('takes', () => ({ status: 204 })),
    service('lost', () => ({ status: 200 })),
    service('flaky', flaky),
    service('fails', () => ({ status: 503 })),
    service('refuses', () => ({ status: 422 })),
    service('replies', reply),
  ])
  services = all.flat()
  await start(services)
})
afterAll(async () => {
  await dev?.stop()
  for (const recorder of recorders) await recorder[Symbol.asyncDispose]()
})

const trace = (id: string, ...args: readonly string[]): Promise<CliResult> =>
  cliInside(['trace', id, '--display', display, ...args])

async function send(id: string, type: string, more: Readonly<Record<string, string>> = {}): Promise<void> {
  const attributes = { 'ce-specversion': '1.0', 'ce-id': id, 'ce-source': '/shop', 'ce-type': type, ...more }
  const { status } = await fetch(`${ingress}/default/default`, { method: 'POST', headers: attributes })
  expect(status).toBe(202)
}

async function report(id: string, ...args: readonly string[]): Promise<Report> {
  const { status, stdout, stderr } = await trace(id, '-o', 'json', ...args)
  if (status !== 0) throw new Error(stdout + stderr)
  return JSON.parse(stdout) as Report
}

/** What became of it at one Trigger, when that is as wanted. */
async function fate(id: string, name: string, kind: string): Promise<Delivery['fate']> {
  return eventually(`${id} is ${kind} at ${name}`, async () => {
    const found = await report(id)
    const delivery = found.events[0]?.deliveries.find(({ of }) => of.name === name)
    if (delivery?.fate.kind === kind) return delivery.fate
    throw new Error(JSON.stringify(delivery?.fate ?? found))
  })
}

describe('millrace trace, of millrace dev', () => {
  test('delivered, and filtered by all others', async () => {
    await send('d1', 'order.created', { 'ce-color': 'red' })
    expect(await fate('d1', 'taken', 'delivered')).toMatchObject({ settled: { status: 204, attempts: 1 } })
    const [event] = (await report('d1')).events
    expect(event?.accepted?.broker.name).toBe('default')
    expect(Date.parse(event?.accepted?.at ?? '')).toBeGreaterThan(Date.now() - 60_000)
    expect(event?.place.topic).toBe('knative-broker-default-default')
    expect(event?.record.attributes).toMatchObject({ id: 'd1', source: '/shop', color: 'red' })
    const others = event?.deliveries.filter(({ of }) => of.name !== 'taken') ?? []
    expect(others).toHaveLength(triggers.length - 1)
    for (const { fate: other } of others) expect(other.kind).toBe('filtered')
    const { stdout } = await trace('d1')
    expect(stdout).toContain(
      'Trigger default/bills  not passed by its filter\n    filters[0].exact.type: "order.created" is not "bill.paid"\n',
    )
    expect(stdout).toMatch(
      /Trigger default\/taken {2}delivered\n +http:\/\/127\S+ answered 204 at \S+, at the first attempt, in \d+ ms\n/,
    )
  })

  test('delivered after it was retried', async () => {
    await send('f1', 'flaky')
    expect(await fate('f1', 'flaky', 'delivered')).toMatchObject({ settled: { status: 200, attempts: 3 } })
  })

  test('retried: how often, why, and when it is next', async () => {
    await send('r1', 'slow')
    const { pending } = await fate('r1', 'slow', 'retrying')
    expect(pending).toMatchObject({ attempts: 1, failure: { reason: expect.stringContaining('503') } })
    expect(Date.parse(pending?.nextAt ?? '')).toBeGreaterThan(Date.now())
    expect((await trace('r1')).stdout).toMatch(/slow {2}retried\n +1 attempt so far; the next one at \S+ \(in \w+\)/)
  })

  test('dead-lettered: to whom, and why', async () => {
    await send('l1', 'dead')
    const { settled } = await fate('l1', 'dead', 'deadLettered')
    expect(settled).toMatchObject({
      takenBy: expect.stringMatching(/^http:/),
      failure: { reason: expect.stringContaining('422') },
    })
  })

  test('parked: where, why, and what to do', async () => {
    await send('p1', 'parked')
    const { settled } = await fate('p1', 'parked', 'parked')
    expect(settled).toMatchObject({ failure: { reason: expect.stringContaining('422') } })
    expect((await trace('p1')).stdout).toMatch(
      /parked {2}parked\n +in topic knative-broker-default-default__parked at .*\n +Why: http:.*422.*\n +To do: .*docs\/delivery\.md/,
    )
  })

  test('dropped', async () => {
    await send('x1', 'dropped')
    expect(await fate('x1', 'dropped', 'dropped')).toMatchObject({
      settled: { failure: { reason: expect.stringContaining('422') } },
    })
  })

  test('replied: with what, and what became of that; both have the same id', async () => {
    await send('a1', 'ask')
    const { settled } = await fate('a1', 'asks', 'replied')
    expect(settled?.replies).toMatchObject([{ id: 'a1', source: '/classifier', type: 'ask.answered' }])
    await eventually('the reply is delivered', async () =>
      (await trace('a1', '--source', '/classifier')).stdout.includes('hears  delivered\n'),
    )
    const all = await report('a1')
    const followed = await report('a1', '--source', '/shop', '--follow')
    expect(all.events.map(({ record }) => record.attributes['source'])).toEqual(['/shop', '/classifier'])
    const asks = followed.events[0]?.deliveries.find(({ of }) => of.name === 'asks')
    const hears = asks?.replies?.[0]?.deliveries.find(({ of }) => of.name === 'hears')
    expect(hears?.fate.kind).toBe('delivered')
    expect((await trace('a1', '--follow')).stdout).toContain('└─ replied with a1, ask.answered of /classifier')
  })

  test('waits for one before it, where order is asked for', async () => {
    for (const id of ['o1', 'o2']) await send(id, 'in.order', { 'ce-partitionkey': 'k' })
    await fate('o1', 'ordered', 'retrying')
    const found = await report('o2')
    const kind = found.events[0]?.deliveries.find(({ of }) => of.name === 'ordered')?.fate.kind
    expect(['waiting', 'held']).toContain(kind)
    expect((await trace('o2')).stdout).toMatch(/ordered {2}waits/)
  })

  test('sent twice: both are told', async () => {
    for (let n = 0; n < 2; n += 1) await send('twice', 'order.created')
    await eventually('both are remembered', async () => (await report('twice')).events.length === 2)
  })

  test('refused at the ingress: with which answer, and what to do', async () => {
    const headers = { 'ce-specversion': '1.0', 'ce-id': 'no-type', 'ce-source': '/shop' }
    const [typeless, nowhere] = await Promise.all([
      fetch(`${ingress}/default/default`, { method: 'POST', headers }),
      fetch(`${ingress}/default/nix`, {
        method: 'POST',
        headers: { ...headers, 'ce-id': 'no-broker', 'ce-type': 'a' },
      }),
    ])
    expect([typeless.status, nowhere.status]).toEqual([400, 404])
    const { refused } = await eventually('it is remembered', async () => report('no-type'))
    expect(refused).toMatchObject([{ status: 400, code: 'MissingAttribute', path: '/default/default' }])
    expect((await trace('no-type')).stdout).toMatch(
      /^Event no-type {2}of \/shop {2}refused\n.*\n +400 MissingAttribute: .*\n +To do: Add the attribute/,
    )
    expect(await report('no-broker')).toMatchObject({
      refused: [{ status: 404, code: 'NotFound', path: '/default/nix' }],
    })
  })

  test('not there: where was looked', async () => {
    const { status, stdout, stderr } = await trace('nix')
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    expect(stderr).toMatch(/^No event nix was found in the millrace dev at http/)
    expect(stderr).toMatch(/millrace dev +dev +remembers from/)
    expect(stderr).toMatch(/knative-broker-default-default: from .*, [1-9]\d* records/)
  })

  test('after a restart it is all remembered; a Trigger that came later says so', async () => {
    await dev.stop()
    writeFileSync(manifests, [broker, ...triggers, trigger('young', 'order.created', 'takes')].join(''))
    await start(services)
    await dev.line('Trigger default/young Ready')
    expect(await fate('d1', 'taken', 'delivered')).toMatchObject({ settled: { status: 204, attempts: 1 } })
    expect(await fate('d1', 'young', 'later')).toMatchObject({ startedAt: expect.any(String) })
    expect(await fate('p1', 'parked', 'parked')).toMatchObject({ settled: { failure: expect.anything() } })
    expect((await report('no-type')).refused).toHaveLength(1)
  })

  test('without its memory the event is found in the log, a parked copy too, and the rest is said not to be known', async () => {
    await dev.stop()
    rmSync(join(data, 'lineage'), { recursive: true })
    await start(services)
    await fate('d1', 'taken', 'forgotten')
    await fate('p1', 'parked', 'foundParked')
    await fate('d1', 'bills', 'filtered')
    const { stdout } = await trace('d1')
    expect(stdout).toMatch(/accepted +\S+Z \(\w+ ago\), as the event says itself\n/)
    expect(stdout).toMatch(
      /taken {2}finished, no longer remembered\n.*\n +The memory of millrace dev, which has this partition, reaches back to/,
    )
    expect((await trace('p1')).stdout).toMatch(
      /in topic knative-broker-default-default__parked, partition 0, offset \d+.*\n +Why: http:/,
    )
  })
})
