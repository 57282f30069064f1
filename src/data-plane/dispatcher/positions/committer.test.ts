import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Fault } from '../../../core/fault.ts'
import type { Position, TopicPartition } from '../../../kafka/log.ts'
import { Committer, type Committable } from './committer.ts'
import type { Progress } from '../reading/progress.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Time is the test's, and so is the log: it counts what is committed, and takes as long as it is told. */
class Bench {
  readonly commits: { readonly at: number; readonly group: string; readonly positions: readonly Position[] }[] = []
  readonly committer: Committer<Moving>
  readonly failures: unknown[] = []
  mostInFlight = 0
  /** Of the newest commit. */
  signal: AbortSignal | undefined
  answer: (positions: readonly Position[]) => Promise<void> = async () => {}
  readonly #inFlight = new Map<string, number>()

  constructor(perSecond = 1000) {
    this.committer = new Committer({
      positions: {
        fetch: async () => new Map(),
        close: async () => {},
        all: async () => [],
        commit: (group, positions, signal) => {
          this.signal = signal
          return this.#commit(group, positions)
        },
      },
      clock: { now: () => Date.now(), monotonic: () => Date.now() },
      intervalMs: 250,
      outcomes: 1000,
      perSecond,
      retryMs: 250,
      mayAct: () => true,
      firstStart: () => ({ at: 0, partitions: 0 }),
      outcome: (_, error) => {
        if (error !== null) this.failures.push(error)
      },
    })
  }

  offsets(group: string): number[] {
    return this.commits.filter((one) => one.group === group).map(({ positions }) => Number(positions[0]?.offset))
  }

  async #commit(group: string, positions: readonly Position[]): Promise<void> {
    this.commits.push({ at: Date.now(), group, positions })
    const inFlight = (this.#inFlight.get(group) ?? 0) + 1
    this.#inFlight.set(group, inFlight)
    this.mostInFlight = Math.max(this.mostInFlight, inFlight)
    try {
      await this.answer(positions)
    } finally {
      this.#inFlight.set(group, inFlight - 1)
    }
  }
}

/** A position that moves by one with each event that is finished. */
class Moving implements Committable {
  position = 0
  committed = 0
  dirty = false
  released = false
  readonly leaderEpoch = 1
  readonly group: string
  readonly place: { readonly at: TopicPartition }
  readonly #bench: Bench

  constructor(bench: Bench, group: string, partition = 0, topic = 't') {
    this.#bench = bench
    this.group = group
    this.place = { at: { topic, partition } }
  }

  progress(): Progress {
    return { position: this.position, upTo: this.position, pending: [] }
  }

  finish(): void {
    this.position++
    this.#bench.committer.touch(this)
  }
}

test('a position that moved is committed within 250 ms, and then nothing more', async () => {
  const bench = new Bench()
  const cursor = new Moving(bench, 'g')
  const finished: number[] = []
  for (let n = 0; n < 400; n++) {
    cursor.finish()
    finished.push(Date.now())
    // none, some and many between two commits
    await vi.advanceTimersByTimeAsync((n * 37) % 90)
  }
  await vi.advanceTimersByTimeAsync(250)
  finished.forEach((at, n) => {
    const commit = bench.commits.find(({ positions }) => Number(positions[0]?.offset) > n)
    expect((commit?.at ?? Infinity) - at).toBeLessThanOrEqual(250)
  })
  const seconds = (Date.now() - (finished[0] ?? 0)) / 1000
  expect(bench.commits.length).toBeLessThan(seconds * 10)
  const count = bench.commits.length
  await vi.advanceTimersByTimeAsync(60_000)
  expect(bench.commits.length).toBe(count)
  expect(vi.getTimerCount()).toBe(0)
})

test('a position is committed after 1,000 outcomes, before its time has come', async () => {
  const bench = new Bench()
  const cursor = new Moving(bench, 'g')
  for (let n = 0; n < 999; n++) cursor.finish()
  await vi.advanceTimersByTimeAsync(1)
  expect(bench.offsets('g')).toEqual([])
  cursor.finish()
  await vi.advanceTimersByTimeAsync(1)
  expect(bench.offsets('g')).toEqual([1000])
  for (let n = 0; n < 1000; n++) cursor.finish()
  await vi.advanceTimersByTimeAsync(1)
  expect(bench.offsets('g')).toEqual([1000, 2000])
})

test('one request a group, with all partitions that moved, and one at a time', async () => {
  const bench = new Bench()
  bench.answer = () => new Promise((resolve) => setTimeout(resolve, 700))
  const cursors = [0, 1, 2].map((partition) => new Moving(bench, 'g', partition))
  for (let n = 0; n < 100; n++) {
    for (const cursor of cursors) cursor.finish()
    await vi.advanceTimersByTimeAsync(20)
  }
  await vi.advanceTimersByTimeAsync(2000)
  expect(bench.mostInFlight).toBe(1)
  expect(bench.commits.length).toBeLessThanOrEqual(5)
  expect(bench.commits[0]?.positions.map(({ partition }) => partition)).toEqual([0, 1, 2])
  expect(cursors.map(({ committed }) => committed)).toEqual([100, 100, 100])
})

test('5,000 groups that move all the time share 1,000 commits a second: none waits much longer than another', async () => {
  const bench = new Bench(1000)
  const groups = Array.from({ length: 5000 }, (_, n) => new Moving(bench, `g${n}`))
  const began = Date.now()
  for (let round = 0; round < 200; round++) {
    for (const cursor of groups) cursor.finish()
    await vi.advanceTimersByTimeAsync(100)
  }
  const seconds = (Date.now() - began) / 1000
  // a quarter of a second may be saved up
  expect(bench.commits.length).toBeLessThanOrEqual(1000 * (seconds + 0.25))
  expect(bench.commits.length).toBeGreaterThan(1000 * seconds * 0.9)
  const times = Map.groupBy(bench.commits, ({ group }) => group)
  expect(times.size).toBe(5000)
  let longest = 0
  for (const commits of times.values()) {
    let last = began
    for (const { at } of commits) [longest, last] = [Math.max(longest, at - last), at]
  }
  expect(longest).toBeLessThan(7000)
  await vi.advanceTimersByTimeAsync(6000)
  expect(groups.every(({ committed }) => committed === 200)).toBe(true)
})

test('a commit that fails is made up for later, with what has moved since, at growing distances', async () => {
  const bench = new Bench()
  bench.answer = () => Promise.reject(new Fault('LogUnavailable', 'away'))
  const cursor = new Moving(bench, 'g')
  const other = new Moving(bench, 'other')
  for (let n = 0; n < 100; n++) {
    cursor.finish()
    await vi.advanceTimersByTimeAsync(100)
  }
  expect(bench.commits.length).toBeLessThan(8)
  bench.answer = async () => {}
  other.finish()
  await vi.advanceTimersByTimeAsync(250)
  expect(bench.offsets('other')).toEqual([1])
  await vi.advanceTimersByTimeAsync(30_000)
  expect(cursor.committed).toBe(100)
})

test('a cursor that is let go is committed no more; the others of its group are', async () => {
  const bench = new Bench()
  const [gone, stays] = [new Moving(bench, 'g', 0), new Moving(bench, 'g', 1)]
  gone.finish()
  stays.finish()
  gone.released = true
  bench.committer.drop(gone)
  await vi.advanceTimersByTimeAsync(1000)
  expect(bench.commits.map(({ positions }) => positions.map(({ partition }) => partition))).toEqual([[1]])
})

test('two flushes of one group at once: both end when all of it is committed', async () => {
  const bench = new Bench()
  bench.answer = () => new Promise((resolve) => setTimeout(resolve, 100))
  const [a, b] = [new Moving(bench, 'g', 0), new Moving(bench, 'g', 1)]
  a.finish()
  await vi.advanceTimersByTimeAsync(220)
  expect(bench.commits.length).toBe(1)
  a.position = 7
  b.position = 8
  const ended: number[][] = []
  for (const cursor of [a, b]) void bench.committer.flush([cursor]).then(() => ended.push([a.committed, b.committed]))
  await vi.advanceTimersByTimeAsync(1000)
  expect(ended).toEqual([
    [7, 8],
    [7, 8],
  ])
  expect(bench.mostInFlight).toBe(1)
})

test('who is let go is not committed by a flush that meant it', async () => {
  const bench = new Bench()
  const cursor = new Moving(bench, 'g')
  cursor.position = 5
  cursor.released = true
  bench.committer.drop(cursor)
  await bench.committer.flush([cursor])
  expect(bench.commits).toEqual([])
})

test('a commit in flight is given up when one of it is let go, or nothing may be done; the others come with the next', async () => {
  const bench = new Bench()
  bench.answer = () =>
    new Promise((_, reject) => bench.signal?.addEventListener('abort', () => reject(new Fault('Closed', ''))))
  const [gone, stays] = [new Moving(bench, 'g', 0), new Moving(bench, 'g', 1)]
  gone.finish()
  stays.finish()
  await vi.advanceTimersByTimeAsync(250)
  gone.released = true
  bench.committer.drop(gone)
  await vi.advanceTimersByTimeAsync(250)
  bench.committer.suspend()
  bench.answer = async () => {}
  await vi.advanceTimersByTimeAsync(250)
  expect(bench.commits.map(({ positions }) => positions.map(({ partition }) => partition))).toEqual([[0, 1], [1], [1]])
  expect(stays.committed).toBe(1)
  expect(bench.failures).toEqual([])
})

test('topics that share a group: one whose positions are refused waits longer and longer by itself, the others go on; mended, all go together', async () => {
  const bench = new Bench()
  const cursors = ['bad', 'good', 'fine'].map((topic) => new Moving(bench, 'g', 0, topic))
  const refused = new Fault('LogRefused', 'no such topic')
  let bad = true
  bench.answer = (positions) =>
    bad && positions.some(({ topic }) => topic === 'bad') ? Promise.reject(refused) : Promise.resolve()
  for (let second = 0; second < 30; second++) {
    for (const cursor of cursors) cursor.finish()
    await vi.advanceTimersByTimeAsync(1000)
    expect(cursors.slice(1).map(({ committed }) => committed)).toEqual([second + 1, second + 1])
  }
  expect(cursors[0]?.committed).toBe(0)
  expect(bench.failures.length).toBeLessThan(12)
  expect(bench.mostInFlight).toBe(1)
  bad = false
  await vi.advanceTimersByTimeAsync(30_000)
  expect(cursors[0]?.committed).toBe(30)
  const count = bench.commits.length
  for (const cursor of cursors) cursor.finish()
  await vi.advanceTimersByTimeAsync(1000)
  expect(bench.commits.slice(count).map(({ positions }) => positions.length)).toEqual([3])
})

test('a flush of topics that share a group commits what can be committed, and comes to an end', async () => {
  const bench = new Bench()
  const cursors = ['bad', 'good', 'fine'].map((topic) => new Moving(bench, 'g', 0, topic))
  bench.answer = (positions) =>
    positions.some(({ topic }) => topic === 'bad')
      ? Promise.reject(new Fault('NotAuthorized', 'no'))
      : Promise.resolve()
  for (const cursor of cursors) cursor.finish()
  await bench.committer.flush(cursors)
  expect(cursors.map(({ committed }) => committed)).toEqual([0, 1, 1])
})

test('while the positions of a group are set by other hands nothing of it is committed, and of another group it is', async () => {
  const bench = new Bench()
  const [held, free] = [new Moving(bench, 'held'), new Moving(bench, 'free')]
  const { promise, resolve } = Promise.withResolvers<void>()
  const order: string[] = []
  const work = bench.committer.exclusively('held', () => promise.then(() => void order.push('first')))
  const next = bench.committer.exclusively('held', async () => void order.push('second'))
  for (const cursor of [held, free]) cursor.finish()
  await vi.advanceTimersByTimeAsync(1000)
  expect([held.committed, free.committed, order.length]).toEqual([0, 1, 0])
  resolve()
  await Promise.all([work, next])
  await vi.advanceTimersByTimeAsync(1000)
  expect(order).toEqual(['first', 'second'])
  expect(held.committed).toBe(1)
})
