import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../../core/clock.ts'
import type { Resource } from '../../kube/client.ts'
import { startInformer } from '../../kube/informer.ts'
import { kinds } from '../../kube/kinds.ts'
import { MemoryApi } from '../../kube/memory.ts'
import { createLogger } from '../../telemetry/logger.ts'
import { workersReconciler, type WorkersSummary } from './reconciler.ts'

const logger = createLogger('silent')
const namespace = 'system'
const stop = new AbortController()
afterEach(() => stop.abort())

test('what lasts is reported once, and told anew in an Event every half an hour', async () => {
  const { signal } = stop
  const client = new MemoryApi().client()
  const object = (kind: string, name: string) => ({ apiVersion: 'v1', kind, metadata: { name, namespace } })
  await client.create(kinds.namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, signal)
  await client.create(kinds.service, object('Service', 'kafka-broker-ingress'), signal)
  const configMap = await client.create(kinds.configMap, object('ConfigMap', 'config-millrace'), signal)
  const resources: Resource[] = [kinds.deployment, kinds.statefulSet, kinds.service, kinds.podDisruptionBudget]
  const selection = { namespace }
  const stores = new Map(
    resources.map((resource) => [
      resource,
      startInformer({ client, resource, selection, clock: systemClock, logger, signal }),
    ]),
  )
  await Promise.all([...stores.values()].map((store) => store.ready()))
  let minutes = 0
  const clock = { ...systemClock, monotonic: () => minutes * 60_000 }
  const told: string[] = []
  const reports: WorkersSummary[] = []
  const reconciler = workersReconciler({
    ...{ client, namespace, image: 'millrace:1', stores, clock, logger },
    events: { event: (about, _, reason) => void told.push(`${about.metadata.name} ${reason}`) },
    report: (summary) => void reports.push(summary),
  })
  const key = { namespace, name: 'config-millrace' }
  const look = async (at: number) => {
    minutes = at
    const outcome = await reconciler.reconcile(key, configMap, signal)
    return [outcome.kind === 'waiting' && outcome.afterMs / 60_000, told.length, reports.length]
  }

  expect(await look(100)).toEqual([30, 1, 1])
  expect(await look(129)).toEqual([30, 1, 1])
  expect(await look(131)).toEqual([30, 2, 1])
  expect(told).toEqual(Array(2).fill('config-millrace NotOurs'))
  expect(reports[0]).toMatchObject({ address: { kind: 'notOurs' }, dispatcher: { kind: 'ok' } })
  await client.delete(kinds.service, { namespace, name: 'kafka-broker-ingress' }, signal)
  expect(await look(200)).toEqual([false, 2, 2])
  expect(reports[1]?.address).toEqual({ kind: 'ok' })
})
