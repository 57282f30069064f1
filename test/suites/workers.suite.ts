import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { WorkersSummary } from '../../src/control-plane/workers/reconciler.ts'
import type { KafkaCluster } from '../../src/contract/source.ts'
import { findSelf } from '../../src/control-plane/workers/self.ts'
import { startWorkers, type WorkersOptions } from '../../src/control-plane/workers/workers.ts'
import { systemClock as clock } from '../../src/core/clock.ts'
import { Fault } from '../../src/core/fault.ts'
import type { KubeClient, OwnerReference, Resource, StoredObject } from '../../src/kube/client.ts'
import { eventRecorder } from '../../src/kube/events.ts'
import { kinds } from '../../src/kube/kinds.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import type { Json } from '../support/api-request.ts'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { TappedClient } from './kube-loop/tapped-client.ts'

/** An API server; whether it is a whole one, which judges what it is given. */
export interface WorkersUnderTest {
  client(): KubeClient
  readonly real: boolean
  close(): Promise<void>
}

const logger = createLogger('silent')

/** What one test works with: a system namespace of its own. */
interface Bench extends AsyncDisposable {
  /** Of the controller; counts. */
  readonly client: TappedClient
  readonly summary: () => WorkersSummary | undefined
  get(resource: Resource, name: string): Promise<Json>
  merge(resource: Resource, name: string, body: object): Promise<StoredObject>
  json(resource: Resource, name: string, body: readonly object[]): Promise<StoredObject>
  remove(resource: Resource, name: string): Promise<boolean>
  settings(data: Record<string, string | null>): Promise<StoredObject>
  start(owner?: OwnerReference, more?: Pick<WorkersOptions, 'mainCluster'>): Promise<AbortController>
  readonly admin: KubeClient
  readonly namespace: string
}

const all: readonly (readonly [Resource, string])[] = [
  [kinds.deployment, 'millrace-ingress'],
  [kinds.statefulSet, 'millrace-dispatcher'],
  [kinds.service, 'kafka-broker-ingress'],
  [kinds.service, 'broker-ingress'],
  [kinds.podDisruptionBudget, 'millrace-ingress'],
  [kinds.podDisruptionBudget, 'millrace-dispatcher'],
]

async function openBench({ client }: WorkersUnderTest): Promise<Bench> {
  const [admin, tapped] = [client(), new TappedClient(client())]
  const namespace = `workers-${crypto.randomUUID().slice(0, 8)}`
  const { signal } = new AbortController()
  const started: AbortController[] = []
  let summary: WorkersSummary | undefined
  await admin.create(kinds.namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, signal)
  const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'config-millrace', namespace }, data: {} }
  await admin.create(kinds.configMap, configMap, signal)
  const key = (name: string) => ({ namespace, name })
  const merge: Bench['merge'] = (resource, name, body) =>
    admin.patch(resource, key(name), { kind: 'merge', body }, signal)
  return {
    client: tapped,
    admin,
    namespace,
    summary: () => summary,
    get: (resource, name) => admin.get(resource, key(name), signal),
    merge,
    json: (resource, name, body) => admin.patch(resource, key(name), { kind: 'json', body }, signal),
    remove: (resource, name) => admin.delete(resource, key(name), signal),
    settings: (data) => merge(kinds.configMap, 'config-millrace', { data }),
    start: async (owner, more = {}) => {
      const stop = new AbortController()
      started.push(stop)
      const options = { client: tapped, namespace, clock, logger, signal: stop.signal, image: 'millrace:1' }
      const events = eventRecorder({ ...options, component: 'millrace-controller' })
      const report = (said: WorkersSummary): void => void (summary = said)
      await startWorkers({ ...options, ...more, ...(owner === undefined ? {} : { owner }), events, report })
      await eventually('a first report', () => summary)
      return stop
    },
    [Symbol.asyncDispose]: async () => {
      for (const each of started) each.abort()
      await admin.delete(kinds.namespace, key(namespace), signal)
      admin.close()
      tapped.close()
    },
  }
}

const spec = (object: Json) => object.spec.template.spec

/** The promises about the workers' objects, on one adapter of the API server. */
export function workersSuite(name: string, open: () => Promise<WorkersUnderTest>): void {
  describe(name, () => {
    let subject: WorkersUnderTest
    beforeAll(async () => {
      subject = await open()
    })
    afterAll(() => subject.close())

    it('are all made, and left as they are by the next controller', async () => {
      await using bench = await openBench(subject)
      const first = await bench.start()
      for (const [resource, name] of all) expect(await bench.get(resource, name), name).not.toBeNull()
      expect((await bench.get(kinds.deployment, 'millrace-ingress')).spec.replicas).toBe(2)
      expect((await bench.get(kinds.statefulSet, 'millrace-dispatcher')).spec.replicas).toBe(2)
      expect(bench.client.count('apply')).toBe(all.length)
      first.abort()

      await bench.start()
      // One that has to be made again shows that it has looked at all of them.
      await bench.remove(kinds.podDisruptionBudget, 'millrace-ingress')
      await eventually('it is there again', () => bench.get(kinds.podDisruptionBudget, 'millrace-ingress'))
      // and the token of lineage
      expect(bench.client.writes).toBe(all.length + 2)
    })

    it('share a token for lineage, which is made once, and never changed, whoever made it', async () => {
      await using bench = await openBench(subject)
      const secret = async () => await bench.get(kinds.secret, 'millrace-lineage')
      const stop = await bench.start()
      const { data, metadata } = await secret()
      expect(Buffer.from(data.token, 'base64').toString()).toMatch(/^[0-9a-f]{64}$/)
      stop.abort()
      const again = await bench.start()
      await bench.settings({ 'log.level': 'debug' })
      await eventually('it has looked again', async () =>
        JSON.stringify(await bench.get(kinds.deployment, 'millrace-ingress')).includes('debug'),
      )
      expect((await secret()).metadata.resourceVersion).toBe(metadata.resourceVersion)
      await bench.remove(kinds.secret, 'millrace-lineage')
      await bench.settings({ 'log.level': 'warn' })
      const { data: next } = await eventually('there is another', secret)
      expect(next.token).not.toBe(data.token)

      const volumes = async () => spec(await bench.get(kinds.statefulSet, 'millrace-dispatcher')).volumes ?? []
      expect(await volumes()).toContainEqual({ name: 'lineage', emptyDir: { sizeLimit: '80Mi' } })
      await bench.settings({ lineage: 'enabled: false' })
      await eventuallyPasses('nothing is remembered', async () => expect(await volumes()).toEqual([]))
      again.abort()
      await bench.remove(kinds.secret, 'millrace-lineage')
      await bench.start()
      expect(await secret()).toBeNull()
    })

    it('are made, and told of, also while the token of lineage cannot be', async () => {
      await using bench = await openBench(subject)
      bench.client.breakWith(({ verb, name }) =>
        verb === 'create' && name === 'millrace-lineage' ? new Fault('ApiUnavailable', 'a webhook is away') : undefined,
      )
      await bench.start()
      for (const [resource, name] of all) expect(await bench.get(resource, name), name).not.toBeNull()
      expect(bench.summary()).toMatchObject({ ingress: { kind: 'ok' }, lineage: [] })
      bench.client.breakWith(() => undefined)
      await eventually('it is made', () => bench.get(kinds.secret, 'millrace-lineage'))
    })

    it('come back when they are deleted, and are repaired when what we mean is edited', async () => {
      await using bench = await openBench(subject)
      await bench.start()
      for (const [resource, name] of all) await bench.remove(resource, name)
      for (const [resource, name] of all) {
        await eventually(`${name} is back`, async () => {
          const found = await bench.get(resource, name)
          return found !== null && found.metadata.deletionTimestamp === undefined
        })
      }
      await bench.merge(kinds.service, 'broker-ingress', { spec: { selector: { 'app.kubernetes.io/component': 'x' } } })
      const image = [{ op: 'replace', path: '/spec/template/spec/containers/0/image', value: 'other' }]
      await bench.json(kinds.deployment, 'millrace-ingress', image)
      await eventuallyPasses('both are as they shall be', async () => {
        const service = await bench.get(kinds.service, 'broker-ingress')
        expect(service.spec.selector['app.kubernetes.io/component']).toBe('ingress')
        expect(spec(await bench.get(kinds.deployment, 'millrace-ingress')).containers[0].image).toBe('millrace:1')
      })
    })

    it('keep what is not ours: replicas of an autoscaler, a rollout restart, a sidecar', async () => {
      await using bench = await openBench(subject)
      await bench.start()
      const restarted = { 'kubectl.kubernetes.io/restartedAt': '2026-01-01T00:00:00Z' }
      const edit = { spec: { replicas: 7, template: { metadata: { annotations: restarted } } } }
      await bench.merge(kinds.statefulSet, 'millrace-dispatcher', edit)
      const sidecar = { op: 'add', path: '/spec/template/spec/containers/-', value: { name: 'mesh', image: 'mesh:1' } }
      await bench.json(kinds.statefulSet, 'millrace-dispatcher', [sidecar])

      await bench.settings({ 'log.level': 'debug' })
      await eventuallyPasses('our change is there, and theirs too', async () => {
        const found = await bench.get(kinds.statefulSet, 'millrace-dispatcher')
        const [ours, theirs] = spec(found).containers
        expect(ours.env).toContainEqual({ name: 'MILLRACE_LOG', value: 'debug' })
        expect(theirs).toMatchObject({ name: 'mesh', image: 'mesh:1' })
        expect(found.spec.replicas).toBe(7)
        expect(found.spec.template.metadata.annotations).toMatchObject(restarted)
      })
      await eventually('the ingress has it too', async () => {
        const found = await bench.get(kinds.deployment, 'millrace-ingress')
        return spec(found).containers[0].env[0].value === 'debug'
      })
      // Theirs led to no write of ours, and the settings to none but of what they change; one that met a change of others is tried again.
      const written = bench.client.calls.filter(({ verb }) => verb === 'apply').slice(all.length)
      expect(new Set(written.map(({ name }) => name))).toEqual(new Set(['millrace-ingress', 'millrace-dispatcher']))
      expect(written.length).toBeLessThanOrEqual(6)
    })

    it('are as many as the settings say, and stay so when these say nothing any more', async () => {
      await using bench = await openBench(subject)
      await bench.start()
      const replicas = async () => (await bench.get(kinds.deployment, 'millrace-ingress')).spec.replicas
      await bench.settings({ 'ingress.replicas': '5' })
      await eventually('5', async () => (await replicas()) === 5)
      await bench.merge(kinds.deployment, 'millrace-ingress', { spec: { replicas: 1 } })
      await eventually('5 again', async () => (await replicas()) === 5)
      await bench.settings({ 'ingress.replicas': null, 'ingress.priorityClassName': 'system-cluster-critical' })
      await eventuallyPasses('still 5', async () => {
        const found = await bench.get(kinds.deployment, 'millrace-ingress')
        expect(spec(found).priorityClassName).toBe('system-cluster-critical')
        expect(found.spec.replicas).toBe(5)
      })
      await bench.merge(kinds.deployment, 'millrace-ingress', { spec: { replicas: 3 } })
      await bench.settings({ 'ingress.priorityClassName': null })
      await eventuallyPasses('what is no longer set is gone, and 3 are left alone', async () => {
        const found = await bench.get(kinds.deployment, 'millrace-ingress')
        expect(spec(found)).not.toHaveProperty('priorityClassName')
        expect(found.spec.replicas).toBe(3)
      })
    })

    it('meet on the main Kafka as soon as it is named, and stay there when its address is taken away', async () => {
      await using bench = await openBench(subject)
      const listeners = new Set<() => void>()
      let kafka: KafkaCluster | undefined
      const mainCluster = {
        current: () => kafka,
        ready: () => Promise.resolve(),
        subscribe: (listener: () => void) => (listeners.add(listener), () => listeners.delete(listener)),
      }
      const name = (cluster: KafkaCluster | undefined) => {
        kafka = cluster
        for (const listener of listeners) listener()
      }
      const args = async (): Promise<readonly string[]> =>
        spec(await bench.get(kinds.statefulSet, 'millrace-dispatcher')).containers[0].args
      await bench.start(undefined, { mainCluster })
      expect(await args()).not.toContain('--kafka')
      name({ bootstrapServers: 'kafka:9092', credential: 'kafka-1' })
      const told = ['--kafka', 'kafka:9092', '--kafka-credential', 'kafka-1']
      await eventuallyPasses('it is told', async () => expect((await args()).slice(-4)).toEqual(told))
      name(undefined)
      await bench.settings({ 'log.level': 'debug' })
      await eventuallyPasses('the settings are in force', async () => {
        const found = await bench.get(kinds.statefulSet, 'millrace-dispatcher')
        expect(spec(found).containers[0].env).toContainEqual({ name: 'MILLRACE_LOG', value: 'debug' })
      })
      expect((await args()).slice(-4)).toEqual(told)
    })

    it('are never taken from someone else, which is said', async () => {
      await using bench = await openBench(subject)
      const { signal } = new AbortController()
      const foreign = {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'kafka-broker-ingress', namespace: bench.namespace },
        spec: { selector: { app: 'kafka-broker-receiver' }, ports: [{ port: 80 }] },
      }
      const theirs = await bench.admin.create(kinds.service, foreign, signal)
      await bench.start()
      expect(bench.summary()?.ingress).toMatchObject({ kind: 'notOurs' })
      expect(bench.summary()?.address).toEqual(bench.summary()?.ingress)
      expect(JSON.stringify(bench.summary())).toContain(`Service ${bench.namespace}/kafka-broker-ingress exists`)
      expect(bench.summary()?.dispatcher).toEqual({ kind: 'ok' })
      expect(await bench.get(kinds.service, 'kafka-broker-ingress')).toEqual(theirs)
      expect(await bench.get(kinds.service, 'broker-ingress')).not.toBeNull()
      await eventually('an Event', () => eventOf(bench, 'NotOurs'))

      await bench.remove(kinds.service, 'kafka-broker-ingress')
      await eventually('ours is made', async () => bench.summary()?.ingress.kind === 'ok')
      expect(bench.summary()?.address).toEqual({ kind: 'ok' })
      const ours = await bench.get(kinds.service, 'kafka-broker-ingress')
      expect(ours.spec.selector).toMatchObject({ 'app.kubernetes.io/component': 'ingress' })
    })

    it('keep the last good settings when the ConfigMap is broken, which is said', async () => {
      await using bench = await openBench(subject)
      const stop = await bench.start()
      const level = async () => spec(await bench.get(kinds.deployment, 'millrace-ingress')).containers[0].env[0].value
      await bench.settings({ 'log.level': 'debug' })
      await eventually('debug', async () => (await level()) === 'debug')
      await bench.settings({ 'log.level': 'warn', 'ingress.replicas': 'many' })
      await eventually('the problem is told', () => bench.summary()?.problems[0]?.startsWith('ingress.replicas: '))
      const event = await eventually('an Event', () => eventOf(bench, 'SettingsInvalid'))
      expect(event['message']).toContain(
        'the last good settings stay in force until this is corrected: ingress.replicas',
      )
      expect(await level()).toBe('debug')
      stop.abort()

      // A controller that has never seen them good leaves what runs alone, and still makes what is missing.
      await bench.start()
      await bench.remove(kinds.service, 'broker-ingress')
      await eventually('it is made', () => bench.get(kinds.service, 'broker-ingress'))
      expect(await level()).toBe('debug')
      await bench.settings({ 'ingress.replicas': null })
      await eventually('good again', async () => (await level()) === 'warn')
      await eventually('nothing to complain of', () => bench.summary()?.problems.length === 0)
    })

    it('send traces where the ConfigMap of Knative says, and say what they cannot do', async () => {
      await using bench = await openBench(subject)
      const { signal } = new AbortController()
      const maps = ['config-observability', 'config-tracing']
      for (const name of maps) {
        const metadata = { name, namespace: bench.namespace }
        await bench.admin.create(kinds.configMap, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: {} }, signal)
      }
      const traces = (data: Record<string, string | null>) => bench.merge(kinds.configMap, maps[0] ?? '', { data })
      const pods = async () => {
        const [ingress, dispatcher] = [
          await bench.get(kinds.deployment, 'millrace-ingress'),
          await bench.get(kinds.statefulSet, 'millrace-dispatcher'),
        ]
        return [ingress, dispatcher].map(spec)
      }
      const told = async () => (await pods()).map(({ containers }) => containers[0].args.join(' '))
      const stop = await bench.start()
      for (const { volumes } of await pods())
        expect((volumes ?? []).filter(({ name }: { name: string }) => name === 'tracing')).toEqual([])
      for (const args of await told()) expect(args).not.toContain('--tracing')

      const endpoint = 'http://collector.observability:4318/v1/traces'
      await traces({
        ...{ 'tracing-protocol': 'http/protobuf', 'tracing-endpoint': endpoint, 'tracing-sampling-rate': '0.1' },
      })
      const flags = `--tracing-endpoint ${endpoint} --tracing-sampling-rate 0.1 --tracing-credentials /etc/millrace/tracing`
      await eventuallyPasses('both are told', async () => {
        for (const args of await told()) expect(args).toContain(flags)
      })
      for (const { containers, volumes } of await pods()) {
        const secret = { secretName: 'millrace-tracing', optional: true, defaultMode: 0o644 }
        expect(volumes).toContainEqual({ name: 'tracing', secret })
        const mount = { name: 'tracing', mountPath: '/etc/millrace/tracing', readOnly: true }
        expect(containers[0].volumeMounts).toContainEqual(mount)
      }

      await traces({ 'tracing-protocol': 'grpc' })
      const event = await eventually('an Event', () => eventOf(bench, 'TracingInvalid', maps[0]))
      expect(event['message']).toContain(
        'the last good settings stay in force until this is corrected: tracing-protocol',
      )
      for (const args of await told()) expect(args).toContain(flags)
      stop.abort()
      // the next controller has never seen them good
      await bench.start()
      await bench.settings({ 'log.level': 'debug' })
      await eventuallyPasses('the rest is in force', async () => {
        for (const { containers } of await pods())
          expect(containers[0].env).toContainEqual({ name: 'MILLRACE_LOG', value: 'debug' })
      })
      for (const args of await told()) expect(args).toContain(flags)

      await traces({ 'tracing-protocol': null, 'tracing-endpoint': null })
      await eventuallyPasses('they are told to send none', async () => {
        for (const args of await told()) expect(args).not.toContain('--tracing')
      })
      await bench.merge(kinds.configMap, maps[1] ?? '', { data: { backend: 'zipkin' } })
      const older = await eventually('an Event', () => eventOf(bench, 'TracingOutdated', maps[1]))
      expect(older['message']).toContain('in ConfigMap config-observability set tracing-protocol to http/protobuf')
    })

    it('go with the Deployment of the controller', async () => {
      await using bench = await openBench(subject)
      const { signal } = new AbortController()
      await bench.admin.create(kinds.deployment, controllerDeployment(bench.namespace), signal)
      const { owner, image } = await findSelf(bench.admin, bench.namespace, '', signal)
      expect(image).toBeNull()
      const stop = await bench.start(owner ?? undefined)
      stop.abort()
      await bench.remove(kinds.deployment, 'millrace-controller')
      for (const [resource, name] of all) {
        await eventually(`${name} is collected`, async () => (await bench.get(resource, name)) === null)
      }
    })

    it('are told when the API server does not take them, in its words', async ({ skip }) => {
      skip(!subject.real, 'judging pods is for a whole API server')
      await using bench = await openBench(subject)
      await bench.start()
      await bench.settings({ 'ingress.tolerations': '[{key: a, operator: Perhaps}]' })
      await eventually('it is told', () => bench.summary()?.ingress.kind === 'refused')
      const { ingress } = bench.summary() ?? {}
      expect(JSON.stringify(ingress)).toContain('Deployment')
      expect(JSON.stringify(ingress)).toContain('tolerations')
      await bench.settings({ 'ingress.tolerations': null })
      await eventually('it is taken', () => bench.summary()?.ingress.kind === 'ok')
    })

    it('that differ in what can never be changed are told with the command that makes them anew', async ({ skip }) => {
      skip(!subject.real, 'that fields cannot be changed is a rule of a whole API server')
      await using bench = await openBench(subject)
      const { signal } = new AbortController()
      const first = await bench.start()
      first.abort()
      const { apiVersion, kind, metadata, spec } = await bench.get(kinds.statefulSet, 'millrace-dispatcher')
      const { name, namespace, labels } = metadata
      await bench.remove(kinds.statefulSet, name)
      await eventually('it is gone', async () => (await bench.get(kinds.statefulSet, name)) === null)
      const other = { ...spec, serviceName: 'of-another-version' }
      const earlier = { apiVersion, kind, metadata: { name, namespace, labels }, spec: other }
      await bench.admin.create(kinds.statefulSet, earlier, signal)
      await bench.start()
      const command = `kubectl delete statefulset ${name} -n ${namespace} --cascade=orphan`
      await eventuallyPasses('it is told', () =>
        expect(bench.summary()?.dispatcher).toMatchObject({
          kind: 'refused',
          message: expect.stringContaining(command),
        }),
      )
      await bench.remove(kinds.statefulSet, name)
      await eventually('it is made anew', () => bench.summary()?.dispatcher.kind === 'ok')
      expect((await bench.get(kinds.statefulSet, name)).spec.serviceName).toBe('millrace-dispatcher')
    })
  })
}

async function eventOf(
  { admin, namespace }: Bench,
  reason: string,
  about = 'config-millrace',
): Promise<StoredObject | undefined> {
  const { items } = await admin.list(kinds.event, { namespace }, new AbortController().signal)
  return items.find((each) => {
    const { name } = each['involvedObject'] as { name: string }
    return each['reason'] === reason && name === about
  })
}

function controllerDeployment(namespace: string) {
  const labels = { app: 'controller' }
  const template = { metadata: { labels }, spec: { containers: [{ name: 'controller', image: 'millrace:1' }] } }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'millrace-controller', namespace },
    spec: { replicas: 0, selector: { matchLabels: labels }, template },
  }
}
