import { afterEach, expect, test } from 'vitest'
import type { WorkerStatus } from '../../contract/worker.ts'
import { systemClock } from '../../core/clock.ts'
import type { KubeClient } from '../../kube/client.ts'
import { kinds } from '../../kube/kinds.ts'
import { MemoryApi } from '../../kube/memory.ts'
import { createLogger } from '../../telemetry/logger.ts'
import { WorkerObject } from './worker-object.ts'

const key = { namespace: 'system', name: 'd-0' }
const { signal } = new AbortController()
const logger = createLogger('silent')
const workers: WorkerObject[] = []
afterEach(async () => void (await Promise.all(workers.splice(0).map((worker) => worker.close(100)))))

function counting(
  client: KubeClient,
): KubeClient & { readonly writes: readonly string[]; readonly looks: { count: number } } {
  const writes: string[] = []
  const looks = { count: 0 }
  return {
    ...client,
    writes,
    looks,
    get: (...args) => ((looks.count += 1), client.get(...args)),
    create: (...args) => (writes.push('create'), client.create(...args)),
    patch: (...args) => (writes.push('patch'), client.patch(...args)),
    delete: (...args) => (writes.push('delete'), client.delete(...args)),
  }
}

/** What owns a Worker has to be there, or it is collected. @returns its uid. */
async function pod(api: MemoryApi, name: string): Promise<string> {
  const object = { apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'system', name } }
  return (await api.client().create(kinds.pod, object, signal)).metadata.uid
}

function start(api: MemoryApi, podUid?: string, clock = systemClock) {
  const client = counting(api.client())
  const now: { status: WorkerStatus } = { status: { seen: '1', owns: [] } }
  const status = () => now.status
  const worker = new WorkerObject({ client, ...key, podUid, role: 'dispatcher', status, clock, logger })
  workers.push(worker)
  const stored = () => api.client().get(kinds.worker, key, signal)
  const shows = (wanted: WorkerStatus) => expect.poll(async () => (await stored())?.['status']).toEqual(wanted)
  return { worker, client, now, stored, shows }
}

const owns = [{ bootstrapServers: 'k:1', topic: 't', partitions: [0] }]

test('it belongs to the pod and says what is true; what is said already is not written again', async () => {
  const api = new MemoryApi()
  const podUid = await pod(api, 'd-0')
  const { worker, client, now, stored, shows } = start(api, podUid)
  worker.seenMoved()
  await shows({ seen: '1', owns: [] })
  expect(await stored()).toMatchObject({
    metadata: { ownerReferences: [{ kind: 'Pod', name: 'd-0', uid: podUid }] },
    spec: { role: 'dispatcher' },
  })
  now.status = { seen: '1', owns }
  worker.ownsChanged()
  await shows({ seen: '1', owns })
  worker.ownsChanged()
  worker.seenMoved()
  await new Promise((resolve) => setTimeout(resolve, 1_300))
  expect(client.writes).toEqual(['create', 'patch', 'patch'])
})

test('what it has seen is written once a second however often it moves; a rebalance does not wait', async () => {
  const { worker, client, now, shows } = start(new MemoryApi())
  const begin = performance.now()
  worker.seenMoved()
  await shows({ seen: '1', owns: [] })
  for (const end = performance.now() + 700; performance.now() < end;) {
    now.status = { seen: String(Math.round(performance.now())), owns: [] }
    worker.seenMoved()
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  expect(client.writes.length).toBeLessThanOrEqual(2 + (performance.now() - begin) / 1000)
  now.status = { ...now.status, owns }
  worker.ownsChanged()
  await shows(now.status)
  // the one that does not wait, and no more than one a second beside it
  expect(client.writes.length).toBeLessThanOrEqual(3 + (performance.now() - begin) / 1000)
})

test('while the API server is away it goes on trying, and then says what is true then', async () => {
  const api = new MemoryApi()
  api.away = true
  const { worker, now, shows } = start(api)
  worker.seenMoved()
  now.status = { seen: '2', owns }
  worker.ownsChanged()
  await new Promise((resolve) => setTimeout(resolve, 300))
  api.away = false
  await shows({ seen: '2', owns })
})

test('one of an earlier pod of this name is removed first; one of this pod is taken on', async () => {
  const api = new MemoryApi()
  const [its, another] = [await pod(api, 'd-0'), await pod(api, 'another')]
  const earlier = start(api, its)
  earlier.worker.seenMoved()
  await earlier.shows({ seen: '1', owns: [] })
  const restarted = start(api, its)
  restarted.now.status = { seen: '5', owns }
  restarted.worker.seenMoved()
  await restarted.shows({ seen: '5', owns })
  expect(restarted.client.writes).toEqual(['create', 'patch'])
  const { uid } = (await restarted.stored())?.metadata ?? {}
  const later = start(api, another)
  later.worker.seenMoved()
  await later.shows({ seen: '1', owns: [] })
  expect((await later.stored())?.metadata).toMatchObject({ ownerReferences: [{ uid: another }] })
  expect((await later.stored())?.metadata.uid).not.toBe(uid)
})

test('what moves on by itself, with the bookmarks of the API server, is no reason to write', async () => {
  const { worker, client, now, shows } = start(new MemoryApi())
  worker.seenMoved()
  await shows({ seen: '1', owns: [] })
  now.status = { seen: '2', owns: [] }
  const { count } = client.looks
  await expect.poll(() => client.looks.count).toBeGreaterThan(count)
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(client.writes).toEqual(['create', 'patch'])
})

test('one that someone deleted is made anew, with the next change or within seconds; it goes with an orderly end', async () => {
  const api = new MemoryApi()
  const { worker, now, shows, stored } = start(api)
  worker.seenMoved()
  await shows({ seen: '1', owns: [] })
  await api.client().delete(kinds.worker, key, signal)
  now.status = { seen: '2', owns: [] }
  worker.ownsChanged()
  await shows({ seen: '2', owns: [] })
  // also when there is nothing new to say
  await api.client().delete(kinds.worker, key, signal)
  await shows({ seen: '2', owns: [] })
  await worker.close(1_000)
  expect(await stored()).toBeNull()
})

test('what moves just before it is looked after is written all the same', async () => {
  let time = 0
  const { worker, client, now, shows } = start(new MemoryApi(), undefined, { ...systemClock, monotonic: () => time })
  worker.seenMoved()
  time = 60
  await shows({ seen: '1', owns: [] })
  time = 5_050
  now.status = { seen: '2', owns: [] }
  worker.seenMoved()
  time = 5_065
  await expect.poll(() => client.looks.count).toBe(1)
  time = 5_200
  await shows({ seen: '2', owns: [] })
})
