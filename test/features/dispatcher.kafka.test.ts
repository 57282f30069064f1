import { Kafka, logLevel } from 'kafkajs'
import { expect, test } from 'vitest'
import { systemClock as clock } from '../../src/core/clock.ts'
import { openKafkaLog } from '../../src/kafka/kafka-log.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { joinGroup } from '../support/foreign.ts'
import { kafkaBootstrap, uniqueName } from '../support/kafka.ts'
import { Rig, startSubscriber, withTopic, type Got } from './dispatcher-rig.ts'

const ids = (got: readonly Got[]): number[] => got.map(({ id }) => Number(id)).sort((a, b) => a - b)
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

async function kafkaRig(partitions = 1): Promise<Rig> {
  const logger = createLogger('silent')
  const log = openKafkaLog({ bootstrapServers: kafkaBootstrap(), clientId: 'test', clock, logger })
  return withTopic(new Rig(log, uniqueName('k'), partitions, async () => {}))
}

/** A consumer of another program, in the group of an Outlet. */
async function foreignMember(rig: Rig, group: string): Promise<() => Promise<void>> {
  const kafka = new Kafka({ brokers: [kafkaBootstrap()], logLevel: logLevel.NOTHING })
  const consumer = await joinGroup(kafka, group, rig.topic)
  return () => consumer.disconnect()
}

test('real Kafka: three Outlets on three partitions get theirs, and every Kafka tool shows their positions', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await kafkaRig(3)
  const red = rig.outlet(subscriber.url, { uid: 'red', filter: { attributes: { type: 'red' } } })
  const all = rig.outlet(subscriber.url, { uid: 'all' })
  rig.run([red, all], { idleCommitMs: 300 })
  for (const partition of [0, 1, 2]) {
    await rig.send(200, { from: partition * 1000, type: 'red', partition })
    await rig.send(200, { from: partition * 1000 + 200, type: 'blue', partition })
  }
  await eventually('all came', () => subscriber.got.length === 1800, { withinMs: 30_000 })
  const witness = new Kafka({ brokers: [kafkaBootstrap()], logLevel: logLevel.NOTHING }).admin()
  await witness.connect()
  for (const outlet of [red, all]) {
    await eventuallyPasses('the tool shows the end', async () => {
      const [topic] = await witness.fetchOffsets({ groupId: outlet.group, topics: [rig.topic] })
      expect(topic?.partitions.map(({ offset }) => offset)).toEqual(['400', '400', '400'])
    })
  }
  await witness.disconnect()
})

test('real Kafka: a restart repeats nothing and loses nothing', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await kafkaRig(2)
  const outlet = rig.outlet(subscriber.url)
  const first = rig.run([outlet], {}, 'same')
  await rig.send(500)
  await eventually('some came', () => subscriber.got.length > 100, { withinMs: 30_000 })
  // a busy machine may take its time to commit
  await first.close(30_000)
  const sent = rig.send(500, { from: 500, partition: 1 })
  rig.run([outlet], {}, 'same')
  await sent
  await eventually('all came', () => subscriber.got.length >= 1000, { withinMs: 30_000 })
  expect(ids(subscriber.got)).toEqual(upTo(1000))
})

test('real Kafka: two dispatchers share the partitions; one leaves, and nothing is lost or repeated', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await kafkaRig(4)
  const outlet = rig.outlet(subscriber.url, { start: 'earliest' })
  const [one, two] = [rig.run([outlet]), rig.run([outlet])]
  const owned = (runner: typeof one): number => runner.dispatcher.snapshot().outlets[0]?.partitions.length ?? 0
  await eventually('they share', () => owned(one) === 2 && owned(two) === 2, { withinMs: 40_000 })
  let id = 0
  const round = async (): Promise<void> => {
    for (const partition of [0, 1, 2, 3]) await rig.send(50, { from: 50 * id++, partition })
  }
  await round()
  await round()
  // a busy machine may take its time to commit
  const leaving = two.close(30_000)
  await round()
  await leaving
  await round()
  await eventually('all came', () => subscriber.got.length >= 800, { withinMs: 40_000 })
  expect(ids(subscriber.got)).toEqual(upTo(800))
  expect(owned(one)).toBe(4)
})

test('real Kafka: a group with live members pauses its Outlet before the first event; freed, it goes on at their positions and is made one that keeps them', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await kafkaRig()
  const outlet = rig.outlet(subscriber.url)
  await rig.send(10)
  const leave = await foreignMember(rig, outlet.group)
  const runner = rig.run([outlet], { retryMs: 100 })
  await eventually('it is said', () => runner.reports.at(-1)?.fault?.reason === 'GroupInUse', { withinMs: 30_000 })
  expect(subscriber.got).toEqual([])
  await leave()
  await eventually('the rest came', () => subscriber.got.length === 10, { withinMs: 30_000 })
  await eventuallyPasses('the end is committed', async () => expect(await rig.committed(outlet)).toBe(10))
  expect(runner.reports.at(-1)?.fault).toBeNull()
  expect((await rig.admin.describeGroup(outlet.group)).kind).toBe('simple')
  expect(rig.vault.saved.size).toBe(0)
})

test('real Kafka: a member that joins while events flow pauses the Outlet; nothing is lost when it left', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await kafkaRig()
  const outlet = rig.outlet(subscriber.url)
  const runner = rig.run([outlet], { retryMs: 100 })
  await rig.send(10)
  await eventuallyPasses('all is committed', async () => expect(await rig.committed(outlet)).toBe(10), {
    withinMs: 30_000,
  })
  const leave = await foreignMember(rig, outlet.group)
  await rig.send(1, { from: 10 })
  await eventually('it is said', () => runner.reports.at(-1)?.fault?.reason === 'GroupInUse')
  await rig.send(5, { from: 11 })
  await new Promise((resolve) => setTimeout(resolve, 300))
  // the one that was sent before may have been under way
  expect(ids(subscriber.got).filter((id) => id > 10)).toEqual([])
  await leave()
  await eventuallyPasses('all is committed', async () => expect(await rig.committed(outlet)).toBe(16), {
    withinMs: 30_000,
  })
  expect(new Set(ids(subscriber.got))).toEqual(new Set(upTo(16)))
})

test('real Kafka: an adopted group keeps its positions on all partitions', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await kafkaRig(2)
  const outlet = rig.outlet(subscriber.url, { start: 'latest' })
  await (
    await foreignMember(rig, outlet.group)
  )()
  const at = [0, 1].map((partition) => ({ topic: rig.topic, partition, offset: 2n, leaderEpoch: -1, metadata: '' }))
  await eventuallyPasses('positions are set', () => rig.positions.commit(outlet.group, at))
  expect((await rig.admin.describeGroup(outlet.group)).kind).toBe('consumer')
  await rig.send(4)
  await rig.send(4, { from: 10, partition: 1 })
  rig.run([outlet])
  await eventually('the rest came', () => subscriber.got.length === 4, { withinMs: 30_000 })
  expect(ids(subscriber.got)).toEqual([2, 3, 12, 13])
  expect((await rig.admin.describeGroup(outlet.group)).kind).toBe('simple')
})
