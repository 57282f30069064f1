import { writeFileSync } from 'node:fs'
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { kinds } from '../../src/kube/kinds.ts'
import type { KubeClient } from '../../src/kube/client.ts'
import type { ApiAccess } from '../support/api-server.ts'
import { cli, type CliResult } from '../support/cli.ts'
import { cliInside } from '../support/cli-inside.ts'
import { broker, ControlPlaneRig, service, trigger, unique, type TestApi } from '../support/control-plane-rig.ts'
import { eventually } from '../support/eventually.ts'
import { kafkaBootstrap } from '../support/kafka.ts'
import { kubectl } from '../support/kubectl.ts'
import { millraceDev, ownFolder } from '../support/millrace.ts'
import { startKubeProxy } from '../support/kube-proxy.ts'
import { startChild } from '../support/child.ts'
import { createTopic, kafkaLog } from '../support/topics.ts'
import { deployment, envOf } from '../support/workloads.ts'

/** The command line on a real API server, beside a control plane with simulated workers. */
export function clusterCommandPromises(current: () => { readonly api: TestApi; readonly access: ApiAccess }): void {
  let server: ApiAccess
  let client: KubeClient
  let rig: ControlPlaneRig
  const ns = unique('commands')

  const on = (...args: string[]) => cliInside([...args, '--kubeconfig', server.kubeconfig])

  beforeAll(async () => {
    const real = current()
    server = real.access
    client = real.api.client
    rig = await ControlPlaneRig.start(real.api)
    rig.startPlane()
    await rig.createNamespace(ns)
    const [dispatcher] = await Promise.all([rig.worker('dispatcher'), rig.worker('ingress')])
    await rig.apply(service(ns))
    await rig.apply(service(ns, 'lost'))
    const deadLetterSink = { ref: { apiVersion: 'v1', kind: 'Service', name: 'lost' } }
    await rig.apply(broker(ns, 'default', { spec: { delivery: { deadLetterSink } } }))
    await rig.apply(trigger(ns, 'orders', { filters: [{ prefix: { type: 'order.' } }] }))
    const missing = { ref: { apiVersion: 'v1', kind: 'Service', name: 'missing' } }
    await rig.apply(trigger(ns, 'blocked', { subscriber: missing }))
    await rig.ready(kinds.trigger, ns, 'orders', 'True')
    await rig.ready(kinds.trigger, ns, 'blocked', 'False', 'ReferenceNotResolved')
    // It would write over what we say in its place.
    dispatcher.paused = true
    const outlet = (await client.list(kinds.outlet, {}, new AbortController().signal)).items[0]
    const lastDelivery = new Date(Date.now() - 5_000).toISOString()
    const last = { time: lastDelivery, fate: 'deadLettered', id: 'A-1', reason: 'answered 503' }
    const shares = { d: { rate: 4.2, lastDelivery, undelivered: { deadLettered: 3, last } } }
    const body = { status: { progress: { lag: 7 }, shares } }
    const at = { namespace: rig.system, name: outlet?.metadata.name ?? '' }
    await client.patch(kinds.outlet, at, { kind: 'merge', body }, new AbortController().signal, {
      subresource: 'status',
    })
    await eventually('the status of the Trigger says so', async () => {
      const { lag } = (await rig.status(kinds.trigger, ns, 'orders')) as { readonly lag?: number }
      return lag === 7
    })
  })

  afterAll(async () => {
    await rig?.[Symbol.asyncDispose]()
  })

  /** Ages grow between two looks. */
  const fields = (line = '') =>
    line
      .trim()
      .replace(/ \d+[ms]\S*/, ' 0s')
      .split(/ {2,}/)

  describe('millrace get', () => {
    test('prints the columns that kubectl prints', async () => {
      const [ours, theirs] = await Promise.all([
        cli(['get', 'triggers', '-n', ns, '--kubeconfig', server.kubeconfig]),
        kubectl(['get', 'triggers.eventing.knative.dev', '-n', ns], server),
      ])
      expect({ ...ours, stdout: ours.stdout.split('\n').map(fields) }).toEqual({
        status: 0,
        stderr: '',
        stdout: theirs.split('\n').map(fields),
      })
      expect(ours.stdout).toMatch(/^NAME +BROKER +SUBSCRIBER_URI +AGE +READY +REASON\n/)
    })

    test('all kinds, all namespaces, wide, without headers, in the system namespace', async () => {
      const [all, wide, bare, internal] = await Promise.all([
        on('get', 'all', '-A'),
        on('get', 'outlets', '-A', '-o', 'wide'),
        on('get', 'brokers', '-n', ns, '--no-headers'),
        on('get', 'workers', '-n', rig.system),
      ])
      expect(all.stdout).toMatch(
        new RegExp(`^NAMESPACE +NAME +URL.*\n${ns} +broker\\.eventing\\.knative\\.dev/default`),
      )
      expect(all.stdout).toMatch(new RegExp(`\n\nNAMESPACE.*\n${ns} +trigger\\.eventing\\.knative\\.dev/blocked`))
      expect(wide.stdout).toContain('GROUP')
      expect(bare.stdout).toMatch(/^default +http:/)
      expect(internal.stdout).toMatch(/dispatcher +dispatcher/)
    })

    test('one as itself and several as a List, without managedFields, in JSON and YAML', async () => {
      const [one, several, yaml, names] = await Promise.all([
        on('get', 'trigger', 'orders', '-n', ns, '-o', 'json'),
        on('get', 'triggers', '-n', ns, '-o', 'json'),
        on('get', 'trigger/orders', '-n', ns, '-o', 'yaml'),
        on('get', 'broker,triggers', '-n', ns, '-o', 'name'),
      ])
      const object = JSON.parse(one.stdout)
      expect(object).toMatchObject({ kind: 'Trigger', metadata: { name: 'orders' }, spec: { broker: 'default' } })
      expect(object.metadata.managedFields).toBeUndefined()
      const list = JSON.parse(several.stdout)
      expect(list).toMatchObject({ apiVersion: 'v1', kind: 'List' })
      expect(list.items.map((each: { metadata: { name: string } }) => each.metadata.name)).toEqual([
        'blocked',
        'orders',
      ])
      expect(parse(yaml.stdout)).toEqual(object)
      expect(names.stdout.trim().split('\n')).toEqual([
        'broker.eventing.knative.dev/default',
        'trigger.eventing.knative.dev/blocked',
        'trigger.eventing.knative.dev/orders',
      ])
    })

    test('says what there is not, and with which code it ends', async () => {
      const [none, labelled, wrong, missing] = await Promise.all([
        on('get', 'sinkbindings', '-n', 'default'),
        on('get', 'triggers', '-A', '-l', 'no=such'),
        on('get', 'triggers', '-n', ns, '-l', 'no=such=label'),
        on('get', 'trigger', 'orders', 'blocked', 'nix', '-n', ns),
      ])
      expect(wrong).toMatchObject({
        status: 2,
        stderr: expect.stringMatching(/^error: --selector no=such=label: .*app=shop/),
      })
      expect(labelled).toEqual({ status: 0, stdout: '', stderr: 'There are no triggers with labels no=such.\n' })
      expect(none).toEqual({
        status: 0,
        stdout: '',
        stderr: 'There are no sinkbindings in namespace default. Other namespaces: -A\n',
      })
      expect(missing.status).toBe(1)
      expect(missing.stdout).toMatch(/^NAME .*\norders .*\nblocked .*\n$/)
      expect(missing.stderr).toBe(
        `error: Trigger ${ns}/nix does not exist; those that do: millrace get triggers -n ${ns}\n`,
      )
    })

    test('watches: rows and objects come as they change', async () => {
      const name = unique('watched')
      const main = join(import.meta.dirname, '..', '..', 'src', 'main.ts')
      const flags = ['-n', ns, '--kubeconfig', server.kubeconfig, '-w']
      await using table = startChild(main, ['get', 'brokers', ...flags])
      await using json = startChild(main, ['get', 'brokers', ...flags, '-o', 'json'])
      await Promise.all([table.line('default'), json.line('{')])
      await rig.apply(broker(ns, name))
      await eventually('the table shows it Ready', () =>
        table.lines.some((line) => line.startsWith(name) && line.includes('True')),
      )
      await eventually('and so do the objects', () =>
        json.lines.some(
          (line) => JSON.parse(line).status?.conditions?.some(isReady) && JSON.parse(line).metadata.name === name,
        ),
      )
      table.signal('SIGINT')
      expect(await table.exited).toBe(0)
      await rig.delete(kinds.broker, ns, name)
      await rig.gone(kinds.broker, ns, name)
    })
  })

  const isReady = ({ type, status }: { type: string; status: string }) => type === 'Ready' && status === 'True'

  describe('millrace describe', () => {
    test('says what blocks a Trigger and what to do', async () => {
      const { status, stdout } = await on('describe', 'trigger', 'blocked', '-n', ns, '--system-namespace', rig.system)
      expect(status).toBe(0)
      expect(stdout).toContain(`Trigger ${ns}/blocked\nIt is not Ready: ReferenceNotResolved.\n\nWhat blocks it\n`)
      expect(stdout).toContain('  SubscriberResolved: ReferenceNotResolved\n')
      expect(stdout).toContain(`Service ${ns}/missing does not exist`)
      expect(stdout).toMatch(/To do: Apply what it refers to, or correct the reference/)
      expect(stdout).toMatch(/\n {2}yes +BrokerReady +\d+[sm] +Its Broker is Ready\n/)
      expect(stdout).toMatch(/\n {2}no +SubscriberResolved +\d+[sm] +Its subscriber has an address\n/)
      expect(stdout).toMatch(new RegExp(`\n  Broker +${ns}/default +Ready\n`))
      expect(stdout).toMatch(/\nEvents\n {2}\d+[sm] ago +Warning +ReferenceNotResolved/)
    })

    test('says of a Ready one what belongs to it, and how far it is', async () => {
      const { stdout } = await on('describe', 'trigger/orders', '-n', ns, '--system-namespace', rig.system)
      expect(stdout).toContain('It is Ready: it works.')
      expect(stdout).not.toContain('What blocks it')
      expect(stdout).toMatch(/\n {2}Outlet +\S+ +consuming, 7 waiting, last delivery \d+ (s|min) ago\n/)
      expect(stdout).toMatch(/\nDeliveries\n {2}Waiting +7 +records\n {2}Rate +0 +deliveries a second/)
      expect(stdout).toMatch(/\n {2}Last delivery +\d+[sm] ago\n {2}Dead letters +3 +the dead letter sink has them/)
      expect(stdout).toMatch(/\n {2}Last of these +\d+[sm] ago +A-1, answered 503 \(millrace trace ID -n /)
      expect(stdout).toMatch(/\n {2}\d+[sm] ago +Warning +DeadLettered +3 events could not be delivered/)
      expect(stdout).toMatch(new RegExp(`\n  Topic +knative-broker-${ns}-default +at kafka`))
      expect(stdout).toMatch(new RegExp(`\n  Group +knative-trigger-${ns}-orders\n`))
    })

    test('the same for machines, and for who may not look at Outlets', async () => {
      const [json, limited] = await Promise.all([
        on('describe', 'broker', 'default', '-n', ns, '-o', 'json', '--system-namespace', rig.system),
        asViewer('describe', 'trigger', 'orders', '-n', ns),
      ])
      expect(JSON.parse(json.stdout)).toMatchObject({
        kind: 'Broker',
        ready: 'True',
        blockedBy: [],
        related: expect.arrayContaining([
          { role: 'Topic', name: `knative-broker-${ns}-default`, state: '10 partitions' },
          { role: 'Trigger', name: `${ns}/orders`, state: 'Ready, 7 waiting' },
        ]),
      })
      expect(limited.status).toBe(0)
      expect(limited.stdout).toContain('you may not look at Outlets')
      expect(limited.stdout).toMatch(/\n {2}Waiting +7 /)
    })

    test('names those that there are when it does not exist', async () => {
      expect(await on('describe', 'broker', 'nix', '-n', ns)).toEqual({
        status: 1,
        stdout: '',
        stderr: `error: Broker ${ns}/nix does not exist; those that do: millrace get brokers -n ${ns}\n`,
      })
    })
  })

  describe('millrace tree', () => {
    test('shows the way of events, how each is, and how many wait', async () => {
      const { status, stdout } = await on('tree', '-n', ns, '--system-namespace', rig.system)
      expect(status).toBe(0)
      const url = `http://kafka-broker-ingress.${rig.system}.svc.cluster.local/${ns}/default`
      const lines = stdout.split('\n')
      expect(lines[0]).toBe(`Broker ${ns}/default  Ready  ${url}`)
      expect(lines[1]).toMatch(
        /^├─ Trigger blocked {2}all events {2}not Ready: ReferenceNotResolved: spec\.subscriber: /,
      )
      expect(lines.slice(2, 6)).toEqual([
        `│  └─ to Service ${ns}/missing`,
        '├─ Trigger orders  type^=order.  Ready  7 waiting, 4.2/s',
        `│  └─ to Service ${ns}/my-service  http://my-service.${ns}.svc.cluster.local`,
        `└─ dead letters to Service ${ns}/lost  http://lost.${ns}.svc.cluster.local`,
      ])
    })

    test('for machines, and without rights to look at Outlets', async () => {
      const [json, limited] = await Promise.all([
        on('tree', '-A', '-o', 'json', '--system-namespace', rig.system),
        asViewer('tree', '-n', ns),
      ])
      const { brokers } = JSON.parse(json.stdout)
      const ours = brokers.find((each: { namespace: string }) => each.namespace === ns)
      expect(ours.triggers[1]).toMatchObject({ name: 'orders', ready: 'True', lag: 7, filter: 'type^=order.' })
      expect(limited.stdout).toContain('├─ Trigger orders  type^=order.  Ready  7 waiting\n')
      expect(limited.stdout).toContain('(you may not look at Outlets')
    })
  })

  describe('millrace bind', () => {
    const to = (...args: string[]) => on('bind', 'deployment/app', 'broker/default', '-n', ns, ...args)
    const app = async () => envOf(await rig.get(kinds.deployment, ns, 'app'))

    test('gives a Deployment K_SINK, says so, changes nothing when run again, and takes it away', async () => {
      await rig.apply(deployment(ns, 'app'))
      const url = `http://kafka-broker-ingress.${rig.system}.svc.cluster.local/${ns}/default`
      expect(await to()).toEqual({
        status: 0,
        stderr: '',
        stdout:
          `SinkBinding ${ns}/app-to-default made: Deployment app → Broker ${ns}/default\n` +
          `Ready: Deployment app, 1 workload has K_SINK=${url}\n`,
      })
      expect((await app())['K_SINK']).toBe(url)
      expect((await to('--no-wait')).stdout).toContain('app-to-default unchanged')
      expect((await on('tree', '-n', ns)).stdout).toContain(
        `├─ from Deployment app (SinkBinding ${ns}/app-to-default)  Ready\n`,
      )
      expect((await on('bind', 'job/app', 'broker/default', '-n', ns)).stderr).toBe(
        `error: SinkBinding ${ns}/app-to-default is there already and binds Deployment app: choose another name with --name\n`,
      )
      expect((await to('--name', 'second')).stderr).toMatch(
        /^error: SinkBinding \S+\/second is not Ready: Conflict: .*\nTo do: Delete one of the two SinkBindings/,
      )
      expect((await to('--name', 'second', '--remove')).status).toBe(0)
      const removed = await to('--remove')
      expect(removed).toMatchObject({ status: 0, stdout: expect.stringContaining('app-to-default removed') })
      expect(await app()).toEqual({})
      expect(await to('--remove')).toMatchObject({ status: 1, stderr: expect.stringContaining('does not exist') })
    })

    test('goes on when somebody writes the SinkBinding between its look and its write', async () => {
      await rig.apply(deployment(ns, 'raced'))
      const raced = ['bind', 'deployment/raced', 'broker/default', '-n', ns]
      expect((await on(...raced, '--no-wait')).status).toBe(0)
      let writes = 0
      const meddle = async ({ method }: IncomingMessage): Promise<void> => {
        if (method !== 'PATCH' || (writes += 1) > 2) return
        const body = { metadata: { labels: { written: String(writes) } } }
        const key = { namespace: ns, name: 'raced-to-default' }
        await client.patch(kinds.sinkBinding, key, { kind: 'merge', body }, new AbortController().signal)
      }
      await using proxy = await startKubeProxy(server)
      await using front = await startFront({
        api: proxy.access.server,
        ingress: '',
        system: rig.system,
        before: meddle,
      })
      const again = await cliInside([...raced, '--path', '/in', '--no-wait', '--kubeconfig', kubeconfigFor(front.url)])
      expect(again).toMatchObject({
        status: 0,
        stderr: '',
        stdout: expect.stringContaining('raced-to-default changed'),
      })
      expect(writes).toBe(3)
      expect((await on(...raced, '--remove')).status).toBe(0)
    })

    test('--dry-run prints what kubectl takes, and asks the server or nobody', async () => {
      const { stdout } = await cliInside([
        'bind',
        'deployment',
        '-l',
        'app=shop,tier=web',
        'service/archive',
        '--path',
        '/in',
        '--env-prefix',
        'A_',
        '--ce-override',
        'tenant=x',
        '--dry-run',
        'client',
        '-o',
        'yaml',
        '-n',
        ns,
      ])
      expect(parse(stdout)).toEqual({
        apiVersion: 'sources.knative.dev/v1',
        kind: 'SinkBinding',
        metadata: {
          name: 'deployment-shop-web-to-archive',
          namespace: ns,
          annotations: { 'sources.millrace.dev/env-prefix': 'A_' },
        },
        spec: {
          subject: {
            apiVersion: 'apps/v1',
            kind: 'Deployment',
            selector: { matchLabels: { app: 'shop', tier: 'web' } },
          },
          sink: { ref: { apiVersion: 'v1', kind: 'Service', name: 'archive' }, uri: '/in' },
          ceOverrides: { extensions: { tenant: 'x' } },
        },
      })
      const judged = await kubectl(['apply', '--dry-run=server', '-f', '-'], {
        kubeconfig: server.kubeconfig,
        stdin: stdout,
      })
      expect(judged).toContain('created (server dry run)')
      expect(await to('--dry-run', 'server', '-o', 'name')).toMatchObject({
        status: 0,
        stdout: 'sinkbinding.sources.knative.dev/app-to-default\n',
      })
      expect(await rig.get(kinds.sinkBinding, ns, 'app-to-default')).toBeNull()
    })
  })

  describe('millrace send, into a cluster', () => {
    test('reaches a Broker through the API server, and says another way when that is not allowed', async () => {
      const folder = ownFolder()
      writeFileSync(
        join(folder, 'broker.yaml'),
        `apiVersion: eventing.knative.dev/v1\nkind: Broker\nmetadata: {name: default, namespace: ${ns}}\n`,
      )
      await using dev = millraceDev(join(folder, 'data'), '-f', folder)
      const ingress = /http:\S+:\d+/.exec(await dev.line('  ingress'))?.[0] ?? ''
      await dev.line(`Broker ${ns}/default Ready`)
      await using proxy = await startKubeProxy(server)
      await using front = await startFront({ api: proxy.access.server, ingress, system: rig.system })
      const through = (...args: string[]) =>
        cli([
          'send',
          'default',
          '-n',
          ns,
          '--kubeconfig',
          kubeconfigFor(front.url),
          '--type',
          'order.created',
          '--id',
          '7',
          ...args,
        ])
      expect(await through('-d', '{"a":1.0}')).toEqual({
        status: 0,
        stderr: '',
        stdout: `202 Accepted  event 7 to Broker ${ns}/default, through the API server\n`,
      })
      expect(front.seen.at(-1)).toMatchObject({
        'ce-id': '7',
        'ce-type': 'order.created',
        'content-type': 'application/json',
      })
      front.refuse()
      const { status, stderr } = await through()
      expect(status).toBe(1)
      expect(stderr).toContain('403 Forbidden  event 7')
      expect(stderr).toContain(`You may not use services/proxy in namespace ${rig.system}.`)
      expect(stderr).toContain(`kubectl port-forward -n ${rig.system} service/kafka-broker-ingress 8081:80`)
      expect(stderr).toContain(`--url http://127.0.0.1:8081/${ns}/default`)
    })

    test('says what the API server says when there is no ingress, and why a Broker has no address', async () => {
      const [noIngress, unknown] = await Promise.all([
        on('send', 'default', '-n', ns, '--type', 'a'),
        on('send', 'nix', '-n', ns, '--type', 'a'),
      ])
      expect(noIngress).toMatchObject({ status: 1, stderr: expect.stringContaining('not found') })
      expect(unknown).toMatchObject({
        status: 1,
        stderr: `error: Broker ${ns}/nix does not exist; those that do: millrace get brokers -A\n`,
      })
    })
  })

  describe('millrace tail, of a cluster', () => {
    test('has the topic and the filter of a Trigger from the cluster, and reads Kafka itself', async () => {
      const kafka = kafkaBootstrap()
      const topic = await createTopic(kafka, { name: `knative-broker-${ns}-default`, partitions: 1 })
      await using log = kafkaLog(kafka)
      const appender = log.appender()
      for (const [id, type] of [
        ['1', 'bill.paid'],
        ['2', 'order.created'],
      ]) {
        const attributes = { ce_specversion: '1.0', ce_id: id, ce_source: '/shop', ce_type: type }
        const headers = Object.entries(attributes).map(([name, value = '']) => [name, Buffer.from(value)] as const)
        await appender.append({ topic, key: null, value: null, headers })
      }
      await appender.close(1_000)
      const flags = ['--kafka', kafka, '-n', ns, '--since', '1h', '--max', '1', '-o', 'json']
      const [trigger, broker, none] = await Promise.all([
        on('tail', 'trigger/orders', ...flags),
        on('tail', 'broker/default', ...flags),
        on('tail', 'broker/nix', ...flags),
      ])
      expect(JSON.parse(trigger.stdout)).toMatchObject({ topic, offset: '1', attributes: { id: '2' } })
      expect(JSON.parse(broker.stdout)).toMatchObject({ topic, offset: '0', attributes: { id: '1' } })
      expect(none).toMatchObject({ status: 1, stderr: expect.stringContaining(`Broker ${ns}/nix does not exist`) })
    })
  })

  describe('a cluster that is not as it should be', () => {
    test('without our kinds, away, or with another context', async () => {
      await using proxy = await startKubeProxy(server)
      const kubeconfig = kubeconfigFor(proxy.access.server)
      proxy.arrange({ path: /brokers/ }, { status: 404, message: 'the server could not find the requested resource' })
      const [none, away, context, forbidden] = await Promise.all([
        cliInside(['get', 'brokers', '--kubeconfig', kubeconfig]),
        cliInside(['get', 'brokers', '--kubeconfig', kubeconfigFor('http://127.0.0.1:1')]),
        on('get', 'brokers', '--context', 'nix'),
        asViewer('get', 'workers'),
      ])
      expect(none).toMatchObject({
        status: 1,
        stderr: expect.stringContaining(
          'this cluster has no kind Broker (brokers.eventing.knative.dev): Millrace is not installed there',
        ),
      })
      expect(away).toMatchObject({
        status: 1,
        stderr: expect.stringContaining('Is the cluster at http://127.0.0.1:1 up? Choose another with --context'),
      })
      expect(context).toMatchObject({
        status: 1,
        stderr: expect.stringContaining('there is no context "nix"; it has '),
      })
      expect(forbidden).toMatchObject({
        status: 1,
        stderr: expect.stringContaining('Ask an administrator for the ClusterRole view'),
      })
    })
  })

  describe('completion asks the cluster', () => {
    test.each([
      [
        ['get', 'triggers', '-n', ns, ''],
        ['blocked', 'orders'],
      ],
      [['describe', 'trigger', '-n', ns, 'or'], ['orders']],
      [['tail', '-n', ns, 'trigger/b'], ['trigger/blocked']],
      [['tree', '--namespace', ns.slice(0, -1)], [ns]],
    ])('%j', async (words, expected) => {
      const { stdout } = await cli(['__complete', '--', ...words], { env: { KUBECONFIG: server.kubeconfig } })
      expect(stdout.trim().split('\n')).toEqual(expected)
    })
  })

  /** As somebody who may view the namespace, and nothing else. */
  async function asViewer(...args: string[]): Promise<CliResult> {
    await viewer
    const token = await kubectl(['create', 'token', 'viewer', '-n', ns], server)
    return cliInside([...args, '--kubeconfig', kubeconfigFor(server.url, token.trim())])
  }

  let viewer: Promise<void> | undefined
  beforeAll(() => (viewer ??= makeViewer()))

  async function makeViewer(): Promise<void> {
    const rules = [
      {
        apiGroups: ['eventing.knative.dev', 'sources.knative.dev', ''],
        resources: ['*'],
        verbs: ['get', 'list', 'watch'],
      },
    ]
    const role = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'viewer', namespace: ns },
      rules,
    }
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'viewer' }
    const subjects = [{ kind: 'ServiceAccount', name: 'viewer', namespace: ns }]
    const binding = { ...role, kind: 'RoleBinding', rules: undefined, roleRef, subjects }
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: role.metadata }
    const stdin = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [account, role, binding] })
    await kubectl(['apply', '-f', '-'], { kubeconfig: server.kubeconfig, stdin })
  }

  function kubeconfigFor(url: string, token?: string): string {
    const file = join(ownFolder(), 'kubeconfig')
    const cluster = {
      server: url,
      ...(url.startsWith('https')
        ? { 'certificate-authority-data': Buffer.from(server.ca).toString('base64') }
        : { 'insecure-skip-tls-verify': true }),
    }
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'a',
      contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
      clusters: [{ name: 'a', cluster }],
      users: [{ name: 'a', user: token === undefined ? {} : { token } }],
    }
    writeFileSync(file, JSON.stringify(config))
    return file
  }
}

interface Front {
  readonly api: string
  readonly ingress: string
  readonly system: string
  /** Done before a request is passed on. */
  readonly before?: (request: IncomingMessage) => Promise<void>
}

/** In front of an API server whose cluster has no network of pods: the proxy of the ingress Service leads to a `millrace dev`. */
async function startFront({ api, ingress, system, before }: Front) {
  const prefix = `/api/v1/namespaces/${system}/services/kafka-broker-ingress:80/proxy`
  const seen: IncomingMessage['headers'][] = []
  let refused = false
  const pass = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const { url = '/', method, headers } = req
    await before?.(req)
    if (url.startsWith(prefix) && refused) return forbid(res)
    if (url.startsWith(prefix)) seen.push(headers)
    const to = url.startsWith(prefix) ? `${ingress}${url.slice(prefix.length)}` : `${api}${url}`
    const passed = request(to, { method, headers }, (answer) => {
      res.writeHead(answer.statusCode ?? 500, answer.statusMessage, answer.headers)
      answer.pipe(res)
    })
    req.pipe(passed)
  }
  const server = createServer((req, res) => void pass(req, res))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    refuse: () => void (refused = true),
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function forbid(res: ServerResponse): void {
  const status = {
    kind: 'Status',
    apiVersion: 'v1',
    status: 'Failure',
    reason: 'Forbidden',
    code: 403,
    message: 'services "kafka-broker-ingress:80" is forbidden',
  }
  res.writeHead(403, { 'content-type': 'application/json' }).end(JSON.stringify(status))
}
