import { afterEach, expect, test } from 'vitest'
import { systemClock as clock } from '../../core/clock.ts'
import { inTime } from '../../core/deadline.ts'
import type { KubeClient } from '../../kube/client.ts'
import { kinds } from '../../kube/kinds.ts'
import { MemoryApi } from '../../kube/memory.ts'
import { createLogger } from '../../telemetry/logger.ts'
import { outletObject } from '../../../test/support/outlet-object.ts'
import { sideOf } from './cluster-side.ts'

const logger = createLogger('silent')
const namespace = 'system'
const key = { namespace, name: 'w' }
const ends: (() => Promise<unknown>)[] = []
afterEach(async () => void (await Promise.all(ends.splice(0).map((end) => end()))))

const inlet = (name: string) => ({
  apiVersion: 'internal.millrace.dev/v1alpha1',
  kind: 'Inlet',
  metadata: { name, namespace },
  spec: {},
})

test('what it has seen is written after a list of several pages too, and nothing while nothing changes', async () => {
  const api = new MemoryApi({ bookmarkMs: 100 })
  const admin = api.client()
  const stop = new AbortController()
  const { signal } = stop
  for (let i = 0; i < 501; i += 1) await admin.create(kinds.inlet, inlet(`i${i}`), signal)

  let writes = 0
  let held = false
  const page = Promise.withResolvers<void>()
  const client: KubeClient = {
    ...api.client(),
    list: async (resource, options, listing) => {
      if (held && options.continue !== undefined) await page.promise
      return admin.list(resource, options, listing)
    },
    patch: (...args) => {
      writes += 1
      return admin.patch(...args)
    },
  }
  const flags = { kind: 'kubernetes', name: 'w', namespace, kubeconfig: undefined, podUid: undefined } as const
  const side = sideOf(client, namespace, { flags, role: 'ingress', kafka: undefined, clock, logger, signal })
  await side.routes.ready()
  const worker = side.announce(() => [])
  ends.push(async () => (stop.abort(), worker.close(500)))
  const seen = async () => {
    const found = await admin.get(kinds.worker, key, signal)
    return Number((found?.['status'] as { seen?: string } | undefined)?.seen ?? 0)
  }
  await expect.poll(seen).toBeGreaterThan(0)

  // its watch breaks, history is gone, and the second page comes when the news of the first page are old
  held = true
  api.breakWatches()
  const made = await admin.create(kinds.inlet, inlet('aaa'), signal)
  api.compact()
  await expect.poll(() => side.routes.objects.get({ namespace, name: 'aaa' })).toBeDefined()
  await inTime(new Promise(() => {}), { ms: 1_200 })
  page.resolve()
  await expect.poll(seen, { timeout: 3_000 }).toBeGreaterThanOrEqual(Number(made.metadata.resourceVersion))

  const settled = writes
  await inTime(new Promise(() => {}), { ms: 1_300 })
  expect(writes).toBe(settled)
})

test('of what each dispatcher did for an Outlet it keeps its own part', async () => {
  const stop = new AbortController()
  const { signal } = stop
  ends.push(() => Promise.resolve(stop.abort()))
  const client = new MemoryApi().client()
  const shares = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`d-${i}`, { rate: i + 1 }]))
  const said = { observedGeneration: 1, state: 'consuming', topicId: 't1', partitions: 3 }
  const bodies = { with: { ...said, shares }, others: { ...said, shares: { 'd-1': { rate: 1 } } }, none: said }
  for (const [name, status] of Object.entries(bodies)) {
    await client.create(kinds.outlet, outletObject(name, namespace), signal)
    const patch = { kind: 'json', body: [{ op: 'add', path: '/status', value: status }] } as const
    await client.patch(kinds.outlet, { namespace, name }, patch, signal, { subresource: 'status' })
  }
  const flags = { kind: 'kubernetes', name: 'd-7', namespace, kubeconfig: undefined, podUid: undefined } as const
  const kafka = { bootstrapServers: 'kafka:9092' }
  const { routes } = sideOf(client, namespace, { flags, role: 'dispatcher', kafka, clock, logger, signal })
  await routes.ready()
  const kept = (name: string) => routes.objects.get({ namespace, name })?.['status']
  expect(kept('with')).toEqual({ ...said, shares: { 'd-7': { rate: 8 } } })
  // there is a place for it, which must not be made again over what others wrote
  expect(kept('others')).toEqual({ ...said, shares: {} })
  expect(kept('none')).toEqual(said)
})
