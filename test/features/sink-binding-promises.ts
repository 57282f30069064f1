import { describe, expect, test } from 'vitest'
import { Fault } from '../../src/core/fault.ts'
import type { KubeClient, KubeObject, Resource, StoredObject } from '../../src/kube/client.ts'
import { kinds } from '../../src/kube/kinds.ts'
import {
  broker,
  clientWith,
  ControlPlaneRig,
  service,
  unique,
  type TestApi,
  type Told,
} from '../support/control-plane-rig.ts'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { deployment, envOf, sinkBinding, workload } from '../support/workloads.ts'

const { sinkBinding: bindings, deployment: deployments } = kinds
const always = new AbortController().signal
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const messageOf = (told: Told): string => told.conditions?.find(({ type }) => type === 'Ready')?.message ?? ''

/** What users see of SinkBindings, on any API server, without the webhook. `namespaces`: whether it takes away what is in a namespace that is deleted. */
export function sinkBindingPromises(api: () => Promise<TestApi>, namespaces: boolean): void {
  async function start() {
    const rig = await ControlPlaneRig.start(await api())
    rig.startPlane()
    const ns = unique('shop')
    await rig.createNamespace(ns)
    const app = (name = 'app', resource: Resource = deployments) => rig.get(resource, ns, name)
    const url = `http://kafka-broker-ingress.${rig.system}.svc.cluster.local/${ns}/default`
    const ready = (status: string, reason?: string, name = 'to-broker') => rig.ready(bindings, ns, name, status, reason)
    return { rig, ns, app, url, ready }
  }

  /** A Broker, a SinkBinding and a Deployment that has its K_SINK. */
  async function bound(env?: readonly { name: string; value?: string }[]) {
    const scene = await start()
    const { rig, ns, ready } = scene
    await rig.apply(broker(ns))
    await rig.apply(deployment(ns, 'app', env === undefined ? {} : { env }))
    await rig.apply(sinkBinding(ns))
    await ready('True')
    return scene
  }

  /** How often the pod template of Deployment `app` changes from now on. */
  async function countRolls(rig: ControlPlaneRig, ns: string): Promise<() => number> {
    const templateOf = (object: StoredObject | null): string =>
      JSON.stringify((object?.['spec'] as { template: object } | undefined)?.template)
    let last = templateOf(await rig.get(deployments, ns, 'app'))
    let rolls = 0
    await rig.follow(deployments, ns, (object) => {
      const now = templateOf(object)
      rolls += now === last ? 0 : 1
      last = now
    })
    return () => rolls
  }

  describe('binding', () => {
    test('comes to Ready in each order of creation, and rolls once', async () => {
      const { rig } = await start()
      await using _ = rig
      const parts = [broker, sinkBinding, deployment]
      const orders = parts
        .flatMap((a) => parts.flatMap((b) => parts.map((c) => [a, b, c])))
        .filter((order) => new Set(order).size === 3)
      for (const order of orders) {
        const ns = unique('shop')
        await rig.createNamespace(ns)
        for (const part of order) {
          await rig.apply(part(ns))
          await pause(100)
        }
        const sinkUri = `http://kafka-broker-ingress.${rig.system}.svc.cluster.local/${ns}/default`
        expect(await rig.ready(bindings, ns, 'to-broker', 'True')).toMatchObject({
          sinkUri,
          subjectCount: 1,
          subjects: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'app' }],
        })
        const object = await rig.get(deployments, ns, 'app')
        expect(envOf(object)).toEqual({ K_SINK: sinkUri, K_CE_OVERRIDES: '' })
        expect(object?.metadata.generation).toBe(2)
      }
    })

    test('is written once: nothing more at rest, nor when the controller starts anew', async () => {
      const { rig, ns, app } = await bound()
      await using _ = rig
      const versions = async () => [
        (await app())?.metadata.generation,
        (await app())?.metadata.resourceVersion,
        (await rig.get(bindings, ns, 'to-broker'))?.metadata.resourceVersion,
      ]
      await pause(1_500)
      const before = await versions()
      await rig.stopPlane()
      rig.startPlane()
      await eventually('it is idle again', () => rig.plane?.idle)
      await pause(2_000)
      expect(await versions()).toEqual(before)
      expect(before[0]).toBe(2)
    })

    test('of a name that all objects of JavaScript have', async () => {
      const { rig, ns, app, url, ready } = await start()
      await using _ = rig
      await rig.apply(broker(ns))
      await rig.apply(deployment(ns))
      await rig.apply(sinkBinding(ns, 'constructor'))
      await ready('True', undefined, 'constructor')
      expect(envOf(await app())['K_SINK']).toBe(url)
      await rig.delete(bindings, ns, 'constructor')
      await rig.gone(bindings, ns, 'constructor')
      expect(envOf(await app())).toEqual({})
    })

    test('extensions, certificates and a sink that is a URL', async () => {
      const { rig, ns, app, ready } = await start()
      await using _ = rig
      const CACerts = '-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n'
      const ceOverrides = { extensions: { b: '2', a: '1' } }
      await rig.apply(deployment(ns))
      await rig.apply(sinkBinding(ns, 'to-broker', { sink: { uri: 'https://Sink.example/a', CACerts }, ceOverrides }))
      await ready('True')
      expect(envOf(await app())).toEqual({
        K_SINK: 'https://sink.example/a',
        K_CA_CERTS: CACerts,
        K_CE_OVERRIDES: '{"extensions":{"a":"1","b":"2"}}',
      })
    })

    test('a Service, with a path, and any object with an address', async () => {
      const { rig, ns, app, ready } = await start()
      await using _ = rig
      const resource = { group: `${ns}.example.com`, version: 'v1', plural: 'things', kind: 'Thing', namespaced: true }
      await rig.api.install(resource)
      await rig.apply(service(ns))
      await rig.apply(deployment(ns))
      const toService = { ref: { apiVersion: 'v1', kind: 'Service', name: 'my-service' }, uri: '/in' }
      await rig.apply(sinkBinding(ns, 'to-broker', { sink: toService }))
      await ready('True')
      expect(envOf(await app())['K_SINK']).toBe(`http://my-service.${ns}.svc.cluster.local/in`)
      const apiVersion = `${resource.group}/v1`
      const toThing = { ref: { apiVersion, kind: 'Thing', name: 'a' } }
      await rig.apply(sinkBinding(ns, 'to-broker', { sink: toThing }))
      await ready('False', 'ReferenceNotResolved')
      const thing = { apiVersion, kind: 'Thing', metadata: { namespace: ns, name: 'a' } }
      await rig.client.create(resource, thing, always)
      const status = { address: { url: 'https://thing.example/', CACerts: 'PEM' } }
      await rig.client.patch(resource, { namespace: ns, name: 'a' }, { kind: 'merge', body: { status } }, always, {
        subresource: 'status',
      })
      await ready('True')
      expect(envOf(await app())).toMatchObject({ K_SINK: 'https://thing.example/', K_CA_CERTS: 'PEM' })
      // More than Linux starts a program with.
      const large = { address: { url: 'https://large.example/', CACerts: 'x'.repeat(130_000) } }
      await rig.client.patch(
        resource,
        { namespace: ns, name: 'a' },
        { kind: 'merge', body: { status: large } },
        always,
        {
          subresource: 'status',
        },
      )
      expect(messageOf(await ready('False', 'ReferenceNotResolved'))).toContain('CACerts of 130000 characters')
      expect(envOf(await app())).toMatchObject({ K_SINK: 'https://thing.example/', K_CA_CERTS: 'PEM' })
    })

    test.each(['StatefulSet', 'DaemonSet', 'ReplicaSet', 'CronJob'] as const)('a %s', async (kind) => {
      const { rig, ns, app, url, ready } = await start()
      await using _ = rig
      const resource = Object.values(kinds).find((each) => each.kind === kind)!
      const object = workload(kind, ns) as KubeObject
      await rig.apply(object)
      await rig.apply(broker(ns))
      await rig.apply(sinkBinding(ns, 'to-broker', { subject: { apiVersion: object.apiVersion, kind, name: 'app' } }))
      await ready('True')
      expect(envOf(await app('app', resource))['K_SINK']).toBe(url)
      await rig.delete(bindings, ns, 'to-broker')
      await rig.gone(bindings, ns, 'to-broker')
      expect(envOf(await app('app', resource))).toEqual({})
    })

    test('any kind with a pod template, while it is installed', async () => {
      const { rig, ns, ready } = await start()
      await using _ = rig
      const resource = {
        group: `${ns}.example.com`,
        version: 'v1',
        plural: 'engines',
        kind: 'Engine',
        namespaced: true,
      }
      const apiVersion = `${resource.group}/v1`
      await rig.apply(broker(ns))
      await rig.apply(sinkBinding(ns, 'to-broker', { subject: { apiVersion, kind: 'Engine', name: 'app' } }))
      await ready('False', 'KindNotInstalled')
      await rig.api.install(resource)
      await ready('False', 'SubjectMissing')
      const spec = { template: { spec: { containers: [{ name: 'app', image: 'app:1' }] } } }
      await rig.client.create(
        resource,
        { apiVersion, kind: 'Engine', metadata: { namespace: ns, name: 'app' }, spec },
        always,
      )
      await ready('True')
      expect(envOf(await rig.get(resource, ns, 'app'))).toHaveProperty('K_SINK')
    })

    test('a Job that came before is named, and one that is bound already is not touched', async () => {
      const { rig, ns, app, ready } = await start()
      await using _ = rig
      await rig.apply(broker(ns))
      await rig.apply(workload('Job', ns))
      await rig.apply(sinkBinding(ns, 'to-broker', { subject: { apiVersion: 'batch/v1', kind: 'Job', name: 'app' } }))
      const told = await ready('False', 'JobNotBound')
      expect(messageOf(told)).toContain(`Job ${ns}/app began without the variables`)
      expect(envOf(await app('app', kinds.job))).toEqual({})
    })

    test('what a controller made is no subject, and status says who is', async () => {
      const { rig, ns, app, ready } = await bound()
      await using _ = rig
      const { uid } = (await app())!.metadata
      const owner = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'app', uid, controller: true }
      const set = workload('ReplicaSet', ns, 'app-1', { labels: { app: 'app', made: 'yes' } }) as KubeObject
      await rig.apply({ ...set, metadata: { ...set.metadata, ownerReferences: [owner] } })
      const subject = { apiVersion: 'apps/v1', kind: 'ReplicaSet', selector: { matchLabels: { made: 'yes' } } }
      await rig.apply(sinkBinding(ns, 'sets', { subject }))
      expect(messageOf(await ready('False', 'SubjectOwned', 'sets'))).toContain('is made by Deployment app')
      expect(envOf(await app('app-1', kinds.replicaSet))).toEqual({})
    })

    test('what cannot be bound is told', async () => {
      const { rig, ns, ready } = await start()
      await using _ = rig
      await rig.apply(broker(ns))
      await rig.apply(sinkBinding(ns, 'to-broker', { subject: { apiVersion: 'v1', kind: 'Pod', name: 'app' } }))
      await ready('False', 'SubjectNotBindable')
      await rig.apply(sinkBinding(ns, 'to-broker'))
      await ready('False', 'SubjectMissing')
      await rig.apply(deployment(ns, 'app', { labels: { 'bindings.knative.dev/exclude': 'true' } }))
      await ready('False', 'SubjectExcluded')
    })
  })

  describe('many', () => {
    test('100 workloads bound by one selector: a change of the sink rolls each exactly once', async () => {
      const { rig, ns, ready } = await start()
      await using _ = rig
      const subject = {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        selector: { matchExpressions: [{ key: 'tier', operator: 'In', values: ['web'] }] },
      }
      await rig.apply(broker(ns))
      await rig.apply(broker(ns, 'other'))
      await rig.apply(deployment(ns, 'bystander'))
      const names = Array.from({ length: 100 }, (_, i) => `app-${i}`)
      await Promise.all(names.map((name) => rig.apply(deployment(ns, name, { labels: { tier: 'web' } }))))
      await rig.apply(sinkBinding(ns, 'to-broker', { subject }))
      const counted = async (generation: number) => {
        await eventuallyPasses('all are bound', async () =>
          expect((await rig.status(bindings, ns, 'to-broker')).subjectCount).toBe(100),
        )
        await ready('True')
        const { items } = await rig.client.list(deployments, { namespace: ns, labelSelector: 'tier=web' }, always)
        expect(items.map(({ metadata }) => metadata.generation)).toEqual(names.map(() => generation))
        return new Set(items.map((item) => envOf(item)['K_SINK']))
      }
      expect((await counted(2)).size).toBe(1)
      const other = { ref: { apiVersion: 'eventing.knative.dev/v1', kind: 'Broker', name: 'other' } }
      await rig.apply(sinkBinding(ns, 'to-broker', { subject, sink: other }))
      await ready('True')
      expect([...(await counted(3))]).toEqual([expect.stringMatching(/\/other$/)])
      expect(envOf(await rig.get(deployments, ns, 'bystander'))).toEqual({})
    })

    test('one that comes later is bound too, and one that loses the label is let go', async () => {
      const { rig, ns, app, ready } = await start()
      await using _ = rig
      const subject = { apiVersion: 'apps/v1', kind: 'Deployment', selector: { matchLabels: { tier: 'web' } } }
      await rig.apply(broker(ns))
      await rig.apply(sinkBinding(ns, 'to-broker', { subject }))
      await ready('True')
      await rig.apply(deployment(ns, 'app', { labels: { tier: 'web' } }))
      await eventuallyPasses('it is bound', async () => expect(envOf(await app())).toHaveProperty('K_SINK'))
      await rig.apply(deployment(ns, 'app', { labels: { tier: 'db' } }))
      await eventuallyPasses('it is let go', async () => expect(envOf(await app())).toEqual({}))
      await eventuallyPasses('status says so', async () =>
        expect((await rig.status(bindings, ns, 'to-broker')).subjectCount).toBe(0),
      )
    })
  })

  describe('a sink', () => {
    test('that is gone for a while takes nothing away', async () => {
      const { rig, ns, app, url, ready } = await bound()
      await using _ = rig
      await rig.delete(kinds.broker, ns, 'default')
      await rig.gone(kinds.broker, ns, 'default')
      expect(messageOf(await ready('False', 'ReferenceNotResolved'))).toContain(`until then K_SINK stays ${url}`)
      await rig.apply(broker(ns))
      await ready('True')
      expect((await app())?.metadata.generation).toBe(2)
      expect(envOf(await app())['K_SINK']).toBe(url)
    })

    test('that changes rolls once, and so do extensions; a new description of the same does not', async () => {
      const { rig, ns, app, url, ready } = await bound()
      await using _ = rig
      await rig.apply(sinkBinding(ns, 'to-broker', { sink: { uri: url } }))
      await ready('True')
      expect((await app())?.metadata.generation).toBe(2)
      await rig.apply(sinkBinding(ns, 'to-broker', { sink: { uri: `${url}/x` } }))
      await ready('True')
      expect((await app())?.metadata.generation).toBe(3)
      expect(envOf(await app())['K_SINK']).toBe(`${url}/x`)
    })
  })

  describe('what a user wrote', () => {
    const own = [
      { name: 'A', value: '1' },
      { name: 'K_SINK', value: 'by-hand' },
      { name: 'B', value: '2' },
    ]

    test('comes back when the SinkBinding goes', async () => {
      const { rig, ns, app, url } = await bound(own)
      await using _ = rig
      expect(envOf(await app())).toEqual({ A: '1', K_SINK: url, B: '2', K_CE_OVERRIDES: '' })
      await rig.delete(bindings, ns, 'to-broker')
      await rig.gone(bindings, ns, 'to-broker')
      const spec = (await app())?.['spec'] as { template: { spec: { containers: { env: unknown }[] } } }
      expect(spec.template.spec.containers[0]?.env).toEqual(own)
      expect((await app())?.metadata.annotations ?? {}).not.toHaveProperty('sources.millrace.dev/bound')
    })

    test('is never in the pod template as a record', async () => {
      const { rig, app } = await bound(own)
      await using _ = rig
      const { template } = (await app())!['spec'] as { template: object }
      expect(JSON.stringify(template)).not.toMatch(/by-hand|millrace/)
    })
  })

  describe('another subject', () => {
    test.each<[string, object]>([
      ['name', { apiVersion: 'apps/v1', kind: 'Deployment', name: 'other' }],
      ['selector', { apiVersion: 'apps/v1', kind: 'Deployment', selector: { matchLabels: { app: 'other' } } }],
      ['kind', { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'other' }],
    ])('by %s: the former one is let go', async (_what, subject) => {
      const { rig, ns, app, url, ready } = await bound()
      await using _ = rig
      await rig.apply(deployment(ns, 'other'))
      await rig.apply(workload('StatefulSet', ns, 'other'))
      await rig.apply(sinkBinding(ns, 'to-broker', { subject }))
      await ready('True')
      const { kind } = subject as { kind: string }
      expect((await rig.status(bindings, ns, 'to-broker')).subjects).toMatchObject([{ kind, name: 'other' }])
      expect(envOf(await app())).toEqual({})
      expect(envOf(await app('other', kind === 'Deployment' ? deployments : kinds.statefulSet))['K_SINK']).toBe(url)
    })
  })

  describe('two on one workload', () => {
    test('the later one says Conflict and names the other, and comes in when that goes: one roll', async () => {
      const { rig, ns, app, url, ready } = await bound()
      await using _ = rig
      await pause(1_000)
      await rig.apply(sinkBinding(ns, 'again', { sink: { uri: 'http://again.example/' } }))
      expect(messageOf(await ready('False', 'Conflict', 'again'))).toContain(`SinkBinding ${ns}/to-broker`)
      await ready('True')
      expect(envOf(await app())['K_SINK']).toBe(url)
      expect((await app())?.metadata.generation).toBe(2)
      await rig.delete(bindings, ns, 'to-broker')
      await ready('True', undefined, 'again')
      expect(envOf(await app())['K_SINK']).toBe('http://again.example/')
      expect((await app())?.metadata.generation).toBe(3)
    })

    test('with variables of their own both are in', async () => {
      const { rig, ns, app, url, ready } = await bound()
      await using _ = rig
      const named = { 'sources.millrace.dev/env-prefix': 'ORDERS_' }
      await rig.apply(sinkBinding(ns, 'orders', { sink: { uri: 'http://orders.example/' } }, named))
      await ready('True', undefined, 'orders')
      await ready('True')
      expect(envOf(await app())).toEqual({
        K_SINK: url,
        K_CE_OVERRIDES: '',
        ORDERS_K_SINK: 'http://orders.example/',
        ORDERS_K_CE_OVERRIDES: '',
      })
      await rig.delete(bindings, ns, 'to-broker')
      await rig.gone(bindings, ns, 'to-broker')
      expect(Object.keys(envOf(await app()))).toEqual(['ORDERS_K_SINK', 'ORDERS_K_CE_OVERRIDES'])
    })
  })

  describe('deletion', () => {
    const resources: Record<string, Resource> = { binding: bindings, broker: kinds.broker, app: deployments }
    const nameOf: Record<string, string> = { binding: 'to-broker', broker: 'default', app: 'app' }
    const orders = ['binding', 'broker', 'app'].flatMap((a, _, all) =>
      all.filter((b) => b !== a).map((b) => [a, b, all.find((c) => c !== a && c !== b)!]),
    )

    test.each(orders)('of %s, %s, %s leaves nothing behind and blocks nothing', async (...parts) => {
      const { rig, ns, app } = await bound()
      await using _ = rig
      const gone = new Set<string>()
      for (const part of parts) {
        await rig.delete(resources[part]!, ns, nameOf[part]!)
        await rig.gone(resources[part]!, ns, nameOf[part]!)
        gone.add(part)
        const outlives = await app()
        if (!gone.has('binding') || outlives === null) continue
        expect(envOf(outlives)).toEqual({})
        expect(outlives.metadata.annotations ?? {}).not.toHaveProperty('sources.millrace.dev/bound')
      }
    })

    test.each([
      ['is released after two minutes', false],
      ['and that goes with its namespace is released at once', true],
    ])('of one that cannot be taken out, for the webhook of someone else, %s', async (_what, namespaceGoes) => {
      const { rig, ns } = await bound()
      await using _ = rig
      await rig.stopPlane()
      let lateMs = 0
      let broken = true
      const asked: string[] = []
      const patch: KubeClient['patch'] = (resource, key, ...rest) => {
        if (resource.kind !== 'Deployment' || !broken) return rig.client.patch(resource, key, ...rest)
        asked.push(key.name)
        return Promise.reject(new Fault('ApiUnavailable', 'failed calling webhook'))
      }
      rig.startPlane({ through: clientWith(rig.client, { patch }), lateMs: () => lateMs })
      await eventually('it is idle', () => rig.plane?.idle)
      const hold = (finalizers: string[] | null) =>
        rig.client.patch(
          kinds.namespace,
          { namespace: '', name: ns },
          { kind: 'merge', body: { metadata: { finalizers } } },
          always,
        )
      if (namespaceGoes) {
        await hold(['millrace.dev/test'])
        await rig.delete(kinds.namespace, '', ns)
      } else {
        await rig.delete(bindings, ns, 'to-broker')
        await eventually('it was tried', () => asked.length >= 2)
        expect(await rig.get(bindings, ns, 'to-broker')).not.toBeNull()
        lateMs = 120_000
      }
      await rig.delete(bindings, ns, 'to-broker')
      await rig.gone(bindings, ns, 'to-broker')
      if (namespaceGoes) {
        await hold(null)
        return
      }
      // What is left is taken out when it can be.
      broken = false
      await eventuallyPasses('it is taken out', async () =>
        expect(envOf(await rig.get(deployments, ns, 'app'))).toEqual({}),
      )
    })

    test.runIf(namespaces)('of the namespace', async () => {
      const { rig, ns } = await bound()
      await using _ = rig
      await rig.delete(kinds.namespace, '', ns)
      await rig.gone(kinds.namespace, '', ns, 60_000)
    })

    test('while no controller runs, with the finalizer taken off by hand: the next controller cleans up', async () => {
      const { rig, ns, app } = await bound()
      await using _ = rig
      await rig.stopPlane()
      const key = { namespace: ns, name: 'to-broker' }
      await rig.client.patch(bindings, key, { kind: 'merge', body: { metadata: { finalizers: null } } }, always)
      await rig.delete(bindings, ns, 'to-broker')
      expect(envOf(await app())).toHaveProperty('K_SINK')
      rig.startPlane()
      await eventuallyPasses('it is taken out', async () => expect(envOf(await app())).toEqual({}))
    })
  })

  describe('someone else', () => {
    /** As a GitOps tool that replaces the whole object by the original. */
    async function original(rig: ControlPlaneRig, ns: string): Promise<StoredObject> {
      return rig.client.replace(deployments, deployment(ns) as KubeObject, always)
    }

    test('who takes the variables away is put right three times, and then no more', async () => {
      const { rig, ns, app, ready } = await bound()
      await using _ = rig
      for (let i = 0; i < 3; i += 1) {
        await original(rig, ns)
        await eventuallyPasses('it is repaired', async () => expect(envOf(await app())).toHaveProperty('K_SINK'))
      }
      await original(rig, ns)
      expect(messageOf(await ready('False', 'Contested'))).toContain(`Deployment ${ns}/app`)
      const rolls = await countRolls(rig, ns)
      await original(rig, ns)
      await pause(1_500)
      expect(rolls()).toBe(0)
      expect(envOf(await app())).toEqual({})
      // What is meant is another thing now.
      await rig.apply(sinkBinding(ns, 'to-broker', { sink: { uri: 'http://new.example/' } }))
      await ready('True')
      expect(envOf(await app())['K_SINK']).toBe('http://new.example/')
    })

    test('who brings a workload of another cluster, with its record: it gets what is meant here, and goes with the SinkBinding', async () => {
      const { rig, ns, app, url, ready } = await start()
      await using _ = rig
      await rig.apply(broker(ns))
      await rig.apply(sinkBinding(ns))
      const env = [{ name: 'A', value: '1' }, { name: 'K_SINK', value: 'http://there/' }, { name: 'K_CE_OVERRIDES' }]
      const there = { uid: 'x', at: '999999999999', env: { K_SINK: 'http://there/', K_CE_OVERRIDES: '' } }
      const annotations = { 'sources.millrace.dev/bound': JSON.stringify({ 'to-broker': there, 'not-here': there }) }
      await rig.apply(deployment(ns, 'app', { env, annotations }))
      await eventuallyPasses('it has the address of here', async () => expect(envOf(await app())['K_SINK']).toBe(url))
      await ready('True')
      expect(JSON.stringify((await app())?.metadata.annotations)).not.toContain('not-here')
      await rig.delete(bindings, ns, 'to-broker')
      await rig.gone(bindings, ns, 'to-broker')
      expect(envOf(await app())).toEqual({ A: '1' })
    })

    test('who had bound it before, as Knative did: nothing rolls, and it goes with the SinkBinding', async () => {
      const { rig, ns, app, url, ready } = await start()
      await using _ = rig
      await rig.apply(broker(ns))
      const env = [{ name: 'A', value: '1' }, { name: 'K_SINK', value: url }, { name: 'K_CE_OVERRIDES' }]
      await rig.apply(deployment(ns, 'app', { env }))
      const rolls = await countRolls(rig, ns)
      const theirs = sinkBinding(ns) as KubeObject
      const finalizers = ['sinkbindings.sources.knative.dev']
      await rig.apply({ ...theirs, metadata: { ...theirs.metadata, finalizers } })
      await ready('True')
      expect(rolls()).toBe(0)
      await rig.delete(bindings, ns, 'to-broker')
      await rig.gone(bindings, ns, 'to-broker')
      expect(envOf(await app())).toEqual({ A: '1' })
    })

    test.each([
      ['whose address it wrote without a slash: nothing rolls', 'http://sink.example', undefined, 0],
      ['whose address is another one now: one roll', 'http://former.example', undefined, 1],
      ['with certificates that are others now: one roll', 'http://sink.example', 'former', 1],
    ])('Knative, %s, and all goes with the SinkBinding', async (_what, former, trusted, rolled) => {
      const { rig, ns, app, ready } = await start()
      await using _ = rig
      await rig.stopPlane()
      const certificates = trusted === undefined ? [] : [{ name: 'K_CA_CERTS', value: trusted }]
      const env = [
        { name: 'A', value: '1' },
        { name: 'K_SINK', value: former },
        ...certificates,
        { name: 'K_CE_OVERRIDES' },
      ]
      await rig.apply(deployment(ns, 'app', { env }))
      const theirs = sinkBinding(ns, 'to-broker', { sink: { uri: 'http://sink.example' } }) as KubeObject
      const finalizers = ['sinkbindings.sources.knative.dev']
      await rig.apply({ ...theirs, metadata: { ...theirs.metadata, finalizers } })
      const key = { namespace: ns, name: 'to-broker' }
      const status = { sinkUri: former, ...(trusted === undefined ? {} : { sinkCACerts: trusted }) }
      await rig.client.patch(bindings, key, { kind: 'merge', body: { status } }, always, { subresource: 'status' })
      const rolls = await countRolls(rig, ns)
      rig.startPlane()
      await ready('True')
      await eventuallyPasses('its record is kept', async () =>
        expect((await app())?.metadata.annotations).toHaveProperty('sources.millrace.dev/bound'),
      )
      expect(rolls()).toBe(rolled)
      expect(envOf(await app())['K_SINK']).toMatch(/^http:\/\/sink\.example\/?$/)
      await rig.delete(bindings, ns, 'to-broker')
      await rig.gone(bindings, ns, 'to-broker')
      expect(envOf(await app())).toEqual({ A: '1' })
    })
  })
}
