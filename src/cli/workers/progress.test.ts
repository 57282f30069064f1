import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { MemoryRouteSet } from '../../contract/memory-routes.ts'
import type { Outlet, OutletShare } from '../../contract/outlet.ts'
import type { OutletSnapshot } from '../../data-plane/dispatcher/parts.ts'
import { createLogger } from '../../telemetry/logger.ts'
import { Progress } from './progress.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const second = 1_000
const clock = { now: () => Date.now(), monotonic: () => Date.now() }

/** One Outlet on a topic of one partition, where `delivered` of `end` records are done. What is written is stored at once. */
function rig() {
  const state = { end: 0, delivered: 0, lastDelivery: null as number | null }
  const outlets = new MemoryRouteSet<Outlet>()
  outlets.set({ uid: 'a', group: 'g', topic: 't' } as Outlet)
  const none = { deadLettered: 0, parked: 0, dropped: 0, lost: 0, lastError: null }
  const snapshot = () => {
    const { delivered, lastDelivery } = state
    const partitions = [{ partition: 0, position: delivered }]
    return [
      { uid: 'a', group: 'g', topic: 't', partitions, delivered, lastDelivery, ...none },
    ] as unknown as OutletSnapshot[]
  }
  const range = async () => [{ topic: 't', partition: 0, start: 0n, end: BigInt(state.end) }]
  const reader = { range } as never
  const unit = { outlets, speaksFor: () => true, worksOn: () => true, snapshot, reader, positions: {} as never }
  const stored: { lag: number; share: OutletShare | undefined } = { lag: 0, share: undefined }
  const writes: { at: number; lag: number; rate: number }[] = []
  const ended = new AbortController()
  const began = Date.now()
  const write = (): void => {
    const due = progress.of('a')
    if (due === undefined) return
    Object.assign(stored, due)
    writes.push({ at: (Date.now() - began) / second, lag: due.lag ?? -1, rate: due.share.rate ?? 0 })
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
  return { writes, deliver, pass: (seconds: number) => vi.advanceTimersByTimeAsync(seconds * second) }
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
