import { readFile, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock as clock } from '../../src/core/clock.ts'
import { openKafkaLog } from '../../src/kafka/kafka-log.ts'
import type { Log } from '../../src/kafka/log.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { startKafka, type RunningKafka } from '../support/kafka-process.ts'
import { untilServed } from '../support/topics.ts'
import { Rig, startSubscriber, withTopic } from './dispatcher-rig.ts'

const patience = { withinMs: 60_000 }
const range = (from: number, count: number): string[] => Array.from({ length: count }, (_, i) => String(from + i))

/** As on the disk of a broker whose power failed, or was restored: records from `offset` on are gone, and the leader has changed. */
async function cut(kafka: RunningKafka, topic: string, offset: number): Promise<void> {
  await kafka.stopBroker(1, 'kill')
  const segment = join(kafka.dataOf(1), `${topic}-0`, '00000000000000000000.log')
  const bytes = await readFile(segment)
  let at = 0
  while (at < bytes.length && bytes.readBigInt64BE(at) < offset) at += 12 + bytes.readInt32BE(at + 8)
  expect(at).toBeLessThan(bytes.length)
  await truncate(segment, at)
  await kafka.startBrokers()
  await untilServed(kafka.bootstrap, [topic])
}

test('a log that was cut while nobody read it, and has grown again: all that came in place of what was lost is delivered, and it is said', async () => {
  await using kafka = await startKafka({ heapMib: 256 })
  const open = (): Log =>
    openKafkaLog({ bootstrapServers: kafka.bootstrap, clientId: 'test', clock, logger: createLogger('silent') })
  await using subscriber = await startSubscriber()
  await using rig = await withTopic(new Rig(open(), 'cut', 1, async () => {}))
  const [cutOff, kept] = [rig.outlet(subscriber.url, { uid: 'cut' }), rig.outlet(subscriber.url, { uid: 'kept' })]
  // in order of ids: they come by several connections
  const got = (uid: string): string[] =>
    subscriber.got
      .filter(({ path }) => path === `/${uid}`)
      .map(({ id }) => id)
      .sort((one, other) => Number(one) - Number(other))

  const first = rig.run([cutOff])
  await rig.consuming(first, 'cut')
  // a batch each
  for (const id of range(0, 10)) await rig.send(1, { from: Number(id) })
  await eventuallyPasses('all is done', async () => expect(await rig.committed(cutOff)).toBe(10), patience)
  await first.close()
  await rig.positions.commit(kept.group, [{ topic: rig.topic, partition: 0, offset: 3n, leaderEpoch: 0, metadata: '' }])
  const reader = rig.log.reader()
  const at = { topic: rig.topic, partition: 0 }

  await cut(kafka, rig.topic, 5)
  await rig.send(15, { from: 100 })
  expect(
    await reader.epochEnds([
      { ...at, leaderEpoch: 0 },
      { ...at, leaderEpoch: -1 },
    ]),
  ).toEqual([{ ...at, leaderEpoch: 0, end: 5n }])
  // an epoch that this log has not come to is of another log
  expect(await reader.epochEnds([{ ...at, leaderEpoch: 1000 }])).toEqual([{ ...at, leaderEpoch: 1000, end: 0n }])
  await reader.close()

  const second = rig.run([cutOff, kept])
  await eventually('what came in its place is delivered', () => got('cut').length >= 25, patience)
  expect(got('cut')).toEqual([...range(0, 10), ...range(100, 15)])
  expect(second.reports.findLast(({ uid }) => uid === 'cut')?.fault).toMatchObject({
    reason: 'EventsExpired',
    message: expect.stringMatching(/partition 0 of topic .* from offset 5 on, where .* had finished up to 10/),
  })
  // one that stood below is none the worse
  await eventually('the other one goes on', () => got('kept').length >= 17, patience)
  expect(got('kept')).toEqual([...range(3, 2), ...range(100, 15)])
  expect(second.reports.findLast(({ uid }) => uid === 'kept')?.fault).toBeNull()
  await eventuallyPasses('all is done', async () => expect(await rig.committed(cutOff)).toBe(20), patience)
  await second.close()

  const third = rig.run([cutOff])
  await rig.consuming(third, 'cut')
  await rig.send(1, { from: 200 })
  await eventually('it goes on', () => got('cut').at(-1) === '200', patience)
  expect(got('cut')).toHaveLength(26)
}, 240_000)
