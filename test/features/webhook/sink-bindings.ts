import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { startControlPlane, type ControlPlane } from '../../../src/control-plane/control-plane.ts'
import { systemClock as clock } from '../../../src/core/clock.ts'
import { openEmbeddedLog } from '../../../src/kafka/embedded/embedded.ts'
import type { KubeClient, KubeObject, Resource, StoredObject, WatchEvent } from '../../../src/kube/client.ts'
import { eventRecorder } from '../../../src/kube/events.ts'
import { kinds } from '../../../src/kube/kinds.ts'
import { restClient } from '../../../src/kube/rest.ts'
import { createLogger } from '../../../src/telemetry/logger.ts'
import { eventually, eventuallyPasses } from '../../support/eventually.ts'
import { uniqueName } from '../../support/kafka.ts'
import { kubectl } from '../../support/kubectl.ts'
import { ownFolder } from '../../support/millrace.ts'
import { deployment, envOf, sinkBinding, workload } from '../../support/workloads.ts'
import { system, type WebhookRig } from './rig.ts'

/** What users see of admission of SinkBindings and of what they bind. `open`: begins with the API server of the file, which others have used. */
export function sinkBindingPromises(open: () => Promise<WebhookRig>): void {
  const config = join(import.meta.dirname, '..', '..', '..', 'config')
  const sink = { sink: { uri: 'http://sink.example/a' } }
  const always = new AbortController().signal
  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

  let rig: WebhookRig
  let leader: KubeClient
  let plane: ControlPlane
  let namespace: string
  let namespaces = 0
  const stop = new AbortController()
  const closers: (() => Promise<void> | void)[] = []

  /** The webhook, twice, and the leader, as the account and with the rights that `config/` gives it. */
  beforeAll(async () => {
    rig = await open()
    await kubectl(
      ['100-namespace', '200-accounts', '210-controller-rights'].reduce<string[]>(
        (args, file) => [...args, '-f', join(config, `${file}.yaml`)],
        ['apply'],
      ),
      rig.api,
    )
    await rig.replica('controller-0')
    await rig.replica('controller-1')
    rig.lead('controller-0')
    await rig.apply(rig.configurations)
    await eventually('the leader has put the authority into caBundle', () => rig.trusted())
    const token = (
      await kubectl(['create', 'token', 'millrace-controller', '-n', system, '--duration=2h'], rig.api)
    ).trim()
    leader = restClient({ server: rig.api.url, ca: rig.api.ca, token: () => token, namespace: system })
    closers.push(() => leader.close())
    const logger = createLogger('silent')
    const retention = { bytes: 1 << 24, ms: 3_600_000 }
    const log = await openEmbeddedLog({ dir: ownFolder(), fsync: 'off', retention, clock, logger })
    closers.push(() => log.close())
    const { signal } = stop
    const events = eventRecorder({ client: leader, component: 'millrace-controller', clock, logger, signal })
    const admin = log.admin()
    plane = startControlPlane({ client: leader, namespace: system, admins: () => admin, events, clock, logger, signal })
    await eventually('the controller is at work', () => plane.idle)
    namespace = 'warm'
    await rig.createNamespace(namespace)
    await bind()
    // The API server hears of the webhook through a watch of its own.
    await eventually('workloads are admitted by the webhook', async () => {
      const name = `try-${(namespaces += 1)}`
      await apply(deployment(namespace, name, { labels: { tier: 'web' } }))
      return envOf(await read(kinds.deployment, name))['K_SINK'] !== undefined
    })
  })

  afterAll(async () => {
    stop.abort()
    await plane?.done
    for (const close of closers.toReversed()) await close()
    await rig?.[Symbol.asyncDispose]()
  })

  beforeEach(async () => {
    namespace = uniqueName('shop')
    await rig.createNamespace(namespace)
  })

  /** As users do, with all that kubectl writes beside. */
  const applyByKubectl = (object: object): Promise<string> => rig.apply(stringify(object))
  /** For what a test needs before it begins. */
  async function apply(object: object): Promise<void> {
    const { kind } = object as KubeObject
    const resource = Object.values(kinds).find((each) => each.kind === kind)!
    await rig.client.apply(resource, object as KubeObject, 'user', always)
  }
  const read = (resource: Resource, name = 'app', ns = namespace): Promise<StoredObject | null> =>
    rig.client.get(resource, { namespace: ns, name }, always)
  const selecting = (apiVersion = 'apps/v1', kind = 'Deployment') => ({
    subject: { apiVersion, kind, selector: { matchLabels: { tier: 'web' } } },
  })

  /** A SinkBinding of all Deployments of the tier `web`, in force. */
  async function bind(spec: object = {}, name = 'to-sink'): Promise<void> {
    await apply(sinkBinding(namespace, name, { ...selecting(), ...sink, ...spec }))
    await ready('True', undefined, name)
  }

  const ready = (status: string, reason?: string, name = 'to-sink') =>
    eventuallyPasses(`${name} is Ready ${status} ${reason ?? ''}`, async () => {
      const object = await read(kinds.sinkBinding, name)
      const told = object?.['status'] as {
        observedGeneration: number
        conditions: { type: string; status: string; reason?: string }[]
      }
      expect(told?.observedGeneration).toBe(object?.metadata.generation)
      const found = told.conditions.find(({ type }) => type === 'Ready')
      expect(found).toMatchObject({ status, ...(reason === undefined ? {} : { reason }) })
    })

  /** How often the pod template of each Deployment of the namespace changed, as pods would notice. */
  async function countRolls(): Promise<Map<string, number>> {
    const rolls = new Map<string, number>()
    const last = new Map<string, string>()
    const templateOf = (object: StoredObject) => JSON.stringify((object['spec'] as { template: object }).template)
    const { items, resourceVersion } = await rig.client.list(kinds.deployment, { namespace }, always)
    for (const item of items) last.set(item.metadata.name, templateOf(item))
    const on = (event: WatchEvent): void => {
      if (event.type !== 'modified' && event.type !== 'added') return
      const { name } = event.object.metadata
      const now = templateOf(event.object)
      if (last.has(name) && last.get(name) !== now) rolls.set(name, (rolls.get(name) ?? 0) + 1)
      last.set(name, now)
    }
    void rig.client.watch(kinds.deployment, { namespace, resourceVersion }, on, stop.signal).catch(() => undefined)
    return rolls
  }

  describe('with the webhook', () => {
    test.each(['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'Job', 'CronJob'] as const)(
      'a %s has its variables from the first pod on',
      async (kind) => {
        const resource = Object.values(kinds).find((each) => each.kind === kind)!
        const apiVersion = kind.endsWith('Job') ? 'batch/v1' : 'apps/v1'
        await bind(selecting(apiVersion, kind))
        const seen = await rig.client.create(
          resource,
          workload(kind, namespace, 'app', { labels: { tier: 'web' } }) as KubeObject,
          always,
        )
        expect(envOf(seen)).toEqual({ K_SINK: 'http://sink.example/a', K_CE_OVERRIDES: '' })
        await eventuallyPasses('it is counted', async () =>
          expect((await read(kinds.sinkBinding, 'to-sink'))?.['status']).toMatchObject({ subjectCount: 1 }),
        )
        await ready('True')
        expect((await read(resource))?.metadata.generation).toBe(1)
      },
    )

    const ways: readonly [string, (object: object) => Promise<unknown>][] = [
      ['replaced as a whole', (object: object) => rig.client.replace(kinds.deployment, object as KubeObject, always)],
      ['applied by kubectl', applyByKubectl],
      [
        'applied server-side',
        (object: object) => rig.client.apply(kinds.deployment, object as KubeObject, 'gitops', always),
      ],
    ]
    // As Flux does: a conflict with what we put in would be refused.
    const unforced = ['apply', '--server-side', '--field-manager=flux']
    const byHand = { name: 'K_SINK', value: 'by-hand' }
    const fromMap = { name: 'K_SINK', valueFrom: { configMapKeyRef: { name: 'addresses', key: 'sink' } } }
    test.each([
      ...ways.map(([way, again]) => [way, 'a value', again, [byHand], applyByKubectl] as const),
      ...ways.map(([way, again]) => [way, 'a value from elsewhere', again, [fromMap], applyByKubectl] as const),
      ...[[], [byHand], [fromMap]].map((own) => {
        const again = (object: object) => rig.apply(stringify(object), unforced)
        return ['applied server-side without force', JSON.stringify(own), again, own, again] as const
      }),
    ])(
      'a workload whose original is %s again and again, with %s, never rolls',
      async (_way, _what, again, own, first) => {
        await bind()
        const original = deployment(namespace, 'app', {
          labels: { tier: 'web' },
          env: [{ name: 'A', value: '1' }, ...own],
        })
        await first(original)
        const rolls = await countRolls()
        // more often than what is contested is repaired
        for (let i = 0; i < 5; i += 1) {
          await again(original)
          expect(envOf(await read(kinds.deployment))).toMatchObject({ A: '1', K_SINK: 'http://sink.example/a' })
          await pause(50)
        }
        expect(rolls.get('app') ?? 0).toBe(0)
        await ready('True')
        await rig.client.delete(kinds.sinkBinding, { namespace, name: 'to-sink' }, always)
        await eventually('it is gone', async () => (await read(kinds.sinkBinding, 'to-sink')) === null)
        const { template } = (await read(kinds.deployment))!['spec'] as {
          template: { spec: { containers: { env: unknown }[] } }
        }
        expect(template.spec.containers[0]?.env).toEqual([{ name: 'A', value: '1' }, ...own])
      },
    )

    test('a change of the sink rolls each once, also while tools apply the originals and a replica hears of it late', async () => {
      await bind()
      // It alone, for the API server keeps the connections that it has.
      const others = [...rig.replicas]
      const behind = await rig.replica('controller-late', { lateMs: 400 })
      for (const other of others) await other.stop()
      await pause(500)
      const names = Array.from({ length: 10 }, (_, i) => `app-${i}`)
      const originals = names.map((name) => deployment(namespace, name, { labels: { tier: 'web' } }))
      for (const original of originals) await apply(original)
      const rolls = await countRolls()
      const over = new AbortController()
      const gitOps = (async () => {
        while (!over.signal.aborted) {
          for (const original of originals)
            await rig.client.replace(kinds.deployment, original as KubeObject, always).catch(() => undefined)
          await pause(100)
        }
      })()
      for (const uri of ['http://sink.example/b', 'http://sink.example/c']) {
        await bind({ sink: { uri } })
        await eventuallyPasses('all have it', async () => {
          const { items } = await rig.client.list(kinds.deployment, { namespace }, always)
          expect(new Set(items.map((item) => envOf(item)['K_SINK']))).toEqual(new Set([uri]))
        })
      }
      await pause(500)
      over.abort()
      await gitOps
      expect(behind.connections).toBeGreaterThan(0)
      for (const { name } of others) await rig.replica(`${name}-again`)
      await behind.stop()
      expect(Object.fromEntries(rolls)).toEqual(Object.fromEntries(names.map((name) => [name, 2])))
      await ready('True')
    })

    test.each([
      ['Engine', 'machines.example.com'],
      ['Service', 'serving.knative.dev'],
    ])('any kind with a pod template, once a SinkBinding binds it and we may: %s of %s', async (kind, group) => {
      const plural = `${kind.toLowerCase()}s`
      const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } }
      const names = { plural, kind, singular: kind.toLowerCase(), listKind: `${kind}List` }
      const versions = [{ name: 'v1', served: true, storage: true, schema }]
      const metadata = { name: `${plural}.${group}` }
      const spec = { group, scope: 'Namespaced', names, versions }
      await apply({ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata, spec })
      const subject = { apiVersion: `${group}/v1`, kind, selector: {} }
      await apply(sinkBinding(namespace, 'to-sink', { subject, ...sink }))
      await ready('False', 'SubjectForbidden')
      const told = JSON.stringify((await read(kinds.sinkBinding, 'to-sink'))?.['status'])
      const role = /apply this and it will: (\{.*?\}\]\})/.exec(told.replaceAll('\\"', '"'))?.[1]
      await rig.apply(role ?? '')
      await eventuallyPasses('it is followed', () => ready('True'))
      const template = { spec: { containers: [{ name: 'app', image: 'app:1' }] } }
      const resource = { group, version: 'v1', plural, kind, namespaced: true }
      await eventuallyPasses('admission gives it K_SINK', async () => {
        const name = `made-${(namespaces += 1)}`
        const made = { apiVersion: `${group}/v1`, kind, metadata: { namespace, name }, spec: { template } }
        expect(envOf(await rig.client.create(resource, made, always))).toHaveProperty('K_SINK')
      })
    })

    test('who writes a variable by hand is told what becomes of it', async () => {
      await bind()
      const env = [{ name: 'K_SINK', value: 'by-hand' }]
      const { stderr } = await rig.tryApply(stringify(deployment(namespace, 'app', { labels: { tier: 'web' }, env })))
      expect(stderr).toContain('K_SINK is set by SinkBinding to-sink; what is written here comes back')
    })

    test('what asks to be left alone is, and so are namespaces that do', async () => {
      await bind()
      await apply(deployment(namespace, 'app', { labels: { tier: 'web', 'bindings.knative.dev/exclude': 'true' } }))
      await pause(500)
      expect(envOf(await read(kinds.deployment))).toEqual({})
      const body = { metadata: { labels: { 'bindings.knative.dev/exclude': 'true' } } }
      await rig.client.patch(kinds.namespace, { namespace: '', name: namespace }, { kind: 'merge', body }, always)
      await ready('False', 'SubjectExcluded')
      await apply(deployment(namespace, 'other', { labels: { tier: 'web' } }))
      expect(envOf(await read(kinds.deployment, 'other'))).toEqual({})
    })

    test('a SinkBinding gets what it lacks, and applied again stays as it is', async () => {
      const manifest = stringify(
        sinkBinding(namespace, 'to-sink', { sink: { ref: { apiVersion: 'v1', kind: 'Service', name: 'a' } } }),
      ).replace('sources.knative.dev/v1', 'sources.knative.dev/v1alpha2')
      expect((await rig.tryApply(manifest)).stderr).toContain('v1alpha2 SinkBinding is an old version')
      const first = await read(kinds.sinkBinding, 'to-sink')
      expect(first).toMatchObject({
        metadata: {
          finalizers: ['sinkbindings.sources.knative.dev/millrace'],
          annotations: { 'sources.knative.dev/creator': expect.any(String) },
        },
        spec: { sink: { ref: { namespace } }, subject: { namespace } },
      })
      const { generation } = first!.metadata
      await rig.apply(manifest)
      expect((await read(kinds.sinkBinding, 'to-sink'))?.metadata.generation).toBe(generation)
    })

    test.each<[string, object, string]>([
      [
        'a foreign namespace',
        { subject: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'a', namespace: 'kube-system' } },
        'spec.subject.namespace: must be the namespace of the SinkBinding',
      ],
      [
        'name and selector',
        { subject: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'a', selector: {} } },
        'needs either name',
      ],
      ['no kind', { subject: { apiVersion: 'apps/v1', name: 'a' } }, 'spec.subject.kind'],
      ['a sink that is none', { sink: {} }, 'needs a ref (an object with an address) or a uri'],
      ['a core attribute', { ceOverrides: { extensions: { type: 'a' } } }, 'must not name an attribute'],
    ])('a SinkBinding with %s is refused', async (_, spec, says) => {
      const { code, stderr } = await rig.tryApply(stringify(sinkBinding(namespace, 'wrong', { ...sink, ...spec })))
      expect(code).not.toBe(0)
      expect(stderr).toContain(says)
    })
  })

  /** The last: it takes the webhook away. */
  describe('without the webhook', () => {
    test('workloads deploy all the same and are repaired, and a Job that missed it is named', async () => {
      await bind()
      await bind(selecting('batch/v1', 'Job'), 'jobs')
      for (const replica of [...rig.replicas]) await replica.stop()
      await apply(deployment(namespace, 'app', { labels: { tier: 'web' } }))
      await apply(workload('Job', namespace, 'app', { labels: { tier: 'web' } }))
      await eventuallyPasses('it is repaired', async () =>
        expect(envOf(await read(kinds.deployment))).toHaveProperty('K_SINK', 'http://sink.example/a'),
      )
      await ready('False', 'JobNotBound', 'jobs')
      expect(JSON.stringify((await read(kinds.sinkBinding, 'jobs'))?.['status'])).toContain(`Job ${namespace}/app`)
      // The webhook is back: the Job is made again, and has them.
      await rig.replica('controller-2')
      await eventuallyPasses('the new Job is bound', async () => {
        await rig.client.delete(kinds.job, { namespace, name: 'app' }, always)
        await eventually('it is gone', async () => (await read(kinds.job)) === null)
        await apply(workload('Job', namespace, 'app', { labels: { tier: 'web' } }))
        expect(envOf(await read(kinds.job))).toHaveProperty('K_SINK')
      })
      await ready('True', undefined, 'jobs')
    })
  })
}
