import { expect, it } from 'vitest'
import { applyChild } from '../../../src/kube/child.ts'
import type { KubeObject, Resource } from '../../../src/kube/client.ts'
import { kinds } from '../../../src/kube/kinds.ts'
import { isAfter } from '../../../src/kube/resource-version.ts'
import { eventually } from '../../support/eventually.ts'
import { openBench, type Bench, type LoopUnderTest } from './subject.ts'
import { patchedClient } from './tapped-client.ts'

const owner = { labels: { 'test.millrace.dev/owner': 'us' } }

/** A kind of child, its store, and the way to apply one. */
async function nursery(bench: Bench, resource: Resource) {
  const { client, namespace, signal } = bench
  const store = bench.inform(resource)
  await store.ready()
  const options = { client, store, owner, fieldManager: 'millrace', signal }
  const key = (name: string) => ({ namespace, name })
  const stored = async (name: string) => {
    const found = await bench.admin.get(resource, key(name), signal)
    if (found === null) throw new Error(`${name} is not there`)
    return found
  }
  /** Applies, and waits until the cache shows what came of it. */
  const apply = async (desired: KubeObject) => {
    const done = await applyChild(options, resource, desired)
    const { resourceVersion } = (await stored(desired.metadata.name)).metadata
    await eventually('the cache has it', () => !isAfter(resourceVersion, store.resourceVersion))
    return done
  }
  const edit = async (name: string, body: object) => {
    const { metadata } = await bench.admin.patch(resource, key(name), { kind: 'merge', body }, signal)
    await eventually('the cache has it', () => !isAfter(metadata.resourceVersion, store.resourceVersion))
  }
  return { apply, edit, stored, key, store, options }
}

/** What children promise. */
export function children(subject: () => LoopUnderTest): void {
  const configMap = ({ namespace }: Bench, data: Record<string, string>): KubeObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'child', namespace },
    data,
  })

  it('makes a child, leaves one alone that is as it shall be, and asks nothing for that', async () => {
    await using bench = await openBench(subject())
    const { apply, stored } = await nursery(bench, kinds.configMap)
    expect(await apply(configMap(bench, { a: '1' }))).toBe('applied')
    expect(await stored('child')).toMatchObject({
      data: { a: '1' },
      metadata: { labels: { ...owner.labels, 'app.kubernetes.io/managed-by': 'millrace' } },
    })
    const calls = bench.client.calls.length
    expect(await apply(configMap(bench, { a: '1' }))).toBe('unchanged')
    expect(bench.client.calls).toHaveLength(calls)
  })

  it('brings back what others changed of what it means, and keeps what they added', async () => {
    await using bench = await openBench(subject())
    const { apply, edit, stored } = await nursery(bench, kinds.configMap)
    await apply(configMap(bench, { a: '1' }))
    await edit('child', { data: { theirs: 'x' }, metadata: { labels: { theirs: 'x' } } })
    expect(await apply(configMap(bench, { a: '1' }))).toBe('unchanged')
    await edit('child', { data: { a: '2' } })
    expect(await apply(configMap(bench, { a: '1' }))).toBe('applied')
    expect(await stored('child')).toMatchObject({
      data: { a: '1', theirs: 'x' },
      metadata: { labels: { theirs: 'x' } },
    })
  })

  it('takes away what it no longer means', async () => {
    await using bench = await openBench(subject())
    const { apply, edit, stored } = await nursery(bench, kinds.configMap)
    await apply(configMap(bench, { a: '1', b: '2' }))
    await edit('child', { data: { theirs: 'x' } })
    expect(await apply(configMap(bench, { a: '1' }))).toBe('applied')
    expect((await stored('child'))['data']).toEqual({ a: '1', theirs: 'x' })
    expect(await apply(configMap(bench, { a: '1' }))).toBe('unchanged')
  })

  it('never touches one that is not ours, even where the cache does not hold it', async () => {
    await using bench = await openBench(subject())
    const { namespace, signal } = bench
    const theirs = await bench.admin.create(kinds.configMap, configMap(bench, { a: 'theirs' }), signal)
    const { apply, options, stored } = await nursery(bench, kinds.configMap)
    expect(await apply(configMap(bench, { a: '1' }))).toBe('notOurs')
    const store = bench.inform(kinds.configMap, { selection: { namespace, labelSelector: 'mine=yes' } })
    await store.ready()
    expect(await applyChild({ ...options, store }, kinds.configMap, configMap(bench, { a: '1' }))).toBe('notOurs')
    expect((await stored('child')).metadata.resourceVersion).toBe(theirs.metadata.resourceVersion)
    expect(bench.client.writes).toBe(0)
  })

  /** As `applyChild` with a client whose next look at a child is followed by something else, before the write. */
  const applyAround = async (bench: Bench, desired: KubeObject, meanwhile: () => Promise<unknown>) => {
    const { options } = await nursery(bench, kinds.configMap)
    let looked = false
    const client = patchedClient(bench.client, {
      get: async (...args) => {
        const found = await bench.client.get(...args)
        if (!looked) await meanwhile()
        looked = true
        return found
      },
    })
    return applyChild({ ...options, client }, kinds.configMap, desired)
  }

  it('never touches one of someone else that is made after it looked', async () => {
    await using bench = await openBench(subject())
    const theirs = () => bench.admin.create(kinds.configMap, configMap(bench, { a: 'theirs' }), bench.signal)
    expect(await applyAround(bench, configMap(bench, { a: '1' }), theirs)).toBe('notOurs')
    const { stored } = await nursery(bench, kinds.configMap)
    expect(await stored('child')).toMatchObject({ data: { a: 'theirs' } })
    expect((await stored('child')).metadata.labels).toBeUndefined()
  })

  it('never touches one of someone else that takes the place of ours after it looked', async () => {
    await using bench = await openBench(subject())
    const { apply, stored, key } = await nursery(bench, kinds.configMap)
    await apply(configMap(bench, { a: '1' }))
    const replaced = async () => {
      await bench.admin.delete(kinds.configMap, key('child'), bench.signal)
      await bench.admin.create(kinds.configMap, configMap(bench, { a: 'theirs' }), bench.signal)
    }
    expect(await applyAround(bench, configMap(bench, { a: '2' }), replaced)).toBe('notOurs')
    expect(await stored('child')).toMatchObject({ data: { a: 'theirs' } })
    expect((await stored('child')).metadata.labels).toBeUndefined()
  })

  it('makes one again that goes after it looked, and changes one that changes', async () => {
    await using bench = await openBench(subject())
    const { apply, edit, stored, key } = await nursery(bench, kinds.configMap)
    await apply(configMap(bench, { a: '1' }))
    const edited = () => edit('child', { data: { theirs: 'x' } })
    expect(await applyAround(bench, configMap(bench, { a: '2' }), edited)).toBe('applied')
    expect((await stored('child'))['data']).toEqual({ a: '2', theirs: 'x' })
    const gone = () => bench.admin.delete(kinds.configMap, key('child'), bench.signal)
    expect(await applyAround(bench, configMap(bench, { a: '3' }), gone)).toBe('applied')
    expect((await stored('child'))['data']).toEqual({ a: '3' })
  })

  it('leaves one that is being deleted to go', async () => {
    await using bench = await openBench(subject())
    const { apply, edit, stored, key } = await nursery(bench, kinds.configMap)
    await apply(configMap(bench, { a: '1' }))
    await edit('child', { metadata: { finalizers: ['test.millrace.dev/hold'] } })
    await bench.admin.delete(kinds.configMap, key('child'), bench.signal)
    expect(await apply(configMap(bench, { a: '2' }))).toBe('unchanged')
    expect((await stored('child'))['data']).toEqual({ a: '1' })
    await edit('child', { metadata: { finalizers: null } }).catch(() => undefined)
  })

  it('asks once only where the API server writes something of it another way than we do', async ({ skip }) => {
    if (!subject().real) skip('no defaults')
    await using bench = await openBench(subject())
    const limitRange = { group: '', version: 'v1', plural: 'limitranges', kind: 'LimitRange', namespaced: true }
    const { apply, edit, stored } = await nursery(bench, limitRange)
    // Stored as 1.
    const spec = { limits: [{ type: 'Pod', max: { cpu: '1000m' } }] }
    const desired = {
      apiVersion: 'v1',
      kind: 'LimitRange',
      metadata: { name: 'child', namespace: bench.namespace },
      spec,
    }
    expect(await apply(desired)).toBe('applied')
    const calls = bench.client.calls.length
    expect(await apply(desired)).toBe('unchanged')
    expect(bench.client.calls).toHaveLength(calls)
    await edit('child', { spec: { limits: [{ type: 'Pod', max: { cpu: '2' } }] } })
    expect(await apply(desired)).toBe('applied')
    expect(await stored('child')).toMatchObject({ spec: { limits: [{ max: { cpu: '1' } }] } })
  })

  const labels = { app: 'x' }
  const template = {
    metadata: { labels },
    spec: {
      serviceAccountName: 'x',
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      hostNetwork: false,
      nodeSelector: {},
      tolerations: [],
      terminationGracePeriodSeconds: 60,
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: 'kubernetes.io/hostname',
          whenUnsatisfiable: 'ScheduleAnyway',
          labelSelector: { matchLabels: labels },
        },
      ],
      volumes: [
        { name: 'tmp', emptyDir: { sizeLimit: '1024Mi' } },
        { name: 'config', configMap: { name: 'x', optional: true } },
      ],
      containers: [
        {
          name: 'worker',
          image: 'millrace:test',
          args: ['ingress', '--kubernetes'],
          env: [
            { name: 'EMPTY', value: '' },
            { name: 'LIMIT', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1000m' } } },
            { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
          ],
          ports: [{ name: 'http', containerPort: 8080 }],
          resources: { requests: { cpu: '0.1', memory: '128Mi' }, limits: { cpu: 1, memory: '0.5Gi' } },
          readinessProbe: { httpGet: { path: '/ready', port: 'health' }, periodSeconds: 5 },
          volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
        },
      ],
    },
  }
  const workloads: readonly (readonly [Resource, object])[] = [
    [
      kinds.deployment,
      { selector: { matchLabels: labels }, template, strategy: { rollingUpdate: { maxUnavailable: 0 } } },
    ],
    [
      kinds.statefulSet,
      { serviceName: 'x', podManagementPolicy: 'Parallel', replicas: 2, selector: { matchLabels: labels }, template },
    ],
    [kinds.service, { selector: labels, ports: [{ name: 'http', port: 80, targetPort: 'http' }] }],
    [kinds.podDisruptionBudget, { selector: { matchLabels: labels }, maxUnavailable: 1 }],
  ]
  for (const [resource, spec] of workloads) {
    it(`knows its ${resource.kind} again, with all that the API server put in`, async ({ skip }) => {
      if (!subject().real) skip('no defaults')
      await using bench = await openBench(subject())
      const { apply, edit, stored } = await nursery(bench, resource)
      const apiVersion = resource.group === '' ? 'v1' : `${resource.group}/${resource.version}`
      const desired = { apiVersion, kind: resource.kind, metadata: { name: 'child', namespace: bench.namespace }, spec }
      expect(await apply(desired)).toBe('applied')
      // Its controller may write status meanwhile.
      await eventually('it settles', async () => (await apply(desired)) === 'unchanged')
      const writes = bench.client.writes
      for (let i = 0; i < 3; i += 1) expect(await apply(desired)).toBe('unchanged')
      expect(bench.client.writes).toBe(writes)
      if (resource === kinds.deployment) {
        // What an autoscaler and `kubectl rollout restart` write is theirs.
        const restart = { metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': '2026-01-01T00:00:00Z' } } }
        await edit('child', { spec: { replicas: 3, template: restart } })
        await eventually('it settles', async () => (await apply(desired)) === 'unchanged')
        expect(bench.client.writes).toBe(writes)
        expect((await stored('child'))['spec']).toMatchObject({ replicas: 3, template: restart })
      }
    })
  }
}
