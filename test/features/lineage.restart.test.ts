import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { kafkaBootstrap, uniqueGroup, uniqueTopic } from '../support/kafka.ts'
import { startDispatcherWithLineage, startIngressWithLineage } from '../support/lineage.ts'
import { inletOn, outletOn, ownFolder, RoutesFile } from '../support/millrace.ts'
import { startRecorder } from '../support/recorder.ts'
import { sendEvents } from '../support/sender.ts'
import { createTopic, kafkaLog } from '../support/topics.ts'

/** What workers knew they still know after the worst of ends. */

const kafka = kafkaBootstrap()

test('an ingress that is killed knows afterwards what it took and what it refused', async () => {
  const topic = await createTopic(kafka, { name: uniqueTopic(), partitions: 2 })
  const parts = { routes: new RoutesFile({ inlets: [inletOn(topic)] }), kafka, folder: ownFolder() }
  const first = await startIngressWithLineage(parts)
  const before = Date.now()
  await sendEvents({ url: first.url, count: 50 })
  const headers = { 'ce-specversion': '1.0', 'ce-id': '7', 'ce-source': '/test', 'content-type': 'text/plain' }
  expect((await fetch(first.url, { method: 'POST', headers, body: 'no type' })).status).toBe(400)
  const told = await first.lineage.remembered('7', '/test')
  expect(told).toMatchObject({ role: 'ingress', places: [] })
  expect(told.accepted).toEqual([
    {
      at: expect.closeTo(Date.now(), -5) as number,
      inlet: { kind: 'Broker', namespace: 'test', name: 'default' },
      place: { topic, partition: expect.any(Number) as number, offset: expect.any(Number) as number },
    },
  ])
  expect(told.refused).toMatchObject([{ path: '/test/default', id: '7', source: '/test', status: 400 }])
  expect(told.remembersFrom).toBeLessThanOrEqual(before)
  first.child.signal('SIGKILL')
  await first.child.exited

  await using second = await startIngressWithLineage(parts)
  const again = await second.lineage.remembered('7')
  expect(again.accepted).toEqual(told.accepted)
  expect(again.refused).toEqual(told.refused)
  // it cannot know what it had no time to write
  expect(again.remembersFrom).toBeGreaterThan(before)
  const { accepted } = await second.lineage.remembered('7', '/another')
  expect(accepted).toEqual([])
})

test('a dispatcher that is killed knows afterwards how deliveries ended, and what waits still', async () => {
  const topic = await createTopic(kafka, { name: uniqueTopic(), partitions: 1 })
  await using ok = await startRecorder()
  await using replying = await startRecorder((_, id) => {
    const reply = { 'ce-specversion': '1.0', 'ce-id': `re-${id}`, 'ce-source': '/reply', 'ce-type': 'answer' }
    return { status: 200, headers: reply }
  })
  await using refusing = await startRecorder(() => ({ status: 422, body: 'never' }))
  await using busy = await startRecorder(() => ({ status: 503 }))
  const delivery = { retry: 50, backoffPolicy: 'linear', backoffDelayMs: 60_000, timeoutMs: 5_000 } as const
  const replyTopic = await createTopic(kafka, { name: uniqueTopic(), partitions: 1 })
  const outlets = [
    outletOn(topic, ok.url),
    outletOn(topic, replying.url, { replyTopic }),
    outletOn(topic, refusing.url),
    outletOn(topic, busy.url, { delivery }),
  ]
  const routes = new RoutesFile({ inlets: [inletOn(topic)], outlets })
  const group = uniqueGroup()
  await using ingress = await startIngressWithLineage({ routes, kafka, folder: ownFolder() })
  const parts = { routes, kafka, folder: ownFolder(), instance: 'd-0', group }
  const first = await startDispatcherWithLineage(parts)
  await sendEvents({ url: ingress.url, count: 1 })
  const place = { topic, partition: 0, offset: 0 }
  const ends = async ({ lineage }: typeof first) => {
    const { outlets: found } = await lineage.standing(place)
    return outlets.map(({ uid }) => found.find(({ outlet }) => outlet.uid === uid)?.standing)
  }
  const known = await eventually('three have ended and one waits', async () => {
    const standings = await ends(first)
    const waits = standings[3]?.kind === 'pending' && standings[3].state === 'waiting'
    return waits && standings.slice(0, 3).every((one) => one?.kind === 'settled') && standings
  })
  const settled = (more: object) => ({ kind: 'settled', settled: expect.objectContaining(more) as object })
  expect(known).toEqual([
    settled({ outcome: 'delivered', attempts: 1, status: 200 }),
    settled({ outcome: 'delivered', attempts: 1, status: 200, replies: [expect.objectContaining({ id: 're-0' })] }),
    settled({ outcome: 'parked', status: 422, takenBy: expect.stringContaining('__parked') as string }),
    expect.objectContaining({ kind: 'pending', state: 'waiting', phase: 'subscriber' }),
  ])
  expect((await first.lineage.remembered('0')).places).toEqual([place])
  // what is passed is known by memory alone afterwards
  await using log = kafkaLog(kafka)
  const positions = log.positions()
  for (const { group } of outlets.slice(0, 3)) {
    await eventually('its position is committed', async () => (await positions.all(group))[0]?.offset === 1n)
  }
  await positions.close()
  first.child.signal('SIGKILL')
  await first.child.exited

  await using second = await startDispatcherWithLineage(parts)
  const after = await eventually(
    'it has its partitions again',
    async () => {
      const standings = await ends(second)
      return standings[3]?.kind === 'pending' && standings[3].attempts > 0 && standings
    },
    { withinMs: 60_000 },
  )
  expect(after.slice(0, 3)).toEqual(known.slice(0, 3))
  expect((await second.lineage.remembered('0')).places).toEqual([place])
  expect(ok.counts.get('0')).toBe(1)
})
