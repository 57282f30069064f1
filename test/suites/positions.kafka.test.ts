import { apiVersionsV3, Consumer } from '@platformatic/kafka'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { Fault } from '../../src/core/fault.ts'
import type { Position, Positions } from '../../src/kafka/log.ts'
import type { BrokerConnection } from '../../src/kafka/platformatic/broker-connection.ts'
import { Cluster } from '../../src/kafka/platformatic/cluster.ts'
import { createPositions } from '../../src/kafka/platformatic/positions/positions.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { eventually } from '../support/eventually.ts'
import { foreignClient, joinGroup, type Foreign } from '../support/foreign.ts'
import { describeGroup } from '../support/kafka-process.ts'
import { CuttableCluster } from '../support/kafka-proxy.ts'
import { kafkaBootstrap, uniqueGroup, uniqueTopic } from '../support/kafka.ts'

const common = { clientId: 'positions-suite', clock: systemClock, logger: createLogger('silent') }
const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function foreigner(): Promise<Foreign> {
  const foreign = await foreignClient(kafkaBootstrap())
  closing.push(async () => foreign[Symbol.asyncDispose]())
  return foreign
}

function openPositions(
  cluster: Cluster = new Cluster({ ...common, bootstrapServers: kafkaBootstrap() }),
  options: { patienceMs?: number; requestTimeoutMs?: number } = {},
): Positions {
  const positions = createPositions(cluster, { ...common, ...options })
  closing.push(
    () => cluster.close(),
    () => positions.close(),
  )
  return positions
}

async function newTopic({ admin }: Foreign, partitions = 1): Promise<string> {
  const topic = uniqueTopic()
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: partitions }] })
  return topic
}

const OFFSET_FETCH = 9

/** Counts how often brokers are asked for positions. */
class CountingCluster extends Cluster {
  fetches = 0
  override async connect(nodeId: number, options?: { requestTimeoutMs?: number }): Promise<BrokerConnection> {
    const connection = await super.connect(nodeId, options)
    const send = connection.send.bind(connection)
    connection.send = (...args) => {
      if (args[0] === OFFSET_FETCH) this.fetches += 1
      return send(...args)
    }
    return connection
  }
}

const at = (topic: string, partition: number, offset: bigint, more: Partial<Position> = {}): Position => ({
  topic,
  partition,
  offset,
  leaderEpoch: -1,
  metadata: '',
  ...more,
})

describe('positions', () => {
  it('are seen by other clients and by the operator tool, with the lag', async () => {
    const foreign = await foreigner()
    const [topic, group] = [await newTopic(foreign), uniqueGroup()]
    await (await foreign.producer()).send({ topic, messages: Array.from({ length: 10 }, () => ({ value: 'x' })) })
    const positions = openPositions()
    await positions.commit(group, [at(topic, 0, 7n, { leaderEpoch: 0, metadata: 'done: 9' })])
    const [seen] = await foreign.admin.fetchOffsets({ groupId: group, topics: [topic] })
    expect(seen?.partitions).toMatchObject([{ partition: 0, offset: '7', metadata: 'done: 9' }])
    const [line] = (await describeGroup(kafkaBootstrap(), group)).split('\n').filter((one) => one.includes(topic))
    expect(line?.split(/\s+/).slice(0, 6)).toEqual([group, topic, '0', '7', '10', '3'])
  })

  it('of a thousand groups on ten partitions are committed, and fetched many at a time', async () => {
    const foreign = await foreigner()
    const topic = await newTopic(foreign, 10)
    const prefix = uniqueGroup()
    const partitions = Array.from({ length: 10 }, (_, partition) => ({ topic, partition }))
    const groups = Array.from({ length: 1_000 }, (_, i) => `${prefix}-${i}`)
    const cluster = new CountingCluster({ ...common, bootstrapServers: kafkaBootstrap() })
    const positions = openPositions(cluster)
    const commits = groups.map((group, i) =>
      positions.commit(
        group,
        partitions.map(({ partition }) => at(topic, partition, BigInt(i * 100 + partition))),
      ),
    )
    await Promise.all(commits)
    const fetched = await positions.fetch(new Map(groups.map((group) => [group, partitions])))
    for (const [i, group] of groups.entries()) {
      const offsets = new Map(fetched.get(group)?.map(({ partition, offset }) => [partition, offset]))
      expect(offsets).toEqual(new Map(partitions.map(({ partition }) => [partition, BigInt(i * 100 + partition)])))
    }
    expect(cluster.fetches).toBeLessThan(20)
  })

  it('that were never committed are missing, also of a topic that does not exist', async () => {
    const foreign = await foreigner()
    const [topic, group] = [await newTopic(foreign, 2), uniqueGroup()]
    const positions = openPositions()
    await positions.commit(group, [at(topic, 1, 3n)])
    const missing = uniqueTopic()
    const asked = [
      { topic, partition: 0 },
      { topic, partition: 1 },
      { topic: missing, partition: 0 },
    ]
    const other = uniqueGroup()
    const fetched = await positions.fetch(
      new Map([
        [group, asked],
        [other, asked],
        ['nothing-asked', []],
      ]),
    )
    expect(fetched.get(group)).toEqual([at(topic, 1, 3n)])
    expect(fetched.get(other)).toEqual([])
    expect(fetched.get('nothing-asked')).toEqual([])
  })

  it('are refused by name of the partition, and the others are kept', async () => {
    const foreign = await foreigner()
    const [topic, group] = [await newTopic(foreign, 2), uniqueGroup()]
    const positions = openPositions()
    const tooLong = positions.commit(group, [at(topic, 0, 1n, { metadata: 'm'.repeat(5_000) }), at(topic, 1, 2n)])
    await expect(tooLong).rejects.toMatchObject({
      code: 'LogRefused',
      details: { group, error: 'OFFSET_METADATA_TOO_LARGE', partitions: `${topic}/0` },
    })
    const fetched = await positions.fetch(new Map([[group, [0, 1].map((partition) => ({ topic, partition }))]]))
    expect(fetched.get(group)).toEqual([at(topic, 1, 2n)])
    const missing = uniqueTopic()
    await expect(positions.commit(group, [at(missing, 0, 1n)])).rejects.toMatchObject({
      code: 'LogRefused',
      details: { partitions: `${missing}/0` },
    })
  })

  it('are refused with GroupInUse while someone else is a live member, and taken again when they are gone', async () => {
    const foreign = await foreigner()
    const [topic, group] = [await newTopic(foreign), uniqueGroup()]
    const positions = openPositions()
    await positions.commit(group, [at(topic, 0, 1n)])
    const consumer = await joinGroup(foreign.kafka, group, topic)
    await expect(positions.commit(group, [at(topic, 0, 2n)])).rejects.toMatchObject({ code: 'GroupInUse' })
    await consumer.disconnect()
    await eventually('the group is free', () => positions.commit(group, [at(topic, 0, 3n)]).then(() => true))
  })
})

async function hasNewerProtocol(): Promise<boolean> {
  const cluster = new Cluster({ ...common, bootstrapServers: kafkaBootstrap() })
  closing.push(() => cluster.close())
  const { finalizedFeatures } = await cluster.request('asking for features', (connection) =>
    apiVersionsV3.api.async(connection, 'positions-suite', '1'),
  )
  return (
    finalizedFeatures?.some(({ name, maxVersionLevel }) => name === 'group.version' && maxVersionLevel >= 1) === true
  )
}

describe('a group of the newer protocol (KIP-848)', () => {
  it('with a live member refuses, too', async ({ skip }) => {
    skip(!(await hasNewerProtocol()), 'before Kafka 4.0 there are no such groups')
    const foreign = await foreigner()
    const [topic, groupId] = [await newTopic(foreign), uniqueGroup()]
    const consumer = new Consumer({
      clientId: 'other',
      groupId,
      bootstrapBrokers: [kafkaBootstrap()],
      groupProtocol: 'consumer',
    })
    const stream = await consumer.consume({ topics: [topic], autocommit: false })
    const positions = openPositions()
    await eventually('it is refused', () =>
      positions.commit(groupId, [at(topic, 0, 2n)]).then(
        () => false,
        (error: unknown) => error instanceof Fault && error.code === 'GroupInUse',
      ),
    )
    await stream.close()
    await consumer.close(true)
    await eventually('the group is free', () => positions.commit(groupId, [at(topic, 0, 3n)]).then(() => true))
  })
})

describe('trouble with the coordinator', () => {
  it('that loses answers is tried again', async () => {
    const foreign = await foreigner()
    const [topic, group] = [await newTopic(foreign), uniqueGroup()]
    const cluster = new CuttableCluster({ ...common, bootstrapServers: kafkaBootstrap() })
    const positions = openPositions(cluster)
    let answers = 0
    cluster.fate = () => (answers++ % 2 === 0 ? 'lose' : 'pass')
    for (let offset = 1n; offset <= 5n; offset++) await positions.commit(group, [at(topic, 0, offset)])
    const fetched = await positions.fetch(new Map([[group, [{ topic, partition: 0 }]]]))
    expect(fetched.get(group)).toEqual([at(topic, 0, 5n)])
    expect(answers).toBeGreaterThan(6)
  })

  it('that hangs ends in LogTimeout for a commit, which may be stored, and in LogUnavailable for a fetch', async () => {
    const foreign = await foreigner()
    const [topic, group] = [await newTopic(foreign), uniqueGroup()]
    const cluster = new CuttableCluster({ ...common, bootstrapServers: kafkaBootstrap() })
    const positions = openPositions(cluster, { patienceMs: 1_000, requestTimeoutMs: 400 })
    cluster.fate = () => 'hold'
    const start = performance.now()
    await expect(positions.commit(group, [at(topic, 0, 1n)])).rejects.toMatchObject({ code: 'LogTimeout' })
    const asked = new Map([[group, [{ topic, partition: 0 }]]])
    await expect(positions.fetch(asked)).rejects.toMatchObject({ code: 'LogUnavailable' })
    expect(performance.now() - start).toBeLessThan(20_000)
    cluster.fate = () => 'pass'
    expect((await positions.fetch(asked)).get(group)).toEqual([at(topic, 0, 1n)])
  })

  it('or no Kafka at all is LogUnavailable, and closing does not wait', async () => {
    const nowhere = new Cluster({ ...common, bootstrapServers: '127.0.0.1:1' })
    const positions = openPositions(nowhere, { patienceMs: 300 })
    await expect(positions.commit('g', [at('t', 0, 1n)])).rejects.toMatchObject({ code: 'LogUnavailable' })
    const patient = openPositions(nowhere, { patienceMs: 60_000 })
    const waiting = patient.commit('g', [at('t', 0, 1n)])
    await patient.close()
    await expect(waiting).rejects.toMatchObject({ code: 'Closed' })
  })
})
