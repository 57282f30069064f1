import { expect, test, vi } from 'vitest'
import { kinds } from '../../src/kube/kinds.ts'
import { sharedApiServer } from '../support/api.ts'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { foreignClient } from '../support/foreign.ts'
import { kafkaBootstrap, uniqueTopic } from '../support/kafka.ts'
import { KubeScene } from '../support/kube-workers.ts'
import { inletOn, outletOn } from '../support/millrace.ts'
import { startRecorder } from '../support/recorder.ts'
import { sendEvents } from '../support/sender.ts'
import { createTopic, kafkaLog } from '../support/topics.ts'

const patience = { withinMs: 60_000, everyMs: 100 }
vi.setConfig({ testTimeout: 180_000 })
const partitions = 4
const soon = () => AbortSignal.timeout(5_000)
const all = [0, 1, 2, 3]

async function open() {
  const kafka = kafkaBootstrap()
  const topic = await createTopic(kafka, { name: uniqueTopic(), partitions })
  const scene = await KubeScene.open(await sharedApiServer())
  return { scene, topic, kafka, bootstrapServers: kafka }
}

test('an Inlet and an Outlet are applied: events flow, the Outlet consumes, Workers say so; then nothing is written', async () => {
  const { scene, topic, kafka, bootstrapServers } = await open()
  await using _scene = scene
  await using recorder = await startRecorder()
  const ingress = await scene.ingress()
  const dispatcher = await scene.dispatcher('d-0')
  const outlet = outletOn(topic, recorder.url, { bootstrapServers })
  await scene.inlet({ ...inletOn(topic), bootstrapServers })
  await scene.outlet(outlet)
  const status = await scene.consuming(outlet.uid)
  expect(status).toMatchObject({ observedGeneration: 1, state: 'consuming', partitions })
  expect(status.topicId).toMatch(/./)
  const url = `${ingress.url}/test/default`
  await sendEvents({ url, count: 100 })
  await eventually('all have arrived', () => recorder.counts.size === 100)

  const { metadata } = await eventually('it is there', () =>
    scene.client.get(kinds.outlet, { namespace: scene.namespace, name: outlet.uid }, AbortSignal.timeout(5_000)),
  )
  await eventuallyPasses(
    'the Workers have seen it and the dispatcher owns all',
    async () => {
      const worker = await scene.worker('d-0')
      expect(worker?.owns).toEqual([{ bootstrapServers: kafka, topic, partitions: all }])
      expect(Number(worker?.seen)).toBeGreaterThanOrEqual(Number(metadata.resourceVersion))
      expect((await scene.worker(ingress.name))?.seen).toMatch(/./)
    },
    patience,
  )
  const told = await eventually(
    'its progress is told',
    async () => {
      const { progress, shares } = (await scene.statusOf(outlet.uid)) ?? {}
      const share = shares?.['d-0']
      return progress?.lag === 0 && share?.lastDelivery !== undefined && share
    },
    patience,
  )
  // what came after the first word is told in another; then nothing moves any more
  await new Promise((resolve) => setTimeout(resolve, 12_000))
  expect(dispatcher.writes(/outlets/)).toBeLessThanOrEqual(3)
  const before = [ingress.writes(), dispatcher.writes()]
  await new Promise((resolve) => setTimeout(resolve, 12_000))
  expect([ingress.writes(), dispatcher.writes()]).toEqual(before)
  expect((await scene.statusOf(outlet.uid))?.progress).toMatchObject({ lag: 0 })
  expect(Date.parse(told.lastDelivery ?? '')).toBeGreaterThan(Date.now() - 120_000)
})

test('two dispatchers share the partitions; a rebalance writes no Outlet, an edit writes it once', async () => {
  const { scene, topic, bootstrapServers } = await open()
  await using _scene = scene
  await using recorder = await startRecorder()
  await using edited = await startRecorder()
  const outlet = outletOn(topic, recorder.url, { bootstrapServers })
  await scene.outlet(outlet)
  const first = await scene.dispatcher('d-0')
  await scene.consuming(outlet.uid)
  const second = await scene.dispatcher('d-1')
  await eventuallyPasses(
    'each owns half',
    async () => {
      const [one, other] = [await scene.owned('d-0', topic), await scene.owned('d-1', topic)]
      expect([one.length, other.length]).toEqual([2, 2])
      expect([...one, ...other].sort()).toEqual(all)
    },
    patience,
  )
  const outletWrites = () => first.writes(/outlets/) + second.writes(/outlets/)
  expect(outletWrites()).toBe(1)
  await scene.outlet({ ...outlet, subscriber: { url: edited.url } })
  await scene.consuming(outlet.uid, 2)
  // the lowest partition moves: its new owner finds said what it would say
  await first.child.stop()
  await eventuallyPasses('the other owns all', async () => expect(await scene.owned('d-1', topic)).toEqual(all), {
    withinMs: 60_000,
    everyMs: 200,
  })
  const version = async () =>
    (await scene.client.get(kinds.outlet, { namespace: scene.namespace, name: outlet.uid }, soon()))?.metadata
      .resourceVersion
  // but how far it is, which a delivery moves
  const said = async () => ({ ...(await scene.statusOf(outlet.uid)), progress: null, shares: null })
  const before = { version: await version(), said: await said() }
  expect(outletWrites()).toBe(2)
  expect(await scene.worker('d-0')).toBeUndefined()
  const ingress = await scene.ingress()
  await scene.inlet({ ...inletOn(topic), bootstrapServers })
  await eventually('the Inlet is known', async () => (await scene.worker(ingress.name)) !== undefined, patience)
  expect(await version()).toBe(before.version)
  await sendEvents({ url: `${ingress.url}/test/default`, count: 100 })
  await eventually('all come to the new subscriber', () => edited.counts.size === 100, patience)
  expect(recorder.counts.size).toBe(0)
  expect(await said()).toEqual(before.said)
})

test('the API server is away: events flow on; when it is back, what changed meanwhile is in force and the status is right', async () => {
  const { scene, topic, bootstrapServers } = await open()
  await using _scene = scene
  await using recorder = await startRecorder()
  await using other = await startRecorder()
  const outlet = outletOn(topic, recorder.url, { bootstrapServers })
  await scene.inlet({ ...inletOn(topic), bootstrapServers })
  await scene.outlet(outlet)
  const [ingress, dispatcher] = [await scene.ingress(), await scene.dispatcher('d-0')]
  await scene.consuming(outlet.uid)
  const url = `${ingress.url}/test/default`
  await eventually('events are taken', async () => (await fetch(`${ingress.url}/readyz`)).ok)
  await Promise.all([ingress.proxy.down(), dispatcher.proxy.down()])
  expect(await sendEvents({ url, count: 200 })).toBe(0)
  await eventually('they are delivered', () => recorder.counts.size === 200, patience)
  expect((await fetch(`${dispatcher.url}/readyz`)).status).toBe(200)
  const { metadata } = await scene.outlet({ ...outlet, subscriber: { url: other.url } })
  const more = { ...inletOn(topic), bootstrapServers, uid: 'another', path: '/test/another' }
  await scene.inlet(more)
  await Promise.all([ingress.proxy.up(), dispatcher.proxy.up()])
  expect(await scene.consuming(outlet.uid, 2)).not.toHaveProperty('fault')
  await eventuallyPasses(
    'the Worker has seen the edit',
    async () =>
      expect(Number((await scene.worker('d-0'))?.seen)).toBeGreaterThanOrEqual(Number(metadata.resourceVersion)),
    patience,
  )
  await sendEvents({ url: `${ingress.url}/test/another`, count: 50 })
  await eventually('the new Inlet takes, the new subscriber gets', () => other.counts.size === 50, patience)
  expect(recorder.duplicates).toBe(0)
})

test('workers that start without an API server say so, and begin when it is there', async () => {
  const { scene, topic, bootstrapServers } = await open()
  await using _scene = scene
  await using recorder = await startRecorder()
  const outlet = outletOn(topic, recorder.url, { bootstrapServers })
  await scene.inlet({ ...inletOn(topic), bootstrapServers })
  await scene.outlet(outlet)
  const [ingress, dispatcher] = [await scene.ingress({ apart: true }), await scene.dispatcher('d-0', { apart: true })]
  for (const worker of [ingress, dispatcher]) {
    expect((await fetch(`${worker.url}/healthz`)).status).toBe(200)
    const ready = await fetch(`${worker.url}/readyz`)
    expect([ready.status, await ready.text()]).toEqual([503, expect.stringContaining('not loaded yet')])
  }
  await Promise.all([ingress.proxy.up(), dispatcher.proxy.up()])
  await scene.consuming(outlet.uid)
  for (const worker of [ingress, dispatcher]) {
    await eventually('it is ready', async () => (await fetch(`${worker.url}/readyz`)).ok, patience)
  }
  await sendEvents({ url: `${ingress.url}/test/default`, count: 20 })
  await eventually('they are delivered', () => recorder.counts.size === 20)
})

test('an Outlet is deleted: the dispatcher has seen that only when nothing of it will be committed any more', async () => {
  const { scene, topic, bootstrapServers, kafka } = await open()
  await using _scene = scene
  await using recorder = await startRecorder()
  const outlet = outletOn(topic, recorder.url, { bootstrapServers })
  await scene.inlet({ ...inletOn(topic), bootstrapServers })
  await scene.outlet(outlet)
  const [ingress] = [await scene.ingress(), await scene.dispatcher('d-0')]
  await scene.consuming(outlet.uid)
  const sending = sendEvents({ url: `${ingress.url}/test/default`, count: 2_000 })
  await eventually('it delivers', () => recorder.counts.size > 100, patience)
  const deleted = await scene.delete(kinds.outlet, outlet.uid)
  await eventually('it was seen', async () => Number((await scene.worker('d-0'))?.seen) >= deleted, patience)
  await using log = kafkaLog(kafka)
  const admin = log.admin()
  await admin.deleteGroup(outlet.group)
  await sending
  const count = recorder.deliveries.length
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  expect((await admin.describeGroup(outlet.group)).kind).toBe('missing')
  expect(recorder.deliveries.length).toBe(count)
  await admin.close()
})

test('a topic was made anew while no dispatcher ran: a Trigger that starts at the end gets what came meanwhile', async () => {
  const { scene, topic, bootstrapServers, kafka } = await open()
  await using _scene = scene
  await using recorder = await startRecorder()
  const outlet = outletOn(topic, recorder.url, { bootstrapServers, start: 'latest' })
  await scene.inlet({ ...inletOn(topic), bootstrapServers })
  await scene.outlet(outlet)
  const [ingress, dispatcher] = [await scene.ingress(), await scene.dispatcher('d-0')]
  const { topicId } = await scene.consuming(outlet.uid)
  await dispatcher[Symbol.asyncDispose]()
  await using log = kafkaLog(kafka)
  const admin = log.admin()
  await admin.deleteTopic(topic)
  await eventually('it is gone', async () => (await admin.describeTopics([topic])).length === 0, patience)
  await createTopic(kafka, { name: topic, partitions })
  await admin.deleteGroup(outlet.group)
  await sendEvents({ url: `${ingress.url}/test/default`, count: 50 })
  await scene.dispatcher('d-0')
  await eventually('all are delivered', () => recorder.counts.size === 50, patience)
  await eventuallyPasses(
    'the status tells of the new topic',
    async () => expect((await scene.statusOf(outlet.uid))?.topicId).not.toBe(topicId),
    patience,
  )
  await admin.close()
})

test('a StatefulSet wants fewer: the dispatcher that ends leaves the fleet at once; one that restarts stays in it', async () => {
  const { scene, topic, bootstrapServers, kafka } = await open()
  await using _scene = scene
  await using recorder = await startRecorder()
  await using client = await foreignClient(kafka)
  const outlet = outletOn(topic, recorder.url, { bootstrapServers })
  await scene.outlet(outlet)
  await scene.statefulSet('d', 1)
  await scene.dispatcher('d-0')
  await scene.consuming(outlet.uid)
  const surplus = await scene.dispatcher('d-1')
  await eventually('it has its share', async () => (await scene.owned('d-1', topic)).length === 2, patience)
  const members = async () => (await client.admin.describeGroups([scene.group])).groups[0]?.members.length
  expect(await members()).toBe(2)
  await surplus.child.stop()
  // one that stays known is waited for
  expect(await members()).toBe(1)
  await eventually('the other owns all', async () => (await scene.owned('d-0', topic)).length === 4, patience)
})
