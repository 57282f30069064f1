import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { MemoryRouteSet } from '../../contract/memory-routes.ts'
import type { Outlet, OutletShare } from '../../contract/outlet.ts'
import { createLogger } from '../../telemetry/logger.ts'
import { Progress } from './progress.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const second = 1_000
const clock = { now: () => Date.now(), monotonic: () => Date.now() }

/** One Outlet on a topic of one partition, where `delivered` of `end` records are done. What is written is stored at once. */
function rig() {
  const state = { end: 0, delivered: 0, dropped: 0, lastDelivery: null as number | null, ours: true }
  const outlets = new MemoryRouteSet<Outlet>()
  outlets.set({ uid: 'a', group: 'g', topic: 't' } as Outlet)
  const none = { deadLettered: 0, parked: 0, lost: 0, replied: 0, lastError: null }
  const snapshot = (uids: Iterable<string>) => {
    const { delivered, dropped, lastDelivery, ours } = state
    const partitions = ours ? [{ partition: 0, position: delivered + dropped }] : []
    const counts = { delivered, dropped, lastDelivery, ...none }
    return Array.from(uids, (uid) => ({ uid, group: 'g', topic: 't', partitions, ...counts }) as never)
  }
  const range = async () => [{ topic: 't', partition: 0, start: 0n, end: BigInt(state.end) }]
  const reader = { range } as never
  const isOurs = () => state.ours
  const unit = { outlets, speaksFor: isOurs, worksOn: isOurs, snapshot, reader, positions: {} as never }
  const stored: { lag: number; share: OutletShare | undefined } = { lag: 0, share: undefined }
  const writes: { at: number; lag: number; rate: number; dropped: number }[] = []
  const ended = new AbortController()
  const began = Date.now()
  const write = (): void => {
    const due = progress.of('a')
    if (due === undefined) return
    Object.assign(stored, { ...due, lag: due.lag ?? stored.lag })
    const { rate = 0, undelivered } = due.share
    writes.push({ at: (Date.now() - began) / second, lag: due.lag ?? -1, rate, dropped: undelivered?.dropped ?? 0 })
  }
  const progress: Progress = new Progress({
    units: () => [unit],
    instance: 'd-0',
    stored: () => ({
      ...{ partitions: 1, progress: { lag: stored.lag } },
      ...(stored.share === undefined ? {} : { shares: { 'd-0': stored.share } }),
    }),
    write,
    ...{ clock, logger: createLogger('silent'), signal: ended.signal },
  })
  const deliver = (count: number): void => {
    state.end += count
    state.delivered += count
    state.lastDelivery = Date.now()
  }
  const drop = (): void => void (state.end++, state.dropped++)
  const leave = (): void => void (state.ours = false)
  return { writes, deliver, drop, leave, pass: (seconds: number) => vi.advanceTimersByTimeAsync(seconds * second) }
}

test('a burst costs a write, one more that says that it is over, and nothing after that', async () => {
  const { writes, deliver, pass } = rig()
  await pass(20)
  expect(writes).toEqual([])
  deliver(600)
  await pass(100)
  expect(writes).toHaveLength(2)
  expect(writes[0]).toMatchObject({ lag: 0 })
  expect(writes[0]?.rate).toBeGreaterThan(5)
  expect(writes[1]).toMatchObject({ lag: 0, rate: 0 })
  await pass(300)
  expect(writes).toHaveLength(2)
})

test('a steady flow is written every ten seconds at most, with its rate', async () => {
  const { writes, deliver, pass } = rig()
  for (let at = 0; at < 180; at++) {
    deliver(5)
    await pass(1)
  }
  expect(writes.length).toBeLessThanOrEqual(18)
  expect(writes.length).toBeGreaterThanOrEqual(9)
  for (const { rate } of writes.slice(6)) expect(rate).toBeCloseTo(5, 0)
})

test('what became of events is told also where their partitions have left us before its turn came', async () => {
  const { writes, drop, leave, pass } = rig()
  drop()
  await pass(4)
  expect(writes).toMatchObject([{ dropped: 1 }])
  drop()
  await pass(4)
  leave()
  await pass(60)
  expect(writes).toMatchObject([{ dropped: 1 }, { dropped: 2 }])
})
