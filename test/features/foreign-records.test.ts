import type { ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import type { Outlet } from '../../src/contract/outlet.ts'
import { Fault } from '../../src/core/fault.ts'
import type { Header, Positions } from '../../src/kafka/log.ts'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { answer, embeddedRig, Hand, startSubscriber, type Got, type Rig, type Runner } from './dispatcher-rig.ts'

/** Topics of other programs, as a KafkaSource reads them: an Outlet with a conversion, in order, that keeps what nobody takes. */

type Conversion = NonNullable<Outlet['conversion']>
const conversion: Conversion = { type: 'made.of.record', source: '/here#in', keyType: 'string', tombstones: 'deliver' }

function source(rig: Rig, url: string, change: Partial<Outlet> = {}): Outlet {
  const { parking: _, ...outlet } = rig.outlet(url, { order: 'ordered', conversion, ...change })
  return outlet
}

interface Written {
  readonly key?: Buffer | null
  readonly value?: Buffer | null
  readonly headers?: Readonly<Record<string, string | Buffer | null>>
}

async function write(rig: Rig, records: readonly Written[], topic = rig.topic, partition = 0): Promise<void> {
  for (const { key = null, value = null, headers = {} } of records) {
    const list = Object.entries(headers).map(([name, text]): Header => [name, text === null ? null : Buffer.from(text)])
    await rig.appender.append({ topic, partition, key, value, headers: list })
  }
}

const numbered = (count: number, from = 0): Written[] =>
  Array.from({ length: count }, (_, i) => ({ value: Buffer.from(String(from + i)) }))
const bodies = (got: readonly Got[]): string[] => got.map(({ body }) => body.toString('latin1'))
const offsets = (got: readonly Got[]): number[] => got.map(({ offset }) => offset)
const fault = (runner: Runner, uid = 'a') => runner.reports.findLast((report) => report.uid === uid)?.fault ?? null
const snapshot = (runner: Runner, uid = 'a') =>
  runner.dispatcher.snapshot().outlets.find((one) => one.uid === uid) ?? expect.fail('no such Outlet')

test('whatever other programs write arrives in order, as an event, with the bytes of its value, and stops nothing', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await embeddedRig()
  const ce = { ce_specversion: '1.0', ce_id: '1', ce_source: '/s', ce_type: 't', 'content-type': 'text/plain' }
  const json = '{"specversion":"1.0","id":"2","source":"/s","type":"t","data":{"n":1.0}}'
  const binary = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
  await write(rig, [
    { value: Buffer.from('plain') },
    {
      value: binary,
      key: Buffer.from([0xff, 0x00]),
      headers: { 'bad\r\nname': 'x\r\ny: z', tab: '\t', raw: Buffer.from([0xff]) },
    },
    { value: null, key: Buffer.from('gone') },
    { value: Buffer.from('event'), headers: ce },
    { value: Buffer.from(json), headers: { 'content-type': 'application/cloudevents+json' } },
    { value: Buffer.from('{'), headers: { 'content-type': 'application/cloudevents+json' } },
    { value: Buffer.from('[]'), headers: { 'content-type': 'application/cloudevents-batch+json' } },
    { value: Buffer.from('half'), headers: { ce_id: '7', ce_type: 't' } },
    { value: Buffer.from('empty id'), headers: { ...ce, ce_id: '' } },
    { value: Buffer.from('huge'), headers: { big: 'x'.repeat(500_000), small: 'y' } },
    { value: Buffer.alloc(0) },
  ])
  const outlet = source(rig, subscriber.url)
  const runner = rig.run([outlet])
  await eventuallyPasses('all is done', async () => expect(await rig.committed(outlet)).toBe(11))
  expect(bodies(subscriber.got)).toEqual([
    ...['plain', binary.toString('latin1'), '', 'event', '{"n":1.0}', '{', '[]', 'half', 'empty id', 'huge', ''],
  ])
  const types = subscriber.got.map(({ type }) => type)
  expect(types).toEqual(types.map((_, i) => (i === 3 || i === 4 ? 't' : 'made.of.record')))
  expect(subscriber.got[0]?.headers).toMatchObject({
    'ce-id': 'partition:0/offset:0',
    'ce-source': '/here#in',
    'ce-subject': 'partition:0#0',
    'ce-specversion': '1.0',
    'ce-knativekafkapartition': '0',
    'ce-knativekafkaoffset': '0',
  })
  expect(subscriber.got[0]?.headers['content-type']).toBeUndefined()
  expect(subscriber.got[3]?.headers).toMatchObject({ 'ce-id': '1', 'content-type': 'text/plain' })
  expect(subscriber.got[3]?.headers['ce-subject']).toBeUndefined()
  expect(subscriber.got[9]?.headers).toMatchObject({ 'ce-kafkaheadersmall': 'y', 'ce-kafkaomitted': '1' })
  expect(fault(runner)).toBeNull()
  expect(snapshot(runner)).toMatchObject({ delivered: 11, lastError: null })
  expect(Date.now() - (snapshot(runner).lastDelivery ?? 0)).toBeLessThan(60_000)
})

test('Outlets of one topic get each record as they convert it, or park it where they do not', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await embeddedRig()
  const bytes = Buffer.from([0, 0, 1, 0])
  const at = (uid: string, change: Partial<Conversion>): Outlet =>
    source(rig, subscriber.url, { uid, conversion: { ...conversion, ...change }, order: 'unordered' })
  const outlets = [
    at('text', {}),
    at('same', {}),
    at('int', { keyType: 'int', source: '/there' }),
    at('skip', { tombstones: 'skip' }),
    { ...at('filtered', {}), filter: { exact: { key: 'other' } } },
    rig.outlet(subscriber.url, { uid: 'broker' }),
  ]
  const runner = rig.run(outlets)
  for (const { uid } of outlets) await rig.consuming(runner, uid)
  await write(rig, [
    { key: bytes, value: Buffer.from('v') },
    { key: bytes },
    { key: Buffer.from('other'), value: Buffer.from('o') },
  ])
  for (const outlet of outlets)
    await eventuallyPasses(`${outlet.uid} is done`, async () =>
      expect(snapshot(runner, outlet.uid).partitions[0]).toMatchObject({ position: 3, end: 3 }),
    )
  const keys = (uid: string): unknown[] =>
    subscriber.got
      .filter(({ path }) => path === `/${uid}`)
      .toSorted((a, b) => a.offset - b.offset)
      .map(({ headers }) => headers['ce-key'])
  const text = '%00%00%01%00'.replaceAll('%00', '%EF%BF%BD').replace('%01', '%EF%BF%BD')
  expect(keys('text')).toEqual([text, text, 'other'])
  expect(keys('same')).toEqual([text, text, 'other'])
  expect(keys('int')).toEqual(['256', '256', 'other'])
  expect(keys('skip')).toEqual([text, 'other'])
  expect(keys('filtered')).toEqual(['other'])
  expect(keys('broker')).toEqual([])
  expect(snapshot(runner, 'broker').parked).toBe(3)
})

test.each(['binary', 'json'] as const)(
  'in %s form each event and each dead letter has the attributes that the Outlet sets, over its own',
  async (format) => {
    await using subscriber = await startSubscriber((got, response) =>
      answer(got.path === '/dead' ? 200 : 400)(got, response),
    )
    await using rig = await embeddedRig()
    const { url } = subscriber
    const outlet = source(rig, url, {
      extensions: { tenant: 'ä b', knativekafkaoffset: 'hidden', type: 'broken', id: '' },
      delivery: {
        retry: 0,
        backoffPolicy: 'linear',
        backoffDelayMs: 5,
        timeoutMs: 60_000,
        format,
        deadLetter: { url: `${url}/dead` },
      },
    })
    rig.run([outlet])
    const ce = { ce_specversion: '1.0', ce_id: '1', ce_source: '/s', ce_type: 't', ce_tenant: 'own' }
    await write(rig, [{ headers: ce }])
    await eventually('both came', () => subscriber.got.length === 2)
    for (const { path, headers, body } of subscriber.got) {
      const attributes: Record<string, unknown> =
        format === 'json'
          ? (JSON.parse(body.toString()) as Record<string, unknown>)
          : Object.fromEntries(
              Object.entries(headers).map(([name, value]) => [
                name.replace('ce-', ''),
                decodeURIComponent(String(value)),
              ]),
            )
      const place = { knativekafkaoffset: 'hidden', knativekafkapartition: '0' }
      expect(attributes).toMatchObject({ tenant: 'ä b', type: 't', id: '1', source: '/s', ...place })
      expect('knativeerrordest' in attributes).toBe(path === '/dead')
    }
  },
)

test.each([
  ['of the past', () => 0, 0],
  ['between two records', (second: number) => second, 2],
  ['of the future', (second: number) => second + 3600_000, 4],
])('a start at a time %s', async (_, time, first) => {
  await using subscriber = await startSubscriber()
  await using rig = await embeddedRig()
  await write(rig, numbered(2))
  await new Promise((resolve) => setTimeout(resolve, 5))
  const second = Date.now()
  await write(rig, numbered(2, 2))
  const outlet = source(rig, subscriber.url, { startAtMs: time(second) })
  const runner = rig.run([outlet], {}, 'same')
  await rig.consuming(runner)
  await write(rig, numbered(1, 4))
  await eventuallyPasses('the rest came', () => expect(offsets(subscriber.got)).toEqual([0, 1, 2, 3, 4].slice(first)))
  await runner.close()
  // a position is there now: the time counts no more
  rig.run([{ ...outlet, startAtMs: 0 }], {}, 'same')
  await write(rig, numbered(1, 5))
  await eventuallyPasses('the next came', () =>
    expect(offsets(subscriber.got)).toEqual([0, 1, 2, 3, 4, 5].slice(first)),
  )
})

test('paused: nothing new is sent, what is under way ends, and it goes on at once and where it was when it is paused no more', async () => {
  const open: ServerResponse[] = []
  await using subscriber = await startSubscriber((_, response) => void open.push(response))
  await using rig = await embeddedRig(2)
  const outlet = source(rig, subscriber.url)
  const retried = source(rig, subscriber.url, {
    uid: 'b',
    delivery: { ...outlet.delivery, retry: 1000, backoffDelayMs: 1, backoffPolicy: 'linear' },
  })
  const hands: Hand[] = []
  const runner = rig.run([outlet, retried], { retryMs: 20, commitIntervalMs: 50 }, 'd', {
    membership: (handler) => {
      const hand = new Hand(handler, rig)
      hands.push(hand)
      return hand
    },
  })
  await rig.consuming(runner)
  await rig.consuming(runner, 'b')
  await write(rig, numbered(3))
  await eventually('both have one under way', () => open.length === 2)
  const pause = (one: Outlet): Outlet => ({ ...one, generation: 2, paused: true })
  runner.routes.outlets.set(pause(outlet))
  runner.routes.outlets.set(pause(retried))
  subscriber.got.forEach(({ path }, i) => open[i]?.writeHead(path === '/b' ? 503 : 200).end())
  await eventuallyPasses('what was under way is committed', async () => expect(await rig.committed(outlet)).toBe(1))
  await write(rig, numbered(2, 3), rig.topic, 1)
  await eventuallyPasses('lag grows', () =>
    expect(snapshot(runner).partitions[1]).toMatchObject({ position: 0, end: 2 }),
  )
  expect(subscriber.got.length).toBe(2)
  expect(await rig.committed(retried)).toBe(0)
  expect(runner.reports.findLast(({ uid }) => uid === 'a')).toMatchObject({
    generation: 2,
    state: 'consuming',
    fault: null,
  })
  subscriber.behave = answer(200)
  runner.routes.outlets.set({ ...outlet, generation: 3 })
  runner.routes.outlets.set({ ...retried, generation: 3 })
  for (const one of [outlet, retried])
    await eventuallyPasses('all is done', async () =>
      expect([await rig.committed(one, 0), await rig.committed(one, 1)]).toEqual([3, 2]),
    )
  expect(offsets(subscriber.got.filter(({ path, partition }) => path === '/a' && partition === 0))).toEqual([0, 1, 2])
  expect(offsets(subscriber.got.filter(({ path, partition }) => path === '/b' && partition === 0))).toEqual([
    0, 0, 1, 2,
  ])
  expect([...(hands[0]?.owned ?? [])]).toEqual([0, 1])
})

test('an event that nobody takes keeps its place and is tried again until it is taken; the fault says which, why, and what to do', async () => {
  await using subscriber = await startSubscriber((got, response) => answer(got.offset === 2 ? 400 : 200)(got, response))
  await using rig = await embeddedRig()
  const outlet = source(rig, subscriber.url)
  const options = { retryMs: 20, parkRetryMaxMs: 60, commitIntervalMs: 50 }
  const first = rig.run([outlet], options, 'same')
  await write(rig, numbered(6))
  await eventually('it is tried again and again', () => subscriber.got.filter(({ offset }) => offset === 2).length > 4)
  expect(fault(first)).toMatchObject({ reason: 'DeliveryFailed' })
  const { message } = fault(first) ?? expect.fail('no fault')
  expect(message).toContain(`offset 2 of partition 0 of topic ${rig.topic}`)
  expect(message).toContain(`${subscriber.url}/a: it answered 400`)
  expect(message).toContain('delivery.deadLetterSink')
  expect(message).toContain('eventing.millrace.dev/onExhausted: Drop')
  expect(first.reports.at(-1)?.state).toBe('consuming')
  expect(snapshot(first)).toMatchObject({ delivered: 2, parked: 0, dropped: 0 })
  expect(snapshot(first).lastError?.message).toContain('it answered 400')
  await first.close()
  expect(await rig.committed(outlet)).toBe(2)
  const before = subscriber.got.length
  const second = rig.run([outlet], options, 'same')
  await eventually('it waits here too', () => fault(second)?.reason === 'DeliveryFailed')
  expect(offsets(subscriber.got.slice(before)).every((offset) => offset === 2)).toBe(true)
  subscriber.behave = answer(200)
  await eventuallyPasses('all is done', async () => expect(await rig.committed(outlet)).toBe(6))
  await eventually('and well again', () => fault(second) === null)
  expect([...new Set(offsets(subscriber.got))]).toEqual([0, 1, 2, 3, 4, 5])
  expect(subscriber.got.filter(({ offset }) => offset !== 2).length).toBe(5)
})

test.each([
  [
    'another sink',
    (url: string): Partial<Outlet> => ({ subscriber: { url: `${url}/good` } }),
    { delivered: 5, dropped: 0 },
  ],
  ['onExhausted: drop', (): Partial<Outlet> => ({ onExhausted: 'drop' as const }), { delivered: 0, dropped: 5 }],
])('an edit counts at once for an event that waits long for its next try: %s', async (_, change, counts) => {
  await using subscriber = await startSubscriber((got, response) =>
    answer(got.path === '/good' ? 200 : 503)(got, response),
  )
  await using rig = await embeddedRig()
  const outlet = source(rig, subscriber.url)
  const runner = rig.run([outlet], { retryMs: 3600_000, parkRetryMaxMs: 3600_000 })
  await write(rig, numbered(5))
  await eventually('it waits', () => fault(runner)?.reason === 'DeliveryFailed')
  runner.routes.outlets.set({ ...outlet, generation: 2, ...change(subscriber.url) })
  // each of them is refused in its turn, and then dropped
  await eventuallyPasses('all is done', () => expect(snapshot(runner)).toMatchObject(counts))
})

test('what the dead letter sink takes holds up nothing', async () => {
  await using subscriber = await startSubscriber((got, response) =>
    answer(got.path === '/dead' ? 200 : 503)(got, response),
  )
  await using rig = await embeddedRig()
  const deadLetter = { url: `${subscriber.url}/dead` }
  const delivery: Outlet['delivery'] = {
    retry: 1,
    backoffPolicy: 'linear',
    backoffDelayMs: 1,
    timeoutMs: 60_000,
    deadLetter,
  }
  const outlet = source(rig, subscriber.url, { delivery })
  const runner = rig.run([outlet])
  await write(rig, numbered(3))
  await eventuallyPasses('all is done', async () => expect(await rig.committed(outlet)).toBe(3))
  expect(bodies(subscriber.got.filter(({ path }) => path === '/dead'))).toEqual(['0', '1', '2'])
  expect(fault(runner)).toBeNull()
})

/** Two topics, an Outlet for each, one group. */
async function twoTopics(rig: Rig, url: string): Promise<readonly [Outlet, Outlet]> {
  const topics = [`${rig.topic}-a`, `${rig.topic}-b`] as const
  for (const name of topics) await rig.admin.ensureTopic({ name, partitions: 1, replicationFactor: 1, config: {} })
  const [a, b] = topics.map((topic, i) => source(rig, url, { topic, uid: i === 0 ? 'a' : 'b', group: 'shared' }))
  return [a ?? expect.fail(), b ?? expect.fail()]
}

test('Outlets that share a group each keep their positions in it; one that goes does not disturb the other', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await embeddedRig()
  const [a, b] = await twoTopics(rig, subscriber.url)
  const runner = rig.run([a, b], { commitIntervalMs: 50 }, 'same')
  await rig.consuming(runner)
  await rig.consuming(runner, 'b')
  for (const { topic } of [a, b]) await write(rig, numbered(5), topic)
  for (const one of [a, b]) await eventuallyPasses('committed', async () => expect(await rig.committed(one)).toBe(5))
  expect((await rig.positions.all('shared')).map(({ topic }) => topic).toSorted()).toEqual([a.topic, b.topic])
  runner.routes.outlets.delete('a')
  await eventually('it is released', () => runner.reports.some(({ uid, state }) => uid === 'a' && state === 'released'))
  await write(rig, numbered(5), b.topic)
  await eventuallyPasses('the other goes on', async () => expect(await rig.committed(b)).toBe(10))
  await runner.close()
  rig.run([a, b], {}, 'same')
  await write(rig, numbered(1, 10), a.topic)
  await eventuallyPasses('nothing comes again', async () => expect(await rig.committed(a)).toBe(6))
  expect(subscriber.got.length).toBe(16)
})

/** Refuses what the test says, of commits; the rest is real. */
function refusing(rig: Rig, refuse: (topics: ReadonlySet<string>) => Fault | null): Positions {
  const inner = rig.log.positions()
  return {
    fetch: (asked) => inner.fetch(asked),
    all: (group) => inner.all(group),
    close: () => inner.close(),
    commit: (group, list, signal) => {
      const refused = refuse(new Set(list.map(({ topic }) => topic)))
      return refused === null ? inner.commit(group, list, signal) : Promise.reject(refused)
    },
  }
}

test('a topic whose positions are refused does not hold up the positions of its siblings, and only its Outlet says so', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await embeddedRig()
  const [a, b] = await twoTopics(rig, subscriber.url)
  let refused = false
  const positions = refusing(rig, (topics) =>
    refused && topics.has(a.topic) ? new Fault('NotAuthorized', 'this topic may not be read') : null,
  )
  const runner = rig.run([a, b], { commitIntervalMs: 30, retryMs: 30 }, 'd', { positions })
  await rig.consuming(runner)
  await rig.consuming(runner, 'b')
  refused = true
  for (let round = 1; round <= 3; round++) {
    for (const { topic } of [a, b]) await write(rig, numbered(5), topic)
    await eventuallyPasses('the sibling’s position moves', async () => expect(await rig.committed(b)).toBe(5 * round))
  }
  expect(await rig.committed(a)).toBe(0)
  await eventually('it is said', () => fault(runner)?.reason === 'NotAuthorized')
  expect(fault(runner, 'b')).toBeNull()
  refused = false
  await eventuallyPasses('it catches up', async () => expect(await rig.committed(a)).toBe(15), { withinMs: 40_000 })
  await eventually('and is well again', () => fault(runner) === null)
})

test('a group that someone else uses pauses all Outlets that share it, those too that have nothing to commit', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await embeddedRig()
  const [a, b] = await twoTopics(rig, subscriber.url)
  let inUse = false
  const positions = refusing(rig, () => (inUse ? new Fault('GroupInUse', 'it has live members') : null))
  const admin = new Proxy(rig.admin, {
    get: (inner, name) => {
      if (name === 'describeGroup' && inUse) return async () => ({ kind: 'consumer', liveMembers: 1 })
      const member: unknown = Reflect.get(inner, name, inner)
      return typeof member === 'function' ? (member.bind(inner) as unknown) : member
    },
  })
  const runner = rig.run([a, b], { commitIntervalMs: 30, retryMs: 30 }, 'd', { positions, admin })
  await rig.consuming(runner)
  await rig.consuming(runner, 'b')
  inUse = true
  await write(rig, numbered(1), a.topic)
  for (const uid of ['a', 'b']) await eventually(`${uid} says so`, () => fault(runner, uid)?.reason === 'GroupInUse')
  inUse = false
  for (const uid of ['a', 'b']) await eventually(`${uid} is well again`, () => fault(runner, uid) === null)
  for (const { topic } of [a, b]) await write(rig, numbered(1), topic)
  await eventuallyPasses('both go on', async () =>
    expect([await rig.committed(a), await rig.committed(b)]).toEqual([2, 1]),
  )
})
