import { setTimeout as sleep } from 'node:timers/promises'
import type { OutletStatus } from '../../src/contract/outlet.ts'
import { systemClock as clock } from '../../src/core/clock.ts'
import { apiVersionOf, type KubeClient } from '../../src/kube/client.ts'
import { startInformer, type Informer } from '../../src/kube/informer.ts'
import { kinds } from '../../src/kube/kinds.ts'
import { createLogger } from '../../src/telemetry/logger.ts'

/** A worker as the control plane sees it: a Pod, a Worker object, and of a dispatcher the status of Outlets. It moves no event. */
export interface SimulatedWorker extends AsyncDisposable {
  /** Whether its pod is Ready; a dead one writes nothing more. */
  setReady(ready: boolean): Promise<void>
  /** Takes its pod and its Worker object away. */
  remove(): Promise<void>
  /** While true it reads nothing, so what it has seen stands still. */
  paused: boolean
  /** How an Outlet fares; default: consuming. */
  report: (source: string) => Pick<OutletStatus, 'state' | 'fault' | 'progress' | 'shares'>
  /** Writes the reports again where they changed. */
  refresh(): void
}

export interface WorkerOptions {
  readonly client: KubeClient
  /** The system namespace. */
  readonly namespace: string
  readonly name: string
  readonly role: 'ingress' | 'dispatcher'
  /** Which partitions it owns, of every topic. */
  readonly partitions?: readonly number[]
}

interface OutletLike {
  readonly metadata: { readonly name: string; readonly generation?: number }
  readonly spec: {
    topic: string
    bootstrapServers: string
    credential?: string
    source: { namespace: string; name: string }
  }
  readonly status?: OutletStatus
}

export async function startSimulatedWorker(options: WorkerOptions): Promise<SimulatedWorker> {
  const { client, namespace, name, role, partitions = Array.from({ length: 10 }, (_, i) => i) } = options
  const stop = new AbortController()
  const { signal } = stop
  const key = { namespace, name }
  const resource = role === 'ingress' ? kinds.inlet : kinds.outlet
  const logger = createLogger('silent')
  const routes: Informer = startInformer({ client, resource, selection: { namespace }, clock, logger, signal })
  await makePod(client, options, signal)
  await client.create(
    kinds.worker,
    { apiVersion: apiVersionOf(kinds.worker), kind: 'Worker', metadata: key, spec: { role } },
    signal,
  )
  let written = ''
  const worker: SimulatedWorker = {
    paused: false,
    report: () => ({ state: 'consuming' }),
    refresh: () => undefined,
    setReady: (ready) => setReady(client, key, ready),
    remove: async () => {
      stop.abort()
      const { signal } = new AbortController()
      await client.delete(kinds.worker, key, signal)
      await client.delete(kinds.pod, key, signal)
    },
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await done
    },
  }
  const say = async (): Promise<void> => {
    const seen = routes.resourceVersion
    if (role === 'dispatcher') await reportOutlets()
    const owns = role === 'ingress' ? [] : ownsOf([...routes.all()] as unknown as OutletLike[])
    const status = { seen, owns }
    if (JSON.stringify(status) === written) return
    const body = [{ op: 'add', path: '/status', value: status }]
    await client.patch(kinds.worker, key, { kind: 'json', body }, signal, { subresource: 'status' })
    written = JSON.stringify(status)
  }
  const ownsOf = (outlets: readonly OutletLike[]) => {
    const topics = new Map(
      outlets.map(({ spec }) => [`${spec.bootstrapServers} ${spec.credential} ${spec.topic}`, spec]),
    )
    return [...topics.values()].map(({ bootstrapServers, credential, topic }) => ({
      ...{ bootstrapServers, topic, partitions },
      ...(credential === undefined ? {} : { credential }),
    }))
  }
  const reportOutlets = async (): Promise<void> => {
    for (const { metadata, spec, status } of [...routes.all()] as unknown as OutletLike[]) {
      const wanted = { observedGeneration: metadata.generation ?? 0, ...worker.report(spec.source.name) }
      if (JSON.stringify(wanted) === JSON.stringify(status)) continue
      const body = [{ op: 'add', path: '/status', value: wanted }]
      const outlet = { namespace, name: metadata.name }
      await client
        .patch(kinds.outlet, outlet, { kind: 'json', body }, signal, { subresource: 'status' })
        .catch(() => {})
    }
  }
  const done = (async () => {
    await routes.ready().catch(() => undefined)
    while (!signal.aborted) {
      if (!worker.paused) await say().catch(() => undefined)
      await sleep(20)
    }
  })()
  return worker
}

/** A pod of a worker, Ready. */
export async function makePod(
  client: KubeClient,
  { namespace, name, role }: WorkerOptions,
  signal: AbortSignal,
): Promise<void> {
  const labels = { 'app.kubernetes.io/name': 'millrace', 'app.kubernetes.io/component': role }
  const spec = { containers: [{ name: role, image: 'none' }], automountServiceAccountToken: false }
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { namespace, name, labels }, spec }
  await client.create(kinds.pod, pod, signal)
  await setReady(client, { namespace, name }, true)
}

async function setReady(client: KubeClient, key: { namespace: string; name: string }, ready: boolean): Promise<void> {
  const value = { phase: 'Running', conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] }
  const body = [{ op: 'add', path: '/status', value }]
  const { signal } = new AbortController()
  await client.patch(kinds.pod, key, { kind: 'json', body }, signal, { subresource: 'status' })
}
