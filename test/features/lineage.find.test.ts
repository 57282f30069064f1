import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { kafkaBootstrap, uniqueGroup, uniqueTopic } from '../support/kafka.ts'
import { startDispatcherWithLineage, type LineageClient, type Rememberer } from '../support/lineage.ts'
import { outletOn, ownFolder, RoutesFile } from '../support/millrace.ts'
import { startRecorder, type Recorder } from '../support/recorder.ts'
import { createTopic, kafkaLog } from '../support/topics.ts'

/** Where memory ends, workers find records in Kafka: by their place, or by id and time. */

const kafka = kafkaBootstrap()
/** One for each test, read by an Outlet of one dispatcher. */
const topics = { searched: uniqueTopic(), converted: uniqueTopic(), broken: uniqueTopic(), plain: uniqueTopic() }

let recorder: Recorder
let worker: Rememberer
let lineage: LineageClient
beforeAll(async () => {
  await Promise.all(Object.values(topics).map((name) => createTopic(kafka, { name, partitions: 3 })))
  recorder = await startRecorder()
  const conversion = { type: 'orders', source: '/kafka/orders', keyType: 'string', tombstones: 'deliver' } as const
  const { converted, ...others } = topics
  const outlets = [
    outletOn(converted, recorder.url, { conversion }),
    ...Object.values(others).map((topic) => outletOn(topic, recorder.url)),
  ]
  const routes = new RoutesFile({ outlets })
  worker = await startDispatcherWithLineage({
    ...{ routes, kafka, folder: ownFolder(), instance: 'd', group: uniqueGroup() },
  })
  lineage = worker.lineage
})
afterAll(async () => {
  await worker?.[Symbol.asyncDispose]()
  await recorder?.[Symbol.asyncDispose]()
})

const headersOf = (id: string, more: Readonly<Record<string, string>> = {}): [string, Buffer][] =>
  Object.entries({ ce_specversion: '1.0', ce_id: id, ce_source: '/s', ce_type: 't', ...more }).map(([name, value]) => [
    name,
    Buffer.from(value),
  ])

async function append(topic: string, partition: number, headers: [string, Buffer][], value: string): Promise<number> {
  await using log = kafkaLog(kafka)
  const appender = log.appender()
  const { offset } = await appender.append({ topic, partition, key: null, value: Buffer.from(value), headers })
  await appender.close(1_000)
  return Number(offset)
}

test('a record by its place, and all of an id in a time: attributes, never data', async () => {
  const topic = topics.searched
  const before = Date.now()
  await append(topic, 0, headersOf('other'), 'secret 1')
  const offset = await append(topic, 2, headersOf('mine', { ce_shop: 'Käse\n' }), 'secret 2')
  const structured = { specversion: '1.0', id: 'mine', source: '/json', type: 't', data: 'secret 3' }
  const json: [string, Buffer][] = [['content-type', Buffer.from('application/cloudevents+json')]]
  await append(topic, 1, json, JSON.stringify(structured))
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  await append(topic, 2, [...headersOf('mine'), ['traceparent', Buffer.from(traceparent)]], 'secret 4')

  const [one] = await lineage.found({ topic, partition: 2, offset })
  expect(one).toEqual({
    place: { topic, partition: 2, offset },
    timestamp: expect.any(Number) as number,
    attributes: { specversion: '1.0', id: 'mine', source: '/s', type: 't', shop: 'Käse\n' },
    dataBytes: 8,
  })
  const found = await lineage.found({ topic, id: 'mine', since: before - 60_000 })
  expect(found.map(({ attributes }) => attributes?.['source']).sort()).toEqual(['/json', '/s', '/s'])
  expect(found.some((each) => each.traceparent === traceparent)).toBe(true)
  expect(JSON.stringify(found)).not.toContain('secret')
  expect(await lineage.found({ topic, id: 'mine', source: '/json', since: before - 60_000 })).toHaveLength(1)
  expect(await lineage.found({ topic, id: 'mine', since: Date.now() + 60_000 })).toEqual([])
  expect(await lineage.found({ topic, id: 'mine', since: 0, until: before - 60_000 })).toEqual([])
  const lines = await lineage.find({ topic, id: 'nobody', since: 0 })
  expect(lines.at(-1)).toEqual({ kind: 'done', read: 4, bounded: false })
  // beyond the end, in a partition that is none
  expect(await lineage.find({ topic, partition: 0, offset: 99 })).toEqual([{ kind: 'done', read: 0, bounded: false }])
  expect(await lineage.find({ topic, partition: 9, offset: 0 })).toEqual([{ kind: 'done', read: 0, bounded: false }])
})

test('a record that a KafkaSource makes an event of has the attributes with which it is delivered', async () => {
  const topic = topics.converted
  const offset = await append(topic, 0, [['shop', Buffer.from('7')]], 'secret')
  const id = `partition:0/offset:${offset}`
  await eventually('it is delivered', () => recorder.counts.has(encodeURIComponent(id)) || recorder.counts.has(id))
  const attributes = { id, type: 'orders', source: '/kafka/orders', kafkaheadershop: '7' }
  const [byPlace] = await lineage.found({ topic, partition: 0, offset })
  expect(byPlace?.attributes).toMatchObject(attributes)
  const [byId] = await lineage.found({ topic, id, since: 0 })
  expect(byId).toEqual(byPlace)
  await eventuallyPasses('its place is remembered', async () =>
    expect((await lineage.remembered(id)).places).toEqual([{ topic, partition: 0, offset }]),
  )
})

test('a record that is no event is told as that', async () => {
  const topic = topics.broken
  const offset = await append(topic, 0, [], 'secret')
  const [record] = await lineage.found({ topic, partition: 0, offset })
  expect(record).toMatchObject({ attributes: null, problem: expect.stringContaining('ce_') as string, dataBytes: 6 })
})

test('topics that no Inlet or Outlet names are not looked at, and questions that are none are refused in words', async () => {
  const topic = topics.plain
  const other = await createTopic(kafka, { name: uniqueTopic(), partitions: 1 })
  await append(other, 0, headersOf('mine'), 'x')
  const answer = async (query: Record<string, string | number>): Promise<string> => {
    const response = await lineage.get('/lineage/find', query)
    return `${response.status} ${await response.text()}`
  }
  expect(await answer({ topic: other, partition: 0, offset: 0 })).toMatch(/^400 .*names topic/)
  expect(await answer({ topic, partition: 0, offset: 0, cluster: 'elsewhere:9092' })).toMatch(/^400 .*names topic/)
  expect(await answer({ topic })).toMatch(/^400 .*id: /)
  expect(await answer({ topic, id: 'mine', since: 'yesterday' })).toMatch(/^400 since: must be a whole number/)
  expect((await lineage.get('/lineage', {})).status).toBe(400)
  expect((await lineage.get('/lineage/other')).status).toBe(404)
  expect((await fetch(`${lineage.base}/lineage?id=1`, { method: 'POST' })).status).toBe(405)
})

test('a search ends when who asked goes away, and the next one begins', async () => {
  const topic = topics.plain
  await append(topic, 0, headersOf('mine'), 'x')
  const gone = new AbortController()
  const many = Array.from({ length: 3 }, () =>
    lineage.get('/lineage/find', { topic, id: 'mine', since: 0 }, gone.signal).then(
      (response) => response.text().catch(() => ''),
      () => '',
    ),
  )
  gone.abort()
  await Promise.all(many)
  expect(await lineage.found({ topic, id: 'mine', since: 0 })).toHaveLength(1)
  // more than may wait are refused in words, the others are answered
  const rush = await Promise.all(
    Array.from({ length: 12 }, () => lineage.get('/lineage/find', { topic, id: 'mine', since: 0 })),
  )
  // in the order in which their connections are made, which is nobody's to say
  const statuses = new Set(rush.map(({ status }) => status))
  expect(statuses).toContain(200)
  expect([...statuses].filter((status) => status !== 200 && status !== 503)).toEqual([])
})
