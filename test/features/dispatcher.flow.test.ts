import { expect, test } from 'vitest'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { answer, embeddedRig, startSubscriber, type Got } from './dispatcher-rig.ts'
import type { ServerResponse } from 'node:http'

/** Thousands of events, one after the other: a busy machine takes its time. */
const patience = { withinMs: 80_000 }
const ids = (got: readonly Got[]): number[] => got.map(({ id }) => Number(id))
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

test('each Outlet gets what its filter asks for, once, and all positions reach the end', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await embeddedRig(3)
  const all = rig.outlet(subscriber.url, { uid: 'all' })
  const red = rig.outlet(subscriber.url, { uid: 'red', filter: { attributes: { type: 'red' } } })
  const none = rig.outlet(subscriber.url, { uid: 'none', filter: { attributes: { type: 'green' } } })
  const runner = rig.run([all, red, none], { idleCommitMs: 200 })
  for (const partition of [0, 1, 2]) {
    await rig.send(50, { from: partition * 100, type: 'red', partition })
    await rig.send(50, { from: partition * 100 + 50, type: 'blue', partition })
  }
  await eventually('all came', () => subscriber.got.length === 450, patience)
  const of = (path: string): string[] => subscriber.got.filter((got) => got.path === path).map(({ type }) => type)
  expect(of('/all')).toHaveLength(300)
  expect(of('/red')).toEqual(Array(150).fill('red'))
  for (const outlet of [all, red, none]) {
    for (const partition of [0, 1, 2]) {
      await eventuallyPasses('the end is committed', async () =>
        expect(await rig.committed(outlet, partition)).toBe(100),
      )
    }
  }
  await eventually('nothing is held', () => runner.dispatcher.snapshot().memory === 0)
})

test('one Outlet whose subscriber never answers delays no other, even on the same host, and loses nothing', async () => {
  const hanging: ServerResponse[] = []
  let stuck = true
  await using subscriber = await startSubscriber((got, response) => {
    if (got.path === '/stuck' && stuck) hanging.push(response)
    else answer(200)(got, response)
  })
  await using rig = await embeddedRig()
  const delivery = { retry: 0, backoffPolicy: 'linear' as const, backoffDelayMs: 5, timeoutMs: 600_000 }
  const runner = rig.run(
    [rig.outlet(subscriber.url, { uid: 'stuck', delivery }), rig.outlet(subscriber.url, { uid: 'quick' })],
    // a small ring, so that the stuck one falls out of it
    { ringBytes: 20_000, catchUpBytes: 10_000, window: 20, connections: 20 },
  )
  const data = Buffer.alloc(5000)
  for (let from = 0; from < 600; from += 100) await rig.send(100, { from, data })
  await eventually(
    'the quick one has all',
    () => subscriber.got.filter(({ path }) => path === '/quick').length === 600,
    patience,
  )
  await eventually('its window is under way', () => hanging.length === 20)
  // in memory all of it would be more than 3 MB; what may be held is one batch of the log (512 KiB, 1.5 MB with objects) and the windows
  await eventually('little is held', () => runner.dispatcher.snapshot().memory < 2_200_000)
  stuck = false
  for (const response of hanging) answer(200)(null as never, response)
  const late = (): Got[] => subscriber.got.filter(({ path }) => path === '/stuck')
  await eventually('the other one has all too', () => late().length >= 600, patience)
  expect(ids(late()).sort((a, b) => a - b)).toEqual(upTo(600))
})

test('ordered: one at a time per partition, retries included, in the order of the log', async () => {
  let open = 0
  let most = 0
  const failedOnce = new Set<string>()
  await using subscriber = await startSubscriber((got, response) => {
    most = Math.max(most, ++open)
    setTimeout(() => {
      open--
      const fail = Number(got.id) % 3 === 0 && !failedOnce.has(got.id)
      failedOnce.add(got.id)
      answer(fail ? 503 : 200)(got, response)
    }, 2)
  })
  await using rig = await embeddedRig()
  const delivery = { retry: 5, backoffPolicy: 'linear' as const, backoffDelayMs: 3, timeoutMs: 60_000 }
  const outlet = rig.outlet(subscriber.url, { order: 'ordered', delivery })
  rig.run([outlet])
  await rig.send(60)
  await eventuallyPasses('all is committed', async () => expect(await rig.committed(outlet)).toBe(60))
  expect(most).toBe(1)
  expect(ids(subscriber.got)).toEqual(upTo(60).flatMap((id) => (id % 3 === 0 ? [id, id] : [id])))
})

test('unordered: the window bounds what is in flight, and what finished beyond a slow event is not repeated after a restart', async () => {
  const held: [Got, ServerResponse][] = []
  await using subscriber = await startSubscriber((got, response) => {
    if (got.id === '7') held.push([got, response])
    else answer(200)(got, response)
  })
  await using rig = await embeddedRig()
  const outlet = rig.outlet(subscriber.url)
  const first = rig.run([outlet], {}, 'same')
  await rig.send(500)
  await eventually('all but one are done', () => subscriber.got.length === 500)
  await eventuallyPasses('the prefix is committed, and what is done beyond it', async () => {
    expect(await rig.committed(outlet)).toBe(7)
    expect((await rig.metadata(outlet)).length).toBeGreaterThan(8)
    expect(first.dispatcher.snapshot().outlets[0]).toMatchObject({ delivered: 499, partitions: [{ inFlight: 1 }] })
  })
  // the slow one never ends
  await first.close(500)
  subscriber.behave = answer(200)
  subscriber.got.length = 0
  rig.run([outlet], {}, 'same')
  await rig.send(10, { from: 500 })
  await eventuallyPasses('the rest is committed', async () => expect(await rig.committed(outlet)).toBe(510))
  expect(ids(subscriber.got).sort((a, b) => a - b)).toEqual([7, ...upTo(510).slice(500)])
})

test('a filter, a URL and a policy change while events flow: nothing is repeated, no other Outlet notices', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await embeddedRig()
  const outlet = rig.outlet(subscriber.url, { filter: { attributes: { type: 'made' } } })
  const other = rig.outlet(subscriber.url, { uid: 'other' })
  const runner = rig.run([outlet, other])
  await rig.consuming(runner)
  await rig.consuming(runner, 'other')
  const sending = (async () => {
    for (let from = 0; from < 1000; from += 20) await rig.send(20, { from })
  })()
  for (let generation = 2; generation <= 50; generation++) {
    runner.routes.outlets.set({ ...outlet, generation, subscriber: { url: `${subscriber.url}/a?v=${generation}` } })
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await sending
  await eventually('all came', () => subscriber.got.length >= 2000, patience)
  expect(ids(subscriber.got.filter(({ path }) => path.startsWith('/a'))).sort((a, b) => a - b)).toEqual(upTo(1000))
  expect(ids(subscriber.got.filter(({ path }) => path === '/other')).sort((a, b) => a - b)).toEqual(upTo(1000))
  expect(runner.reports.filter(({ uid }) => uid === 'other').map(({ state, fault }) => ({ state, fault }))).toEqual([
    { state: 'starting', fault: null },
    { state: 'consuming', fault: null },
  ])
  runner.routes.outlets.set({ ...outlet, generation: 51, filter: { attributes: { type: 'new' } } })
  subscriber.got.length = 0
  await rig.send(5, { type: 'made' })
  await rig.send(5, { type: 'new', from: 5 })
  const news = (): number[] => ids(subscriber.got.filter(({ path }) => path === '/a'))
  await eventually('the new ones came', () => news().length === 5)
  expect(news().sort()).toEqual([5, 6, 7, 8, 9])
  expect(runner.reports.findLast(({ uid }) => uid === 'a')).toMatchObject({ generation: 51, state: 'consuming' })
})

test('a retry that waits holds its own event, not the response that it came in; memory is given back in full', async () => {
  await using subscriber = await startSubscriber((got, response) =>
    answer(Number(got.id) % 125 === 0 ? 503 : 200)(got, response),
  )
  await using rig = await embeddedRig()
  const delivery = { retry: 5, backoffPolicy: 'linear' as const, backoffDelayMs: 300, timeoutMs: 60_000 }
  const outlet = rig.outlet(subscriber.url, { delivery })
  const runner = rig.run([outlet], { budgetBytes: 3_000_000, ringBytes: 600_000 })
  const data = Buffer.alloc(4000)
  for (let from = 0; from < 1000; from += 100) {
    await rig.send(100, { from, data })
    expect(runner.dispatcher.snapshot().memory).toBeLessThan(5_000_000)
  }
  await eventually(
    'all are done',
    () => runner.dispatcher.snapshot().outlets[0]?.partitions[0]?.position === 1000,
    patience,
  )
  await eventually('nothing is held', () => runner.dispatcher.snapshot().memory === 0)
  expect(runner.dispatcher.snapshot().outlets[0]?.parked).toBe(8)
})

test('a hundred Outlets far behind catch up together, each from its own position', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await embeddedRig()
  const data = Buffer.alloc(500)
  for (let from = 0; from < 2000; from += 500) await rig.send(500, { from, data, type: `t${from / 500}` })
  const outlets = upTo(100).map((n) =>
    rig.outlet(subscriber.url, { uid: `o${n}`, filter: { attributes: { id: String(n * 17) } } }),
  )
  for (const [n, outlet] of outlets.entries()) {
    const position = { topic: rig.topic, partition: 0, offset: BigInt(n * 17), leaderEpoch: -1, metadata: '' }
    await rig.positions.commit(outlet.group, [position])
  }
  rig.run(outlets, { ringBytes: 30_000, catchUpBytes: 20_000, idleCommitMs: 200 })
  await eventually('each got its own', () => subscriber.got.length === 100)
  for (const outlet of outlets) {
    await eventuallyPasses('the end is committed', async () => expect(await rig.committed(outlet)).toBe(2000))
  }
  expect(new Set(subscriber.got.map(({ path }) => path)).size).toBe(100)
})
