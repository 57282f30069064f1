import { expect, test } from 'vitest'
import type { ProgressStatus, Undelivered } from '../api/meta/progress.ts'
import type { StoredObject } from '../kube/client.ts'
import { UndeliveredEvents } from './undelivered.ts'

const minute = 60_000
const start = Date.parse('2026-01-01T00:00:00Z')
const trigger = (undelivered?: Undelivered, uid = 'u'): StoredObject =>
  ({
    metadata: { uid, namespace: 'shop', name: 'orders' },
    status: undelivered === undefined ? {} : { undelivered },
  }) as unknown as StoredObject
const said = (undelivered?: Undelivered): ProgressStatus => ({
  ...{ lag: 0, rate: 0 },
  ...(undelivered === undefined ? {} : { undelivered }),
})

/** `free`: so many Events the recorder takes. */
function rig(free = Infinity) {
  const told: string[] = []
  const at = { ms: 0, free }
  const clock = { now: () => start + at.ms, monotonic: () => at.ms }
  const offer = (object: StoredObject, type: string, reason: string, message: string): boolean => {
    if (at.free-- <= 0) return false
    return told.push(`${object.metadata.uid} ${type} ${reason} ${message}`) > 0
  }
  const events = new UndeliveredEvents({ events: { offer }, clock })
  return { events, told, at, successor: () => new UndeliveredEvents({ events: { offer }, clock }) }
}

test('the first at once; a thousand more make one, five minutes later, with the number since', () => {
  const { events, told, at } = rig()
  expect(events.tell(trigger(), said())).toBeNull()
  expect(events.tell(trigger(), said({ parked: 1 }))).toBeNull()
  expect(told).toEqual([expect.stringMatching(/^u Warning Parked 1 event could not be delivered/)])
  for (let count = 2; count <= 1_001; count++) {
    at.ms += 100
    expect(events.tell(trigger(), said({ parked: count }))).toBe(5 * minute - at.ms)
  }
  expect(told).toHaveLength(1)
  at.ms = 5 * minute
  expect(events.tell(trigger(), said({ parked: 1_001 }))).toBeNull()
  expect(told.slice(1)).toEqual([expect.stringContaining('1000 events since 2026-01-01T00:00:00Z could not')])
  at.ms = 60 * minute
  expect(events.tell(trigger(), said({ parked: 1_001 }))).toBeNull()
  expect(told).toHaveLength(2)
})

test('each reason and each object has its own five minutes', () => {
  const { events, told } = rig()
  events.tell(trigger(), said({ parked: 1, deadLettered: 2, dropped: 3, expired: 4 }))
  events.tell(trigger(undefined, 'other'), said({ parked: 1 }))
  expect(told.map((line) => line.split(' ').slice(0, 4).join(' '))).toEqual([
    'u Warning DeadLettered 2',
    'u Warning Parked 1',
    'u Warning Dropped 3',
    'u Warning Expired 4',
    'other Warning Parked 1',
  ])
})

test('who leads next repeats nothing that the status says, and tells what is new', () => {
  const { events, told, successor } = rig()
  events.tell(trigger(), said({ parked: 7 }))
  const next = successor()
  expect(next.tell(trigger({ parked: 7 }), said({ parked: 7 }))).toBeNull()
  expect(told).toHaveLength(1)
  next.tell(trigger({ parked: 7 }), said({ parked: 9 }))
  expect(told[1]).toContain('Parked 2 events could')
})

test('while nothing is known, and when what is counted begins anew, nothing is told', () => {
  const { events, told, at } = rig()
  events.tell(trigger(), said({ parked: 7 }))
  events.tell(trigger(), {})
  at.ms = 10 * minute
  events.tell(trigger(), said({ parked: 7 }))
  events.tell(trigger(), said())
  expect(told).toHaveLength(1)
  events.tell(trigger(), said({ parked: 2 }))
  expect(told[1]).toContain('Parked 2 events since 2026-01-01T00:00:00Z')
})

test('what the recorder does not take is offered again', () => {
  const { events, told, at } = rig(0)
  const again = events.tell(trigger(), said({ parked: 1 }))
  expect(again).toBeGreaterThanOrEqual(15_000)
  expect(again).toBeLessThanOrEqual(30_000)
  at.ms = again ?? 0
  at.free = 1
  expect(events.tell(trigger(), said({ parked: 5 }))).toBeNull()
  expect(told).toEqual([expect.stringContaining('Parked 5 events could')])
})

test('it names the last one, why, and how to learn more', () => {
  const { events, told } = rig()
  const last = {
    ...{ time: '2026-01-01T00:00:00Z', fate: 'deadLettered', id: 'A-1', takenBy: 'http://lost.shop/' },
    ...{ destination: 'http://orders.shop/', reason: 'answered 503' },
  }
  events.tell(trigger(), said({ deadLettered: 1, parked: 1, last }))
  expect(told[0]).toContain('went to the dead letter sink http://lost.shop/. Last: id A-1, at 2026-01-01T00:00:00Z')
  expect(told[0]).toContain('http://orders.shop/: answered 503. Its fate: millrace trace A-1 -n shop.')
  expect(told[1]).not.toContain('A-1')
})

test.each(['$(reboot)', '-rf', 'a b', "it's", 'x\u001b[31m\nReady', 'y'.repeat(10_000)])(
  'an id that nobody should paste is shown, in one line, and put into no command: %j',
  (id) => {
    const { events, told } = rig()
    events.tell(trigger(), said({ parked: 1, last: { time: '2026-01-01T00:00:00Z', fate: 'parked', id } }))
    expect(told[0]).not.toMatch(/millrace trace/)
    expect(told[0]).toContain('Last: id ')
    expect(told[0]).not.toMatch(/\p{Cc}/u)
    expect(told[0]?.length).toBeLessThan(1_000)
  },
)
