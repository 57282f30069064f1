import type { ServerResponse } from 'node:http'
import { describe, expect, it } from 'vitest'
import type { Standing } from '../../src/contract/lineage.ts'
import type { Outlet } from '../../src/contract/outlet.ts'
import { Fault } from '../../src/core/fault.ts'
import type { Appender, Positions } from '../../src/kafka/log.ts'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { answer, embeddedRig, startSubscriber, type Behaviour, type Rig, type Runner } from './dispatcher-rig.ts'

const late = { retry: 3, backoffPolicy: 'linear', backoffDelayMs: 60_000, timeoutMs: 60_000 } as const
const never: Behaviour = () => undefined
const at503 = { failure: { destination: expect.stringMatching(/\/a$/), reason: 'it answered 503' } }

/** Where the record at `offset` stands at the first Outlet. */
function standing(rig: Rig, { dispatcher }: Runner, offset: number): Standing | undefined {
  return dispatcher.standings({ topic: rig.topic, partition: 0, offset })[0]?.standing
}

/** One Outlet, and events, until the first stands as it is expected to. */
async function stands(
  behave: Behaviour,
  outlet: (url: string) => Partial<Outlet>,
  offset: number,
  expected: object,
  {
    events = 1,
    meanwhile = () => {},
    appender,
  }: { events?: number; meanwhile?: (rig: Rig, runner: Runner) => void; appender?: Appender } = {},
): Promise<void> {
  await using rig = await embeddedRig()
  await using subscriber = await startSubscriber(behave)
  const runner = rig.run(
    [rig.outlet(subscriber.url, outlet(subscriber.url))],
    { retryMs: 20 },
    'd',
    appender === undefined ? {} : { appender },
  )
  await rig.consuming(runner)
  for (let id = 0; id < events; id++) await rig.send(1, { from: id, extra: { partitionkey: 'k' } })
  await eventually('it is tried', () => subscriber.got.length > 0)
  meanwhile(rig, runner)
  await eventuallyPasses('it stands so', () => expect(standing(rig, runner, offset)).toEqual(expected))
}

describe('where a dispatcher says that an event stands', () => {
  it('under way', () =>
    stands(never, () => ({}), 0, { kind: 'pending', state: 'asking', phase: 'subscriber', attempts: 1 }))

  it('waiting for its next try', async () => {
    const now = Date.now()
    await stands(answer(503), () => ({ delivery: late }), 0, {
      ...{ kind: 'pending', state: 'waiting', phase: 'subscriber', attempts: 1, ...at503 },
      nextAt: expect.toSatisfy((at: number) => at >= now + 60_000 && at < now + 120_000),
    })
  })

  it('under way to the dead letter sink', () =>
    stands(
      (got, response) => got.path !== '/dead' && answer(400)(got, response),
      (url) => ({ delivery: { ...late, deadLetter: { url: `${url}/dead` } } }),
      0,
      {
        ...{ kind: 'pending', state: 'asking', phase: 'deadLetter', attempts: 2 },
        failure: { destination: expect.stringMatching(/\/a$/), reason: 'it answered 400' },
      },
    ))

  it('waiting until somebody takes it', () =>
    stands(answer(400), () => ({ onExhausted: 'block' }), 0, {
      ...{ kind: 'pending', state: 'waiting', phase: 'subscriber', attempts: expect.any(Number) },
      ...{ failure: expect.any(Object), nextAt: expect.any(Number) },
    }))

  it('waiting for its parking topic', () => {
    const appender: Appender = {
      pendingBytes: 0,
      append: () => Promise.reject(new Fault('LogUnavailable', 'away')),
      close: () => Promise.resolve(),
    }
    const expected = {
      ...{ kind: 'pending', state: 'waiting', phase: 'exhausted', attempts: 1, nextAt: expect.any(Number) },
      failure: { destination: expect.any(String), reason: 'it answered 400' },
    }
    return stands(answer(400), () => ({}), 0, expected, { appender })
  })

  it('paused', () =>
    stands(
      answer(503),
      () => ({ delivery: { ...late, backoffDelayMs: 100 } }),
      0,
      { kind: 'pending', state: 'paused', phase: 'subscriber', attempts: 1, ...at503 },
      {
        meanwhile: (_, { routes }) => {
          const outlet = routes.outlets.current.get('a')
          if (outlet !== undefined) routes.outlets.set({ ...outlet, generation: 2, paused: true })
        },
      },
    ))

  it('paused before its request had a connection: that one was never made', async () => {
    await using rig = await embeddedRig()
    await using subscriber = await startSubscriber((got, response) => got.id === '0' && answer(503)(got, response))
    const outlet = rig.outlet(subscriber.url, { delivery: { ...late, backoffDelayMs: 50 } })
    const runner = rig.run([outlet], { connections: 1 })
    await rig.send(2)
    const asks = { kind: 'pending', state: 'asking', phase: 'subscriber' }
    await eventuallyPasses('the other one has the connection', () => {
      expect(standing(rig, runner, 1)).toEqual({ ...asks, attempts: 1 })
      expect(standing(rig, runner, 0)).toEqual({ ...asks, attempts: 2, ...at503 })
    })
    runner.routes.outlets.set({ ...outlet, generation: 2, paused: true })
    expect(standing(rig, runner, 0)).toEqual({ ...asks, state: 'paused', attempts: 1, ...at503 })
  })

  it('held back by one of its key', () =>
    stands(
      never,
      () => ({ order: 'key' }),
      2,
      { kind: 'pending', state: 'held', phase: 'subscriber', attempts: 0 },
      { events: 3 },
    ))

  it('ahead, behind others that were not looked at yet', () =>
    stands(never, () => ({ order: 'ordered' }), 3, { kind: 'ahead', position: 0, behind: 3 }, { events: 5 }))

  it('not stored yet', () => stands(answer(200), () => ({}), 7, { kind: 'ahead', position: 1, behind: 6 }))

  it('passed: finished, though the position waits for one before it', () =>
    stands(
      (got, response) => got.id !== '0' && answer(200)(got, response),
      () => ({}),
      2,
      { kind: 'passed', position: 0 },
      { events: 3 },
    ))

  it('passed: the filter did not pass it', async () => {
    await using rig = await embeddedRig()
    await using subscriber = await startSubscriber()
    const runner = rig.run([rig.outlet(subscriber.url, { filter: { exact: { type: 'wanted' } } })])
    await rig.send(3)
    await eventually('it is passed', () => standing(rig, runner, 2)?.kind === 'passed')
    expect(standing(rig, runner, 2)).toEqual({ kind: 'passed', position: 3 })
    expect(subscriber.got).toEqual([])
  })

  it('nowhere yet, while the positions are not known; and nothing of partitions and topics that are not ours', async () => {
    await using rig = await embeddedRig()
    await using subscriber = await startSubscriber()
    const { positions } = rig
    const known = Promise.withResolvers<void>()
    const slow: Positions = {
      fetch: async (groups) => {
        await known.promise
        return positions.fetch(groups)
      },
      all: (group) => positions.all(group),
      commit: (group, list, signal) => positions.commit(group, list, signal),
      close: async () => {},
    }
    const runner = rig.run([rig.outlet(subscriber.url)], {}, 'd', { positions: slow })
    const place = { topic: rig.topic, partition: 0, offset: 0 }
    await eventually('it owns the partition', () => runner.dispatcher.standings(place).length === 1)
    expect(runner.dispatcher.standings(place)).toEqual([
      { outlet: rig.outlet(subscriber.url), standing: { kind: 'starting' } },
    ])
    expect(runner.dispatcher.standings({ ...place, partition: 1 })).toEqual([])
    expect(runner.dispatcher.standings({ ...place, topic: 'other' })).toEqual([])
    known.resolve()
    await rig.consuming(runner)
  })

  it('at each Outlet of the topic, with the time of its first start', async () => {
    await using rig = await embeddedRig()
    const open: ServerResponse[] = []
    await using subscriber = await startSubscriber(
      (got, response) => void (got.path === '/a' ? open.push(response) : answer(200)(got, response)),
    )
    const outlets = ['a', 'b', 'c'].map((uid) =>
      rig.outlet(subscriber.url, { uid, filter: { prefix: { type: uid === 'c' ? 'x' : 'm' } } }),
    )
    const before = Math.floor(Date.now() / 1000) * 1000
    const { dispatcher } = rig.run(outlets)
    await rig.send(1)
    const all = () => dispatcher.standings({ topic: rig.topic, partition: 0, offset: 0 })
    const kinds = (): string =>
      all()
        .map(({ outlet, standing }) => `${outlet.uid} ${standing.kind}`)
        .join(', ')
    await eventually('all stand', () => kinds() === 'a pending, b passed, c passed')
    for (const { outlet, startedAt = 0 } of all()) {
      expect(outlet).toEqual(outlets.find(({ uid }) => uid === outlet.uid))
      expect(startedAt).toBeGreaterThanOrEqual(before)
      expect(startedAt).toBeLessThanOrEqual(Date.now())
    }
  })
})
