import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Fault } from '../../core/fault.ts'
import type { LogAdmin } from '../../kafka/log.ts'
import { SourceTopics, type TopicsView } from './source-topics.ts'

const there = new Map<string, number>()
const forbidden = new Set<string>()
let away: Fault | null
let asked: (readonly string[])[]
let told: string[]
let stop: AbortController

const admin = {
  clusterId: async () => 'k',
  listTopics: async () => {
    if (away !== null) throw away
    return [...there.keys()]
  },
  describeTopics: async (names: readonly string[]) => {
    asked.push(names)
    if (away !== null) throw away
    const refused = names.find((name) => forbidden.has(name))
    if (refused !== undefined) throw new Fault('NotAuthorized', `Describe on ${refused}`)
    return names.flatMap((name) => {
      const partitions = there.get(name)
      return partitions === undefined ? [] : [{ name, id: name, partitions, maxMessageBytes: 1 }]
    })
  },
} as Partial<LogAdmin> as LogAdmin

beforeEach(() => {
  vi.useFakeTimers()
  there.clear()
  forbidden.clear()
  away = null
  asked = []
  told = []
  stop = new AbortController()
})
afterEach(() => {
  stop.abort()
  vi.useRealTimers()
})

const names = (...all: string[]) => ({ kind: 'names', names: all }) as const
const pattern = (...parts: string[]) => ({ kind: 'pattern', parts }) as const

function watcher(): SourceTopics {
  return new SourceTopics({ admin, signal: stop.signal, changed: (owner) => told.push(owner) })
}

const seen = (view: TopicsView) => ({ ...view, found: [...view.found.keys()] })

describe('topics of others', () => {
  it('are asked about together, whoever wants them, and who is concerned hears of it', async () => {
    const topics = watcher()
    there.set('a', 1).set('b', 2)
    expect(topics.want('one', names('a', 'b')).seen).toBe(false)
    topics.want('two', names('b', 'c'))
    await vi.advanceTimersByTimeAsync(1)
    const last = asked.at(-1) ?? []
    expect(last.toSorted()).toEqual(['a', 'b', 'c'])
    expect(new Set(told)).toEqual(new Set(['one', 'two']))
    expect(topics.want('one', names('a', 'b')).found.get('b')).toEqual({ id: 'b', partitions: 2 })
    expect(seen(topics.want('two', names('b', 'c')))).toMatchObject({
      seen: true,
      fault: null,
      found: ['b'],
      missing: ['c'],
    })
    told = []
    await vi.advanceTimersByTimeAsync(10_000)
    expect(told).toEqual([])
    there.set('b', 3)
    await vi.advanceTimersByTimeAsync(3_000)
    expect(told.toSorted()).toEqual(['one', 'two'])
  })

  it.each([
    ['by name', names('a'), { found: [], missing: ['a'] }],
    ['by pattern', pattern('a*'), { found: [], missing: [] }],
  ])('that are gone %s count as gone after two looks', async (_, wanted, after) => {
    const topics = watcher()
    there.set('a', 1)
    topics.want('one', wanted)
    await vi.advanceTimersByTimeAsync(1)
    there.clear()
    await vi.advanceTimersByTimeAsync(3_000)
    expect(seen(topics.want('one', wanted))).toMatchObject({ found: ['a'], missing: [] })
    await vi.advanceTimersByTimeAsync(1_000)
    expect(seen(topics.want('one', wanted))).toMatchObject(after)
  })

  it('may be missing from one answer', async () => {
    const topics = watcher()
    there.set('a', 1)
    topics.want('one', names('a'))
    await vi.advanceTimersByTimeAsync(1)
    told = []
    there.clear()
    await vi.advanceTimersByTimeAsync(3_000)
    there.set('a', 1)
    await vi.advanceTimersByTimeAsync(6_000)
    expect(told).toEqual([])
  })

  it('are kept in mind while Kafka is away', async () => {
    const topics = watcher()
    there.set('a', 1)
    topics.want('one', names('a'))
    await vi.advanceTimersByTimeAsync(1)
    away = new Fault('AuthenticationFailed', 'no')
    await vi.advanceTimersByTimeAsync(3_000)
    expect(seen(topics.want('one', names('a')))).toMatchObject({
      seen: true,
      fault: { reason: 'AuthenticationFailed', message: 'no' },
      found: ['a'],
    })
    away = null
    await vi.advanceTimersByTimeAsync(6_000)
    expect(topics.want('one', names('a')).fault).toBeNull()
  })

  it('one that may not be described hides no other', async () => {
    const topics = watcher()
    there.set('a', 1).set('b', 1)
    forbidden.add('b')
    topics.want('one', names('a', 'b', 'c'))
    await vi.advanceTimersByTimeAsync(1)
    expect(seen(topics.want('one', names('a', 'b', 'c')))).toMatchObject({
      found: ['a'],
      forbidden: ['b'],
      missing: ['c'],
    })
  })

  it('are asked about no more when nobody wants them, and anew when somebody does', async () => {
    const topics = watcher()
    there.set('a', 1)
    topics.want('one', names('a'))
    await vi.advanceTimersByTimeAsync(1)
    topics.forget('one')
    await vi.advanceTimersByTimeAsync(10_000)
    const before = asked.length
    await vi.advanceTimersByTimeAsync(10_000)
    expect([asked.length, vi.getTimerCount()]).toEqual([before, 0])
    expect(topics.want('one', names('a')).seen).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    expect(topics.want('one', names('a')).seen).toBe(true)
  })
})
