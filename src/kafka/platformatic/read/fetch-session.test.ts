import { expect, it } from 'vitest'
import { FetchSession } from './fetch-session.ts'
import type { FetchTarget } from './fetch-wire.ts'

const target = (partition: number, offset = 0n, topicId = 'id'): FetchTarget => ({
  topicId,
  partition,
  offset,
  leaderEpoch: 1,
  lastFetchedEpoch: -1,
})

function started(...targets: FetchTarget[]): FetchSession<FetchTarget> {
  const session = new FetchSession<FetchTarget>()
  for (const one of targets) session.put(one)
  session.next()
  session.accepted(99)
  return session
}

it('asks for all once, then only for what changed', () => {
  const session = new FetchSession<FetchTarget>()
  const [a, b] = [target(0), target(1)]
  session.put(a)
  session.put(b)
  expect(session.next()).toEqual({ sessionId: 0, sessionEpoch: 0, targets: [a, b], forgotten: [] })
  session.accepted(99)
  expect(session.next()).toEqual({ sessionId: 99, sessionEpoch: 1, targets: [], forgotten: [] })
  session.accepted(99)
  session.put(b)
  expect(session.next()).toEqual({ sessionId: 99, sessionEpoch: 2, targets: [b], forgotten: [] })
})

it('forgets what was removed, and only what the broker knows', () => {
  const [a, b, late] = [target(0), target(1), target(2)]
  const session = started(a, b)
  session.put(late)
  session.remove(late)
  session.remove(a)
  expect(session.next()).toMatchObject({ targets: [], forgotten: [{ topicId: 'id', partition: 0 }] })
  expect(session.sent('id', 0)).toBeUndefined()
  expect(session.sent('id', 1)).toBe(b)
})

it('forgets the topic id that the broker knows, when the target has another one by then', () => {
  const moving = { ...target(0), topicId: 'old' }
  const session = started(moving)
  session.remove(moving)
  moving.topicId = 'new'
  session.put(moving)
  expect(session.next()).toMatchObject({ targets: [moving], forgotten: [{ topicId: 'old', partition: 0 }] })
})

it('does not forget what came back meanwhile', () => {
  const a = target(0)
  const session = started(a)
  session.remove(a)
  const again = target(0, 5n)
  session.put(again)
  session.remove(a)
  expect(session.next()).toMatchObject({ targets: [again], forgotten: [] })
})

it('keeps changes that are made while a request is out', () => {
  const [a, b] = [target(0), target(1)]
  const session = new FetchSession<FetchTarget>()
  session.put(a)
  session.next()
  session.put(b)
  expect(session.sent('id', 1)).toBeUndefined()
  session.accepted(99)
  expect(session.next()).toMatchObject({ sessionEpoch: 1, targets: [b] })
})

it('starts over after a reset, and asks for all each time when the broker has no room for a session', () => {
  const [a, b] = [target(0), target(1)]
  const session = started(a, b)
  session.reset()
  expect(session.isNew).toBe(true)
  expect(session.next()).toMatchObject({ sessionId: 0, sessionEpoch: 0, targets: [a, b] })
  session.accepted(0)
  expect(session.next()).toMatchObject({ sessionId: 0, sessionEpoch: 0, targets: [a, b] })
})
