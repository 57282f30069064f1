import { expect, test } from 'vitest'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { answer, embeddedRig, startSubscriber } from './dispatcher-rig.ts'

test('an event is delivered, as a binary CloudEvent with its place in the log, and its position is committed', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await embeddedRig()
  const outlet = rig.outlet(subscriber.url)
  await rig.send(3, { data: '{"n":1.0}', extra: { datacontenttype: 'application/json', region: 'é b' } })
  const runner = rig.run([outlet])
  await eventually('three events came', () => subscriber.got.length === 3)
  const [got] = subscriber.got
  expect(got?.body.toString()).toBe('{"n":1.0}')
  expect(got?.headers).toMatchObject({
    prefer: 'reply',
    'kn-namespace': 'shop',
    'content-type': 'application/json',
    'ce-id': '0',
    'ce-region': '%C3%A9%20b',
    'ce-knativekafkapartition': '0',
    'ce-knativekafkaoffset': '0',
  })
  await eventuallyPasses('the position is committed', async () => expect(await rig.committed(outlet)).toBe(3))
  expect(runner.reports.at(-1)).toMatchObject({ uid: 'a', generation: 1, state: 'consuming', fault: null })
  expect(runner.dispatcher.snapshot().outlets[0]).toMatchObject({
    delivered: 3,
    parked: 0,
    partitions: [{ position: 3, end: 3 }],
  })
})

const policy = { retry: 3, backoffPolicy: 'linear' as const, backoffDelayMs: 10, timeoutMs: 60_000 }

test('what can be retried is retried, with the delays of the policy, and then counts as delivered once', async () => {
  let left = 3
  await using subscriber = await startSubscriber((got, response) => answer(left-- > 0 ? 503 : 200)(got, response))
  await using rig = await embeddedRig()
  await rig.send(1)
  const delivery = { ...policy, backoffPolicy: 'exponential' as const, backoffDelayMs: 20 }
  const runner = rig.run([rig.outlet(subscriber.url, { delivery })])
  await eventually('it was tried four times', () => subscriber.got.length === 4)
  const waits = subscriber.got.slice(1).map((got, i) => got.at - (subscriber.got[i]?.at ?? 0))
  // exponential: d·2^n
  expect(waits[0]).toBeGreaterThanOrEqual(38)
  expect(waits[1]).toBeGreaterThanOrEqual(78)
  expect(waits[2]).toBeGreaterThanOrEqual(158)
  await eventually('it is delivered', () => runner.dispatcher.snapshot().outlets[0]?.delivered === 1)
})

test('an event that waits for its retry goes where the Outlet says then', async () => {
  await using before = await startSubscriber(answer(503))
  await using after = await startSubscriber()
  await using rig = await embeddedRig()
  const delivery = { ...policy, retry: 1000, backoffDelayMs: 20, backoffPolicy: 'linear' as const }
  const outlet = rig.outlet(before.url, { delivery })
  await rig.send(1)
  const runner = rig.run([outlet])
  await eventually('it was tried', () => before.got.length > 1)
  runner.routes.outlets.set({ ...outlet, generation: 2, subscriber: { url: after.url } })
  await eventually('the new one has it', () => after.got.length === 1)
  await eventually('it is delivered', () => runner.dispatcher.snapshot().outlets[0]?.delivered === 1)
})

test.each([
  [404, 4],
  [408, 4],
  [409, 4],
  [429, 4],
  [500, 4],
  [503, 4],
  [301, 1],
  [400, 1],
  [401, 1],
  [422, 1],
])(
  'an answer %i is tried %i times, then the event is parked with what happened, and the position moves on',
  async (status, tries) => {
    await using subscriber = await startSubscriber(
      answer(status, { 'kne-hint': 'full', location: '/elsewhere' }, 'no room'.repeat(300)),
    )
    await using rig = await embeddedRig()
    const outlet = rig.outlet(subscriber.url, { delivery: policy })
    await rig.send(1)
    const runner = rig.run([outlet])
    await eventuallyPasses('the position moved on', async () => expect(await rig.committed(outlet)).toBe(1))
    expect(subscriber.got.map(({ path }) => path)).toEqual(Array(tries).fill('/a'))
    const [parked] = await rig.records(outlet.parking?.topic ?? '')
    const headers = Object.fromEntries((parked?.headers ?? []).map(([name, value]) => [name, String(value)]))
    expect(headers).toMatchObject({
      ce_id: '0',
      ce_knativeerrordest: `${subscriber.url}/a`,
      ce_knativeerrorcode: String(status),
      ce_knativeerrordata: Buffer.from('no room'.repeat(300).slice(0, 1024)).toString('base64'),
      ce_hint: 'full',
      ce_knativekafkaoffset: '0',
    })
    expect(String(parked?.value)).toBe('x')
    expect(runner.reports.at(-1)?.fault?.reason).toBe('DeliveryFailed')
  },
)

test('a dead letter sink takes what failed, with its own retries; then nothing is parked', async () => {
  let deaf = 2
  await using subscriber = await startSubscriber((got, response) => {
    if (got.path === '/a') return answer(400, {}, 'bad')(got, response)
    return answer(deaf-- > 0 ? 500 : 202)(got, response)
  })
  await using rig = await embeddedRig()
  const delivery = { ...policy, deadLetter: { url: `${subscriber.url}/dead?x=1` } }
  const outlet = rig.outlet(subscriber.url, { delivery })
  await rig.send(1)
  const runner = rig.run([outlet])
  await eventuallyPasses('the position moved on', async () => expect(await rig.committed(outlet)).toBe(1))
  expect(subscriber.got.map(({ path }) => path)).toEqual(['/a', '/dead?x=1', '/dead?x=1', '/dead?x=1'])
  expect(subscriber.got[3]?.headers).toMatchObject({
    'ce-knativeerrordest': `${subscriber.url}/a`,
    'ce-knativeerrorcode': '400',
    'ce-knativeerrordata': Buffer.from('bad').toString('base64'),
  })
  expect(runner.dispatcher.snapshot().outlets[0]?.parked).toBe(0)
})

test('nobody listens: a dead letter is told no code, and after a dead sink the event is parked', async () => {
  await using rig = await embeddedRig()
  const closed = await startSubscriber()
  await closed[Symbol.asyncDispose]()
  const delivery = { ...policy, retry: 1, deadLetter: { url: closed.url } }
  const outlet = rig.outlet(closed.url, { delivery })
  await rig.send(1)
  rig.run([outlet])
  await eventuallyPasses('the position moved on', async () => expect(await rig.committed(outlet)).toBe(1))
  const [parked] = await rig.records(outlet.parking?.topic ?? '')
  const names = parked?.headers.map(([name]) => name)
  expect(names).toContain('ce_knativeerrordest')
  expect(names).not.toContain('ce_knativeerrorcode')
})

test.each([
  ['a parking place that is made for it', null],
  ['a parking place that someone made with the limit of its source', {}],
] as const)('an event that fills its limit finds room in %s, and holds up nobody', async (_, existing) => {
  const long = answer(400, { 'kne-trace': 'x'.repeat(3000), 'kne-more': 'y'.repeat(7000) }, 'no'.repeat(600))
  await using subscriber = await startSubscriber((got, response) =>
    (got.id === '0' ? long : answer(200))(got, response),
  )
  await using rig = await embeddedRig(1)
  const outlet = rig.outlet(subscriber.url, { order: 'ordered' })
  if (existing !== null)
    await rig.admin.ensureTopic({
      name: outlet.parking?.topic ?? '',
      partitions: 1,
      replicationFactor: 1,
      config: existing,
    })
  // with its attributes, this is the largest record that the topic takes
  await rig.send(1, { data: Buffer.alloc(1_048_588 - 400) })
  await rig.send(3, { from: 1 })
  rig.run([outlet])
  await eventuallyPasses('the position moved on', async () => expect(await rig.committed(outlet)).toBe(4))
  expect(subscriber.got.map(({ id }) => id)).toEqual(['0', '1', '2', '3'])
  const [parked] = await rig.records(outlet.parking?.topic ?? '')
  expect(parked?.headers.map(([name]) => name)).toContain('ce_knativeerrordest')
})

test('a request that gets no complete answer in time is cut and tried again', async () => {
  let tries = 0
  await using subscriber = await startSubscriber((got, response) => {
    tries++
    if (tries === 1) return
    if (tries === 2) return void response.writeHead(200, { 'content-length': '10' }).write('half')
    answer(200)(got, response)
  })
  await using rig = await embeddedRig()
  const outlet = rig.outlet(subscriber.url, { delivery: { ...policy, retry: 100, timeoutMs: 150 } })
  await rig.send(1)
  const runner = rig.run([outlet])
  await eventually('it is delivered', () => runner.dispatcher.snapshot().outlets[0]?.delivered === 1)
  // a busy machine may need longer for the third one too
  expect(tries).toBeGreaterThanOrEqual(3)
  await eventually('the cut requests are gone', () => subscriber.open === 0)
})

test('a reply is stored in the reply topic before the event counts as done', async () => {
  const reply = {
    'ce-specversion': '1.0',
    'ce-id': 'r',
    'ce-type': 'reply',
    'ce-source': '/sub',
    'content-type': 'text/plain',
  }
  await using subscriber = await startSubscriber(answer(200, reply, 'yes'))
  await using rig = await embeddedRig()
  await rig.admin.ensureTopic({ name: 'replies', partitions: 1, replicationFactor: 1, config: {} })
  const outlet = rig.outlet(subscriber.url, { replyTopic: 'replies' })
  await rig.send(2)
  rig.run([outlet])
  await eventuallyPasses('the position moved on', async () => expect(await rig.committed(outlet)).toBe(2))
  const replies = await rig.records('replies')
  expect(replies.map(({ value }) => String(value))).toEqual(['yes', 'yes'])
  expect(Object.fromEntries(replies[0]?.headers.map(([name, value]) => [name, String(value)]) ?? [])).toMatchObject({
    ce_id: 'r',
    ce_type: 'reply',
    'content-type': 'text/plain',
  })
})

test('a reply that cannot be stored is a failed delivery: retried, then parked with the topic as the place of failure', async () => {
  const reply = { 'ce-specversion': '1.0', 'ce-id': 'r', 'ce-type': 'reply', 'ce-source': '/sub' }
  await using subscriber = await startSubscriber(answer(200, reply))
  await using rig = await embeddedRig()
  const outlet = rig.outlet(subscriber.url, { replyTopic: 'nowhere', delivery: { ...policy, retry: 1 } })
  await rig.send(1)
  rig.run([outlet])
  await eventuallyPasses('the position moved on', async () => expect(await rig.committed(outlet)).toBe(1))
  expect(subscriber.got.length).toBe(2)
  const [parked] = await rig.records(outlet.parking?.topic ?? '')
  expect(parked?.headers.find(([name]) => name === 'ce_knativeerrordest')?.[1]?.toString()).toBe('kafka:nowhere')
})

test.each([
  ['a body that claims nothing', answer(200, { 'content-type': 'text/html' }, '<p>thanks'), 0],
  ['an event in a 202', answer(202, { 'ce-specversion': '1.0', 'ce-id': 'r', 'ce-type': 't', 'ce-source': '/' }), 0],
  [
    'a body that claims to be an event and is none',
    answer(200, { 'content-type': 'application/cloudevents+json' }, '{"a":'),
    1,
  ],
  ['headers that claim to be an event and are none', answer(200, { 'ce-specversion': '1.0', 'ce-id': 'r' }, 'x'), 1],
])('%s', async (_, behave, parked) => {
  await using subscriber = await startSubscriber(behave)
  await using rig = await embeddedRig()
  await rig.admin.ensureTopic({ name: 'replies', partitions: 1, replicationFactor: 1, config: {} })
  const outlet = rig.outlet(subscriber.url, { replyTopic: 'replies', delivery: policy })
  await rig.send(1)
  const runner = rig.run([outlet])
  await eventuallyPasses('the position moved on', async () => expect(await rig.committed(outlet)).toBe(1))
  expect(runner.dispatcher.snapshot().outlets[0]?.parked).toBe(parked)
  expect(await rig.records('replies')).toEqual([])
})

test('a reply larger than the bound is a failure, and its rest is not kept', async () => {
  const event = { 'ce-specversion': '1.0', 'ce-id': 'r', 'ce-type': 't', 'ce-source': '/' }
  await using subscriber = await startSubscriber(answer(200, event, Buffer.alloc(300_000)))
  await using rig = await embeddedRig()
  const outlet = rig.outlet(subscriber.url, { replyTopic: rig.topic })
  await rig.send(1)
  const runner = rig.run([outlet], { replyBytes: 100_000 })
  await eventually('it is parked', () => runner.dispatcher.snapshot().outlets[0]?.parked === 1)
})

test('a record that is no event is parked as it was, and stops nothing', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await embeddedRig()
  const outlet = rig.outlet(subscriber.url, { filter: { attributes: { type: 'made' } } })
  const headers = [['x', Buffer.from('1')] as const, ['gone', null] as const]
  await rig.appender.append({
    topic: rig.topic,
    partition: 0,
    key: Buffer.from('k'),
    value: Buffer.from('junk'),
    headers,
  })
  await rig.send(1)
  rig.run([outlet])
  await eventuallyPasses('the position moved on', async () => expect(await rig.committed(outlet)).toBe(2))
  const [parked] = await rig.records(outlet.parking?.topic ?? '')
  expect([String(parked?.key), String(parked?.value)]).toEqual(['k', 'junk'])
  expect(parked?.headers.slice(0, 2)).toEqual(headers)
  expect(subscriber.got.length).toBe(1)
})

test('when an event can be parked nowhere it waits, the position stays, and the fault says so; later it is parked', async () => {
  await using subscriber = await startSubscriber(answer(400))
  await using rig = await embeddedRig()
  const parking = { topic: 'not a valid topic name', partitions: 1, replicationFactor: 1 }
  const outlet = rig.outlet(subscriber.url, { parking })
  await rig.send(1)
  const runner = rig.run([outlet], { parkRetryMaxMs: 50 })
  await eventually('it is reported', () => runner.reports.at(-1)?.fault?.reason === 'DeliveryFailed')
  expect(await rig.committed(outlet)).toBe(0)
  runner.routes.outlets.set({ ...outlet, generation: 2, parking: { ...parking, topic: 'better' } })
  await eventuallyPasses('the position moved on', async () => expect(await rig.committed(outlet)).toBe(1))
  expect(subscriber.got.length).toBe(1)
})
