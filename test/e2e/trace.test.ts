import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cli, type CliResult } from '../support/cli.ts'
import { eventually } from '../support/eventually.ts'
import { ownFolder } from '../support/millrace.ts'
import { deployTestApp, type TestApp } from './support/app.ts'
import {
  addressOf,
  apply,
  cluster,
  createNamespace,
  get,
  kubectl,
  systemNamespace,
  waitFor,
  type TestNamespace,
} from './support/kube.ts'
import { killPod } from './support/machine.ts'
import { installMillrace, pods } from './support/millrace.ts'

/** What `trace -o json` says of an event, as far as it is read here. */
interface Report {
  readonly events: readonly {
    readonly place: { readonly partition: number; readonly offset: number }
    readonly accepted?: { readonly worker: string }
    readonly deliveries: readonly {
      readonly of: { readonly name: string }
      readonly worker: string
      readonly fate: {
        readonly kind: string
        readonly settled?: { readonly status: number; readonly attempts: number }
      }
    }[]
  }[]
  readonly silent: readonly object[]
}

let namespace: TestNamespace
let app: TestApp
let url: string

const trigger = (name: string, type: string, path = '/'): object => ({
  apiVersion: 'eventing.knative.dev/v1',
  kind: 'Trigger',
  metadata: { name },
  spec: {
    broker: 'default',
    filters: [{ prefix: { type } }],
    subscriber: { ref: { apiVersion: 'v1', kind: 'Service', name: 'recorder' }, uri: path },
  },
})

beforeAll(async () => {
  await installMillrace()
  namespace = await createNamespace('trace')
  const { name } = namespace
  await apply([{ apiVersion: 'eventing.knative.dev/v1', kind: 'Broker', metadata: { name: 'default' } }], name)
  await apply([trigger('taken', 'order.'), trigger('other', 'bill.')], name)
  app = await deployTestApp(name)
  url = addressOf(await waitFor('broker', 'default', 'Ready', { namespace: name }))
  for (const each of ['taken', 'other']) await waitFor('trigger', each, 'Ready', { namespace: name })
})
afterAll(() => namespace?.[Symbol.asyncDispose]())

const trace = (id: string, ...args: readonly string[]): Promise<CliResult> =>
  cli(['trace', id, '--kubeconfig', cluster().kubeconfig, '-n', namespace.name, ...args])

async function reportOf(id: string): Promise<Report> {
  const { stdout, stderr, status } = await trace(id, '-o', 'json')
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as Report
}

/** Sends one event of this type and gives its id. */
async function send(prefix: string, type: string): Promise<string> {
  const outcome = await app.send({ url, count: 1, prefix, type })
  expect(outcome.statuses).toEqual({ '202': 1 })
  return `${prefix}-0`
}

describe('trace, through the API server', () => {
  it('tells who accepted an event, where it stands, and what became of it at each Trigger', async () => {
    const id = await send('first', 'order.created')
    const report = await eventually('it is delivered', async () => {
      const found = await reportOf(id)
      return found.events[0]?.deliveries.some(({ fate }) => fate.kind === 'delivered') === true ? found : null
    })
    expect(report.silent).toEqual([])
    expect(report.events).toHaveLength(1)
    expect(await pods('ingress')).toContain(report.events[0]?.accepted?.worker)
    expect(report.events[0]?.deliveries).toMatchObject([
      { of: { name: 'other' }, fate: { kind: 'filtered' } },
      { of: { name: 'taken' }, fate: { kind: 'delivered', settled: { status: 202, attempts: 1 } } },
    ])
    const { stdout } = await trace(id)
    expect(stdout).toMatch(/Trigger \S+\/other {2}not passed by its filter\n +filters\[0\]\.prefix\.type: /)
  })

  it('tells why one is parked', async () => {
    await app.behave({ status: 422 })
    const id = await send('parked', 'order.created')
    await eventually('it is parked', async () => (await trace(id)).stdout.includes('taken  parked\n'))
    await app.behave({})
    const { stdout } = await trace(id)
    expect(stdout).toMatch(/in topic \S+__parked at .*\n +Why: http:\/\/recorder\S+: .*422/)
  })

  it.skipIf(!cluster().ours)('remembers after kill -9 of the dispatcher that delivered it', async () => {
    const id = await send('killed', 'order.created')
    const deliveryOf = ({ events }: Report) => events[0]?.deliveries.find(({ of }) => of.name === 'taken')
    const before = await eventually('it is delivered', async () => {
      const delivery = deliveryOf(await reportOf(id))
      return delivery?.fate.kind === 'delivered' ? delivery : null
    })
    // What is remembered is on the disk after a second at most.
    const delivered = Date.now()
    await eventually('it is on the disk', () => Date.now() - delivered > 2_000)
    const restarts = await restartsOf(before.worker)
    await killPod(before.worker)
    await eventually('the container is there again', async () => (await restartsOf(before.worker)) > restarts)
    await waitFor('pod', before.worker, 'Ready', { namespace: systemNamespace })
    await eventually('it is told as before', async () => {
      const delivery = deliveryOf(await reportOf(id))
      expect(delivery?.fate).toEqual(before.fate)
      return true
    })
  })

  it('says of one that was never sent where it was looked', async () => {
    const { status, stderr } = await trace('never-sent')
    expect(status).toBe(1)
    expect(stderr).toContain('No event never-sent was found in the cluster at https://')
    expect(stderr).toMatch(new RegExp(`knative-broker-${namespace.name}-default: from .*, \\d+ records`))
    for (const pod of [...(await pods('ingress')), ...(await pods('dispatcher'))]) expect(stderr).toContain(pod)
  })

  it('takes the ClusterRole millrace-trace in the system namespace, and nothing else', async () => {
    const { name } = namespace
    const id = await send('rights', 'order.created')
    await kubectl('create', 'serviceaccount', 'sre', '-n', name)
    const kubeconfig = await kubeconfigOf('sre', name)
    const before = await cli(['trace', id, '--kubeconfig', kubeconfig])
    expect(before).toMatchObject({ status: 1, stderr: expect.stringContaining('the ClusterRole millrace-trace') })

    const binding = `trace-${name}`
    const role = ['--clusterrole=millrace-trace', `--serviceaccount=${name}:sre`]
    await kubectl('create', 'rolebinding', binding, '-n', systemNamespace, ...role)
    try {
      const after = await eventually('the binding is in force', async () => {
        const result = await cli(['trace', id, '--kubeconfig', kubeconfig])
        return result.status === 0 ? result : null
      })
      expect(after.stderr).toBe('')
      expect(after.stdout).toMatch(/Trigger \S+\/taken {2}/)
      expect(after.stdout).not.toContain('could not be asked')
    } finally {
      await kubectl('delete', 'rolebinding', binding, '-n', systemNamespace)
    }
  })
})

async function restartsOf(pod: string): Promise<number> {
  const found = await get('pod', pod, systemNamespace)
  const statuses = (found?.status?.['containerStatuses'] ?? []) as { readonly restartCount: number }[]
  return statuses[0]?.restartCount ?? 0
}

/** A kubeconfig of a service account, for this cluster. */
async function kubeconfigOf(account: string, of: string): Promise<string> {
  const token = (await kubectl('create', 'token', account, '-n', of)).trim()
  const view = await kubectl('config', 'view', '--raw', '--minify', '--flatten', '-o', 'json')
  const { clusters } = JSON.parse(view) as { readonly clusters: readonly { readonly cluster: object }[] }
  const file = join(ownFolder(), 'kubeconfig')
  const config = {
    'current-context': 'c',
    clusters: [{ name: 'c', cluster: clusters[0]?.cluster }],
    users: [{ name: 'u', user: { token } }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u', namespace: of } }],
  }
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 })
  return file
}
