import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Outlet } from '../../src/contract/outlet.ts'
import type { Child } from '../support/child.ts'
import { cliInside } from '../support/cli-inside.ts'
import { eventually } from '../support/eventually.ts'
import { kafkaBootstrap, uniqueTopic } from '../support/kafka.ts'
import { inletOn, millrace, outletOn, ownFolder, RoutesFile } from '../support/millrace.ts'
import { startRecorder, type Recorder } from '../support/recorder.ts'
import { createTopic } from '../support/topics.ts'

/** Workers on a real Kafka, asked as those of a cluster are: through an API server, which here has no cluster behind it. */

vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 })
const patience = { withinMs: 90_000, everyMs: 250 }

const topic = uniqueTopic()
const token = 'only who may'
const folder = ownFolder()
const tokenFile = join(folder, 'token')
const kubeconfig = join(folder, 'kubeconfig')
/** Where each pod tells what it remembers. */
const told = new Map<string, string>()
const workers = new Map<string, Child>()

let recorder: Recorder
let outlets: readonly Outlet[]
let routes: RoutesFile
let server: Server
let ingress: string

const pod = (name: string) => ({
  metadata: {
    ...{ name, namespace: 'knative-eventing', uid: name, resourceVersion: '1' },
    labels: { 'app.kubernetes.io/component': name.startsWith('ingress') ? 'ingress' : 'dispatcher' },
  },
  status: { phase: 'Running' },
})

/** Pods, the Secret, and the way to pods; of all other kinds there is nothing. */
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, search } = new URL(request.url ?? '', 'http://x')
  const [, name = '', path] = /\/pods\/([^/:]+):9090\/proxy(\/.*)$/.exec(pathname) ?? []
  if (path !== undefined) {
    const headers = { 'x-millrace-token': String(request.headers['x-millrace-token']) }
    const asked = await fetch(`${told.get(name)}${path}${search}`, { headers }).catch(() => null)
    if (asked === null) {
      response.writeHead(503).end(JSON.stringify({ kind: 'Status', code: 503, message: `dial ${name}: refused` }))
    } else response.writeHead(asked.status).end(await asked.text())
    return
  }
  const data = { token: Buffer.from(token).toString('base64') }
  const items = pathname.endsWith('/pods') ? [...told.keys()].map(pod) : []
  const body = pathname.includes('/secrets/') ? { metadata: {}, data } : { metadata: { resourceVersion: '1' }, items }
  response.end(JSON.stringify(body))
}

/** What it remembers, as far as that is on the disk. */
function journalOf(worker: string): Buffer {
  const files = readdirSync(join(folder, worker), { recursive: true, encoding: 'utf8' })
  return Buffer.concat(
    files.filter((name) => name.endsWith('.journal')).map((name) => readFileSync(join(folder, worker, name))),
  )
}

async function start(name: string, command: 'ingress' | 'dispatcher'): Promise<Child> {
  const lineage = ['--lineage', join(folder, name), '--lineage-token-file', tokenFile, '--metrics-port', '0']
  const common = ['--routes', routes.path, '--kafka', kafkaBootstrap(), ...lineage]
  const own =
    command === 'ingress'
      ? ['--port', '0']
      : ['--instance', name, '--group', `${topic}-fleet`, '--data', join(folder, `${name}-data`)]
  const child = millrace(command, ...common, ...own)
  workers.set(name, child)
  const line = await child.line('metrics ')
  told.set(name, new URL(line.slice('metrics '.length)).origin)
  return child
}

beforeAll(async () => {
  writeFileSync(tokenFile, token)
  await createTopic(kafkaBootstrap(), { name: topic, partitions: 4 })
  recorder = await startRecorder((_, id) => ({ status: id.startsWith('bad') ? 422 : 200 }))
  const source = (name: string) => ({ kind: 'Trigger', namespace: 'test', name })
  outlets = [
    outletOn(topic, recorder.url, { source: source('all') }),
    outletOn(topic, recorder.url, { source: source('bills'), filter: { all: [{ exact: { type: 'bill.paid' } }] } }),
  ]
  routes = new RoutesFile({ inlets: [inletOn(topic)], outlets })
  server = createServer((request, response) => void answer(request, response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const config = {
    'current-context': 'c',
    clusters: [{ name: 'c', cluster: { server: `http://127.0.0.1:${(server.address() as AddressInfo).port}` } }],
    users: [{ name: 'u', user: {} }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u', namespace: 'test' } }],
  }
  writeFileSync(kubeconfig, JSON.stringify(config))
  const [child] = await Promise.all([
    start('ingress-0', 'ingress'),
    start('dispatcher-0', 'dispatcher'),
    start('dispatcher-1', 'dispatcher'),
  ])
  ingress = `${(await child.line('ingress ')).slice('ingress '.length)}/test/default`
})
afterAll(async () => {
  await Promise.all([...workers.values()].map((child) => child.stop()))
  await recorder?.[Symbol.asyncDispose]()
  server?.closeAllConnections()
  server?.close()
})

async function send(id: string): Promise<void> {
  const headers = { 'ce-specversion': '1.0', 'ce-id': id, 'ce-source': '/shop', 'ce-type': 'order.created' }
  await eventually(
    `${id} is accepted`,
    async () => (await fetch(ingress, { method: 'POST', headers })).status === 202,
    patience,
  )
}
const trace = (id: string, ...args: readonly string[]) => cliInside(['trace', id, '--kubeconfig', kubeconfig, ...args])

/** What is printed, when it says that. */
async function says(id: string, words: RegExp, ...args: readonly string[]): Promise<string> {
  return eventually(
    `${id}: ${words.source}`,
    async () => {
      const { stdout, stderr } = await trace(id, ...args)
      if (words.test(stdout)) return stdout
      throw new Error(stdout + stderr)
    },
    patience,
  )
}

test('an ingress and two dispatchers are asked; what one did is remembered after it was killed', async () => {
  await send('one')
  const before = await says('one', /Trigger test\/all {2}delivered\n.* answered 200/)
  expect(before).toContain('by Broker test/default, in ingress-0\n')
  expect(before).toMatch(/Trigger test\/bills {2}not passed by its filter\n +filters\[0\]\.exact\.type: /)
  expect(before).not.toContain('could not be asked')

  const report = JSON.parse((await trace('one', '-o', 'json')).stdout)
  const { worker } = report.events[0].deliveries.find((each: { of: { name: string } }) => each.of.name === 'all')
  const victim = workers.get(worker)
  // after a second, or later on a slow machine: a block that has entries names their topic
  await eventually('it is on the disk', () => journalOf(worker).includes(topic), patience)
  victim?.signal('SIGKILL')
  await victim?.exited

  const without = await trace('one')
  expect(without.status).toBe(0)
  expect(without.stdout).toContain(`  ${worker}: dial ${worker}: refused`)
  await start(worker, 'dispatcher')
  const fate = (text: string) => /Trigger test\/all.*\n.*/.exec(text)?.[0]
  expect(fate(await says('one', /Trigger test\/all {2}delivered\n/))).toBe(fate(before))
})

test('parked, with why; and who does not show the token is told nothing', async () => {
  await send('bad-one')
  const parked = await says('bad-one', /Trigger test\/all {2}parked\n/)
  expect(parked).toMatch(new RegExp(`in topic ${topic}__parked at .*\n +Why: http:.*422`))
  const asked = await fetch(`${told.get('dispatcher-0')}/lineage?id=one`, { headers: { 'x-millrace-token': 'other' } })
  expect(asked.status).toBe(403)
})

test('a record that no worker has to do with any more is found in Kafka, by its topic', async () => {
  const { status, stderr } = await trace('nix', '--topic', topic)
  expect(status).toBe(1)
  expect(stderr).toMatch(new RegExp(`${topic}: from .*, [1-9]\\d* records?`))
})
