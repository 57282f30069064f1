import { expect, it } from 'vitest'
import { MemoryRoutes } from '../../contract/memory-routes.ts'
import type { Outlet } from '../../contract/outlet.ts'
import { Latest } from './latest.ts'
import { Territory } from './territory.ts'
import { TooMany, Turns } from './turns.ts'

it('turns come one after the other, those who went away and those who are too many are left out', async () => {
  const turns = new Turns(1)
  const log: string[] = []
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const
  const gone = new AbortController()
  const never = new AbortController().signal
  const first = turns.run(never, async () => {
    log.push('first begins')
    await gates[0].promise
    log.push('first ends')
  })
  const second = turns.run(gone.signal, () => Promise.resolve(log.push('second')))
  await expect(turns.run(never, () => Promise.resolve())).rejects.toThrow(TooMany)
  gone.abort(new Error('went away'))
  gates[0].resolve()
  await first
  await expect(second).rejects.toThrow('went away')
  await expect(turns.run(never, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken')
  expect(await turns.run(never, () => Promise.resolve(7))).toBe(7)
  expect(log).toEqual(['first begins', 'first ends'])
})

it('who goes away while he waits takes no place from others', async () => {
  const turns = new Turns(2)
  const gate = Promise.withResolvers<void>()
  const never = new AbortController().signal
  const first = turns.run(never, () => gate.promise)
  const gone = new AbortController()
  const away = [1, 2].map(() => turns.run(gone.signal, () => Promise.reject(new Error('begun'))))
  gone.abort(new Error('went away'))
  for (const one of away) await expect(one).rejects.toThrow('went away')
  // the first one has not ended yet
  const others = [1, 2].map((n) => turns.run(never, () => Promise.resolve(n)))
  await expect(turns.run(never, () => Promise.resolve(3))).rejects.toThrow(TooMany)
  gate.resolve()
  await first
  expect(await Promise.all(others)).toEqual([1, 2])
  expect(await turns.run(never, () => Promise.resolve(4))).toBe(4)
})

it('the latest of many are kept, each once', () => {
  const latest = new Latest<number>(3)
  for (const n of [1, 2, 3, 2, 4]) latest.set(String(n), n)
  expect(latest.all).toEqual([3, 2, 4])
  const all = new Latest<number>(2)
  for (const n of [1, 1, 1]) all.add(n)
  expect(all.all).toEqual([1, 1])
})

it('only topics that a route names are looked at, in the Kafka where it names them', () => {
  const routes = new MemoryRoutes()
  const main = { bootstrapServers: 'main:9092' }
  const far = { bootstrapServers: 'far:9092', credential: 'c' }
  const conversion = { type: 't', source: '/s', keyType: 'string', tombstones: 'skip' } as const
  const outlet = (uid: string, more: Partial<Outlet>): Outlet => ({
    ...{ uid, generation: 1, source: { kind: 'Trigger', namespace: 'n', name: uid }, topic: 'a', group: uid },
    ...{ start: 'latest', filter: { attributes: {} }, subscriber: { url: 'http://s/' }, order: 'unordered' },
    delivery: { retry: 0, backoffPolicy: 'linear', backoffDelayMs: 1, timeoutMs: 1 },
    ...more,
  })
  const parking = { topic: 'parked', partitions: 1, replicationFactor: 1 }
  routes.outlets.set(outlet('1', { replyTopic: 'replies', parking }))
  routes.outlets.set(outlet('2', { ...far, topic: 'b' }))
  routes.outlets.set(outlet('3', { topic: 'b' }))
  routes.outlets.set(outlet('4', { topic: 'b', conversion }))
  const { inlets, outlets } = routes
  const territory = new Territory({ inlets, outlets, main })
  for (const topic of ['a', 'replies', 'parked']) {
    expect(territory.ground(topic, undefined)).toEqual({ cluster: main, conversion: null })
  }
  expect(territory.ground('b', undefined)).toEqual({ cluster: main, conversion })
  expect(territory.ground('b', 'main:9092')).toEqual({ cluster: main, conversion })
  expect(territory.ground('b', 'far:9092|c')).toEqual({ cluster: far, conversion: null })
  expect(territory.ground('b', 'far:9092')).toBeNull()
  expect(territory.ground('a', 'far:9092|c')).toBeNull()
  expect(territory.ground('c', undefined)).toBeNull()
  expect([...territory.readers('b', undefined).keys()]).toEqual(['3', '4'])
  expect([...territory.readers('b', 'far:9092|c').keys()]).toEqual(['2'])
  // who knows no main one looks where the topic is
  expect(new Territory({ outlets, main: undefined }).ground('b', undefined)?.cluster).toEqual(far)
})
