import { expect, test } from 'vitest'
import { Place } from './place.ts'
import { Rates } from './rates.ts'
import { EventRing } from './ring.ts'

const event = (id: string) => ({ attributes: new Map([['id', id]]), data: null })

test('what is kept is bounded in number', () => {
  const ring = new EventRing({ events: 3, bytes: 1024 * 1024 })
  for (const id of ['a', 'b', 'c', 'd']) ring.add(event(id), '/', 0)
  expect([ring.oldest, ring.newest, ring.at(1), ring.at(2)?.event.attributes.get('id')]).toEqual([2, 4, undefined, 'b'])
})

test('and in bytes, whatever an event is made of', () => {
  const limit = { events: 200, bytes: 1024 * 1024 }
  const ring = new EventRing(limit)
  // As JSON a control character takes six bytes; there may be a million attributes of a megabyte each.
  const attributes = new Map(Array.from({ length: 1000 }, (_, at) => [`ext${at}`, 'v'.repeat(10_000)]))
  const data = Buffer.alloc(1_000_000, '\u0001')
  for (let at = 0; at < 50; at += 1) ring.add({ attributes, data }, `/${'p'.repeat(10_000)}`, 0)
  expect(ring.bytes).toBeLessThanOrEqual(limit.bytes)
  expect(ring.newest).toBe(50)
  expect(ring.newest - ring.oldest).toBeGreaterThanOrEqual(0)
})

test('an event of a batch does not keep the batch', () => {
  const ring = new EventRing({ events: 3, bytes: 64 * 1024 * 1024 })
  const batch = Buffer.alloc(16 * 1024 * 1024)
  ring.add({ attributes: new Map(), data: batch.subarray(0, 10) }, '/', 0)
  expect(ring.at(1)?.event.data?.buffer.byteLength).toBe(10)
})

test('a place that was overtaken says by how many, once', () => {
  const ring = new EventRing({ events: 2, bytes: 1024 * 1024 })
  const place = new Place(ring, () => true, 1)
  for (const id of ['a', 'b', 'c', 'd', 'e']) ring.add(event(id), '/', 0)
  const { events, missed } = place.take(1_000_000)
  expect([missed, events.map(({ number }) => number), place.last]).toEqual([3, [4, 5], 5])
  expect(place.take(1_000_000)).toEqual({ events: [], missed: 0 })
})

test('a place takes so many bytes at once, and at least one event', () => {
  const ring = new EventRing({ events: 10, bytes: 1024 * 1024 })
  const place = new Place(ring, ({ number }) => number % 2 === 0, 1)
  for (const id of ['a', 'b', 'c', 'd']) ring.add(event(id), '/', 0)
  expect(place.take(1).events.map(({ number }) => number)).toEqual([2])
  expect(place.take(1).events.map(({ number }) => number)).toEqual([4])
})

test('rates are of the seconds that are over, and forget what is longer ago than they reach', () => {
  let ms = 0
  const rates = new Rates({ now: () => 0, monotonic: () => ms })
  for (let i = 0; i < 5; i += 1) rates.count()
  expect(rates.latest()).toBe(0)
  ms = 1_000
  rates.count()
  expect([rates.latest(), rates.history().at(-1)]).toEqual([5, 5])
  ms = 3_500
  expect(rates.history().slice(-3)).toEqual([5, 1, 0])
  ms = 1_000_000
  expect(rates.history().every((count) => count === 0)).toBe(true)
})
