import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { toRecord } from '../../src/data-plane/wire/record.ts'
import { eventually } from '../support/eventually.ts'
import { kafkaBootstrap } from '../support/kafka.ts'
import { onKafka, openMill } from './delivery-rules-rig.ts'
import { answer } from './dispatcher-rig.ts'

const run = promisify(execFile)

/** As docs/delivery.md says it, with the tools that come with Kafka: what is parked in one topic is written to another. */
const replay = `
set -o pipefail
separator=$'\\x1e'
test/env/kafka-tool org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server "$KAFKA" --topic "$FROM" \\
  --from-beginning --timeout-ms 60000 --max-messages 3 --formatter-property print.headers=true --formatter-property print.key=true \\
  --formatter-property headers.separator="$separator" --formatter-property null.literal=NULL |
grep --text -E "ce_knativeerrortrigger:shop/a($separator|"$'\\t)' |
test/env/kafka-tool org.apache.kafka.tools.ConsoleProducer --bootstrap-server "$KAFKA" --topic "$TO" \\
  --reader-property parse.headers=true --reader-property parse.key=true \\
  --reader-property headers.separator="$separator" --reader-property null.marker=NULL`

test('what was parked is sent again with the tools of Kafka, and is delivered as it was', async () => {
  await using mill = await openMill(onKafka, { behave: answer(422, {}, 'not now') })
  const { rig, runner, subscriber, outlet } = mill
  const ce = { 'ce-specversion': '1.0', 'ce-source': 'http://shop.example/a,b:c', 'ce-type': 'order' }
  const data = '{"a": 1.0, "b":"x:y,z"}'
  const headers = { ...ce, 'ce-region': '%C3%A9%20b', 'ce-partitionkey': 'k', 'content-type': 'application/json' }
  await mill.send({ headers: { ...headers, 'ce-id': 'full' }, body: data })
  await mill.send({ headers: { ...ce, 'ce-id': 'empty' } })
  await eventually('both are parked', () => runner.dispatcher.snapshot().outlets[0]?.parked === 2)
  // the Broker's other Triggers park in the same topic
  const other = { specversion: '1.0', id: 'other', source: '/s', type: 'order', knativeerrortrigger: 'shop/a2' }
  await rig.appender.append(
    toRecord({ attributes: new Map(Object.entries(other)), data: null }, outlet.parking?.topic ?? ''),
  )
  subscriber.behave = answer(200)
  subscriber.got.length = 0
  const env = { ...process.env, KAFKA: kafkaBootstrap(), FROM: outlet.parking?.topic ?? '', TO: rig.topic }
  await run('bash', ['-c', replay], { env })
  const full = await mill.delivered('full')
  expect(full.headers).toMatchObject({ ...headers, 'ce-id': 'full', 'ce-knativeerrorcode': '422' })
  expect(full.body.toString()).toBe(data)
  expect((await mill.delivered('empty')).body.length).toBe(0)
  await mill.deliversNone(['other'])
})
