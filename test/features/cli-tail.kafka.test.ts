import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startChild } from '../support/child.ts'
import { cliInside } from '../support/cli-inside.ts'
import { eventually } from '../support/eventually.ts'
import { kafkaBootstrap, uniqueTopic } from '../support/kafka.ts'
import { ownFolder } from '../support/millrace.ts'
import { createTopic, kafkaLog } from '../support/topics.ts'

const main = join(import.meta.dirname, '..', '..', 'src', 'main.ts')

const headers = (id: string, type = 'order.created') =>
  Object.entries({ ce_specversion: '1.0', ce_id: id, ce_source: '/shop', ce_type: type }).map(
    ([name, value]) => [name, Buffer.from(value)] as const,
  )

test('tail --kafka follows a topic and leaves no trace in it', async () => {
  const kafka = kafkaBootstrap()
  const topic = await createTopic(kafka, { name: uniqueTopic(), partitions: 3 })
  await using log = kafkaLog(kafka)
  const appender = log.appender()
  const append = (id: string, more: { type?: string; partition?: number; value?: Buffer } = {}) =>
    appender.append({
      topic,
      partition: more.partition ?? 0,
      key: null,
      value: more.value ?? Buffer.from('{"n":1.0}'),
      headers: headers(id, more.type),
    })
  await append('before')
  await using live = startChild(main, [
    'tail',
    '--kafka',
    kafka,
    '--topic',
    topic,
    '--prefix',
    'type=order.',
    '--max',
    '3',
    '-o',
    'json',
  ])
  // What comes before it follows is not its business, so it is sent until it does.
  let n = 0
  await eventually(
    'it follows',
    async () => {
      await append(`live-${n}`, { partition: n++ % 3 })
      return live.lines.length > 0
    },
    { everyMs: 200 },
  )
  await append('other', { type: 'bill.paid' })
  await append('foreign', { partition: 1 }).then(() =>
    appender.append({ topic, partition: 1, key: null, value: Buffer.from('no event'), headers: [] }),
  )
  await append('bytes', { partition: 2, value: Buffer.from([0xff, 0x00]) })
  await append('last', { partition: 2 })
  expect(await live.exited).toBe(0)
  const events = live.lines.map((line) => JSON.parse(line))
  expect(events).toHaveLength(3)
  expect(events.map(({ attributes }) => attributes.type)).toEqual(['order.created', 'order.created', 'order.created'])
  expect(events[0]).toMatchObject({
    topic,
    partition: expect.any(Number),
    offset: expect.stringMatching(/^\d+$/),
    data: '{"n":1.0}',
  })
  expect(events.some(({ attributes }) => attributes.id === 'before')).toBe(false)

  const earlier = await cliInside([
    'tail',
    '--kafka',
    kafka,
    '--topic',
    topic,
    '--since',
    '1h',
    '--filter',
    'id=before',
    '--max',
    '1',
  ])
  expect(earlier.status).toBe(0)
  expect(earlier.stdout).toMatch(/ {2}order\.created {2}\/shop {2}before {2}→ 0\/0\n {2}\{"n":1\.0\}\n$/)
  expect(earlier.stderr).toContain(`Following ${topic} (3 partitions) at ${kafka}`)
  await appender.close(1_000)
})

test('tail --kafka says what is wrong: no topic, no Kafka, no credential', async () => {
  const file = join(ownFolder(), 'credential.json')
  writeFileSync(file, '{"sasl": {"mechanism": "MD5"}}')
  const kafka = kafkaBootstrap()
  const [topic, credential] = await Promise.all([
    cliInside(['tail', '--kafka', kafka, '--topic', 'nowhere']),
    cliInside(['tail', '--kafka', kafka, '--topic', 'nowhere', '--credential', file]),
  ])
  expect(topic).toMatchObject({
    status: 1,
    stderr: `error: Kafka at ${kafka} has no topic nowhere: correct --topic, or --kafka\n`,
  })
  expect(credential).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('is no credential: write JSON such as'),
  })
})
