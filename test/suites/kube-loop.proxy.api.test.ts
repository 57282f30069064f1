import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { holds } from '../../src/api/meta/condition.ts'
import { startController } from '../../src/kube/controller.ts'
import { eventRecorder } from '../../src/kube/events.ts'
import { isFault } from '../../src/kube/faults.ts'
import { kinds } from '../../src/kube/kinds.ts'
import { restClient } from '../../src/kube/rest.ts'
import { sharedApiServer } from '../support/api.ts'
import type { ApiAccess } from '../support/api-server.ts'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { startKubeProxy, type KubeProxy } from '../support/kube-proxy.ts'
import { candidate, Stage } from './kube-loop/leading.ts'
import { clock, definitionOf, gadget, logger, openBench, type LoopUnderTest } from './kube-loop/subject.ts'

/** What only a network between us and a real API server can do. */
describe('through a bad network', () => {
  let api: ApiAccess
  const direct = () => restClient({ server: api.url, ca: api.ca, cert: api.cert, key: api.key, namespace: 'default' })
  const through = (proxy: KubeProxy): LoopUnderTest => ({
    client: () => restClient(proxy.access),
    real: true,
    close: () => Promise.resolve(),
  })
  const admin = { client: direct, real: true, close: () => Promise.resolve() }
  const later = { ...gadget, plural: 'lategadgets', kind: 'LateGadget' }
  const { signal } = new AbortController()

  beforeAll(async () => {
    api = await sharedApiServer()
    const client = direct()
    await client.create(kinds.crd, definitionOf(gadget), signal).catch((error: unknown) => {
      if (!isFault(error, 'ApiAlreadyExists')) throw error
    })
    await eventually('gadgets are served', () => client.list(gadget, {}, signal))
    client.close()
  })
  afterAll(async () => {
    const client = direct()
    await client.delete(kinds.crd, { namespace: '', name: `${later.plural}.${later.group}` }, signal)
    client.close()
  })

  it('an informer of a kind that is not installed gets on when it is', async () => {
    await using bench = await openBench(admin)
    const informer = bench.inform(later)
    await eventually('it knows why', () => informer.fault?.code === 'ApiNotFound')
    await bench.admin.create(kinds.crd, definitionOf(later), bench.signal)
    await informer.ready()
    const seen: string[] = []
    informer.subscribe(({ kind }) => void seen.push(kind))
    const object = { ...bench.gadget('a'), kind: later.kind }
    await eventually('it is made', () => bench.admin.create(later, object, bench.signal))
    await eventually('it is told', () => seen.length === 1)
    // Deleting the kind deletes its objects; made again, it is followed again.
    await bench.admin.delete(kinds.crd, { namespace: '', name: `${later.plural}.${later.group}` }, bench.signal)
    await eventually('it is gone', () => seen.length === 2)
    await eventually('it is installed again', () => bench.admin.create(kinds.crd, definitionOf(later), bench.signal))
    await eventually('it is made again', () => bench.admin.create(later, object, bench.signal))
    await eventually('it is told again', () => seen.length === 3)
    expect(seen).toEqual(['set', 'gone', 'set'])
  })

  it('an informer misses nothing when connections are cut, again and again', async () => {
    await using proxy = await startKubeProxy(api)
    await using bench = await openBench(admin)
    const client = restClient(proxy.access)
    const informer = bench.inform(gadget, { client })
    await informer.ready()
    const seen: string[] = []
    informer.subscribe(({ kind, object }) => void seen.push(`${kind} ${object.metadata.name}`))
    const made = Array.from({ length: 40 }, (_, i) => `g${i}`)
    for (const [i, name] of made.entries()) {
      await bench.make(name)
      if (i % 5 === 0) proxy.cut()
    }
    await eventuallyPasses('all are told', () => expect(seen).toEqual(made.map((name) => `set ${name}`)))
    expect(proxy.seen.filter(({ path }) => !path.includes('watch=true'))).toHaveLength(1)
    client.close()
  })

  it('an informer lists again when the API server has compacted its history', async () => {
    await using proxy = await startKubeProxy(api)
    await using bench = await openBench(admin)
    const client = restClient(proxy.access)
    await bench.make('goes')
    const informer = bench.inform(gadget, { client })
    await informer.ready()
    const gone = proxy.arrange({ path: /watch=true/ }, { status: 410, reason: 'Expired', message: 'too old' }, 1)
    await proxy.down()
    await bench.admin.delete(gadget, { namespace: bench.namespace, name: 'goes' }, bench.signal)
    await proxy.up()
    await eventually('it is gone', () => [...informer.all()].length === 0)
    gone()
    await bench.make('comes')
    await eventually('it comes', () => [...informer.all()].length === 1)
    client.close()
  })

  it('a controller is right again after the API server was away, and writes nothing more', async () => {
    await using proxy = await startKubeProxy(api)
    await using bench = await openBench(admin)
    const client = restClient(proxy.access)
    const store = bench.inform(gadget, { client })
    const reconciler = { reconcile: () => Promise.resolve({ kind: 'settled', status: { conditions: [holds('Ready')] } } as const) } // prettier-ignore
    const events = eventRecorder({ client, component: 'test', clock, logger, signal: bench.signal })
    const own = { name: 'test', resource: gadget, client, store, reconciler, concurrency: 4, clock, logger, events, signal: bench.signal } // prettier-ignore
    const controller = startController({ ...own, resyncMs: 500 })
    const status = async (name: string) =>
      (await bench.admin.get(gadget, { namespace: bench.namespace, name }, bench.signal))?.['status']
    // The first answers: conflict, throttled with a time, broken, lost on the way back.
    const path = /\/status/
    proxy.arrange({ path }, { status: 409, reason: 'Conflict' }, 1)
    proxy.arrange({ path }, { status: 429, reason: 'TooManyRequests', retryAfterSeconds: 1 }, 1)
    proxy.arrange({ path }, { status: 500, reason: 'InternalError' }, 1)
    proxy.arrange({ path }, { cut: true, passOn: true }, 1)
    const names = Array.from({ length: 10 }, (_, i) => `g${i}`)
    for (const name of names) await bench.make(name)
    for (const name of names) await eventually(`${name} has a status`, () => status(name))
    // Also of the one whose answer was lost.
    const told = (count: number) =>
      eventually('Events are written', async () => {
        const { items } = await bench.admin.list(kinds.event, { namespace: bench.namespace }, bench.signal)
        return items.length === count
      })
    await told(10)
    await proxy.down()
    await bench.make('meanwhile')
    await proxy.up()
    await eventually('the new one has a status', () => status('meanwhile'))
    await eventually('it is idle', () => controller.idle)
    // Idle: through two resyncs there is no request but watches.
    await told(11)
    const quiet = proxy.seen.length
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    expect(proxy.seen.slice(quiet).filter(({ path: asked }) => !asked.includes('watch=true'))).toEqual([])
    client.close()
  })

  it('a leader that is cut off stops before the other leads, in less than 20 s, with the times that are meant', async () => {
    await using proxy = await startKubeProxy(api)
    await using bench = await openBench(admin)
    const stage = new Stage()
    const a = candidate(through(proxy), bench, stage, 'a', { timing: {} })
    await eventually('a leads', () => stage.leading.has('a'))
    const b = candidate(admin, bench, stage, 'b', { timing: {} })
    await new Promise((resolve) => setTimeout(resolve, 6_000))
    // Half-open: nobody hears of it.
    proxy.forget()
    const hang = proxy.arrange({}, { hang: true })
    const start = performance.now()
    await eventually('a stops', () => !stage.leading.has('a'))
    const stopped = performance.now() - start
    await eventually('b leads', () => stage.leading.has('b'))
    const led = performance.now() - start
    expect(stopped).toBeLessThan(13_000)
    expect(led).toBeLessThan(20_000)
    expect(led - stopped).toBeGreaterThan(2_000)
    hang()
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    expect(stage.leaders).toEqual(['a', 'b'])
    a.stop.abort()
    b.stop.abort()
    await Promise.all([a.ended, b.ended])
    expect(stage.most).toBe(1)
  })
})
