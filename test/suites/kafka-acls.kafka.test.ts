import { beforeAll, describe, expect, it } from 'vitest'
import type { Fault } from '../../src/core/fault.ts'
import { adopt } from '../../src/data-plane/dispatcher/positions/adopt.ts'
import type { Log, TopicPartition } from '../../src/kafka/log.ts'
import { MemoryVault } from '../features/dispatcher-rig.ts'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { foreignClient, joinGroup } from '../support/foreign.ts'
import { useAuthKafka, type Acl } from '../support/kafka-auth.ts'
import { uniqueGroup, uniqueName, uniqueTopic } from '../support/kafka.ts'
import { Listener } from './log/listener.ts'
import { faultOf, makeTopic, record } from './log/subject.ts'

/** What no ACL allows is refused. docs/operations.md, "ACLs that Millrace needs", says what these tests show. */
const kafka = useAuthKafka({ set: { 'allow.everyone.if.no.acl.found': 'false' } })

/** A new user who may do so much. */
async function userWho(...acls: readonly Acl[]): Promise<Log> {
  const username = uniqueName('user')
  await kafka().addUser(username, 'geheim', acls)
  return kafka().log('SASL_PLAINTEXT', kafka().credential('SASL_PLAINTEXT', { username, password: 'geheim' }))
}

const position = ({ topic, partition }: TopicPartition, offset: bigint) => ({
  ...{ topic, partition, offset },
  ...{ leaderEpoch: -1, metadata: 'm' },
})

/** What a source without rights to anything else does from its first start to its deletion. */
async function consume(log: Log, topic: string, group: string): Promise<void> {
  const [reader, positions, admin, listener] = [log.reader(), log.positions(), log.admin(), new Listener()]
  const at = { topic, partition: 0 }
  expect(await admin.describeTopics([topic])).toMatchObject([
    { name: topic, partitions: 1, maxMessageBytes: 1_048_588 },
  ])
  expect(await admin.describeGroup(group)).toEqual({ kind: 'missing', liveMembers: 0 })
  expect(await admin.listTopics()).toEqual([topic])
  expect(await reader.range([at])).toEqual([{ ...at, start: 0n, end: 3n }])
  expect(await reader.offsetsAt([at], 0)).toEqual([{ ...at, offset: 0n }])
  expect(await reader.read(at, 1n, 1_000_000)).toMatchObject({ next: 3n })
  reader.tail(listener).add(at, 0n)
  await eventually('it follows', () => listener.records().length === 3)
  expect(await positions.all(group)).toEqual([])
  await positions.commit(group, [position(at, 3n)])
  expect((await positions.fetch(new Map([[group, [at]]]))).get(group)).toEqual([position(at, 3n)])
  expect(await positions.all(group)).toEqual([position(at, 3n)])
  expect(await admin.describeGroup(group)).toEqual({ kind: 'simple', liveMembers: 0 })
  await Promise.all([reader.close(), positions.close(), admin.close()])
}

async function topicWithRecords(): Promise<string> {
  const topic = await makeTopic(kafka().operator)
  const appender = kafka().operator.appender()
  await Promise.all([0, 1, 2].map(() => appender.append(record(topic))))
  await appender.close(5_000)
  return topic
}

describe('a KafkaSource', { concurrent: true }, () => {
  it('needs Read on its topics and its group, and no more', async () => {
    const [topic, group] = [await topicWithRecords(), uniqueGroup()]
    await topicWithRecords() // of others: not seen
    const log = await userWho({ operations: ['Read'], topic, group })
    await consume(log, topic, group)
    const admin = log.admin()
    await expectRefused(admin.positionRetentionMs(), /DescribeConfigs on the cluster/)
    await expectRefused(admin.deleteGroup(group), new RegExp(`Delete on group ${group}`))
    await expectRefused(admin.deleteTopic(topic), new RegExp(`Delete on topic ${topic}`))
    await admin.close()
  })

  it('may be given its topics and group by prefix', async () => {
    const [topic, group] = [await topicWithRecords(), uniqueGroup()]
    const log = await userWho({
      operations: ['Read'],
      prefixed: true,
      topic: topic.slice(0, -1),
      group: group.slice(0, -1),
    })
    await consume(log, topic, group)
  })

  it('takes over the group of a consumer with Delete on it besides', async () => {
    const [topic, group] = [await topicWithRecords(), uniqueGroup()]
    const log = await userWho({ operations: ['Read', 'Delete'], group }, { operations: ['Read'], topic })
    const [positions, admin] = [log.positions(), log.admin()]
    await positions.commit(group, [position({ topic, partition: 0 }, 2n)])
    await admin.deleteGroup(group)
    expect(await positions.all(group)).toEqual([])
    await Promise.all([positions.close(), admin.close()])
  })

  it('without Read on its group is told that, by topic and operation', async () => {
    const [topic, group] = [await topicWithRecords(), uniqueGroup()]
    const log = await userWho({ operations: ['Read'], topic })
    const [positions, admin] = [log.positions(), log.admin()]
    const at = { topic, partition: 0 }
    await expectRefused(positions.fetch(new Map([[group, [at]]])), new RegExp(`Describe on group ${group}`))
    await expectRefused(positions.commit(group, [position(at, 1n)]), new RegExp(`Describe on group ${group}`))
    await expectRefused(admin.describeGroup(group), new RegExp(`Describe on group ${group}`))
    await Promise.all([positions.close(), admin.close()])
  })

  it('with Describe alone is told that it may not read, nor commit', async () => {
    const [topic, group] = [await topicWithRecords(), uniqueGroup()]
    const log = await userWho({ operations: ['Describe'], topic, group })
    const [reader, positions, listener] = [log.reader(), log.positions(), new Listener()]
    const at = { topic, partition: 0 }
    expect(await reader.range([at])).toHaveLength(1)
    await expectRefused(reader.read(at, 0n, 1_000), new RegExp(`Read on topic ${topic}`))
    await expectRefused(positions.commit(group, [position(at, 1n)]), new RegExp(`Read on group ${group}`))
    reader.tail(listener).add(at, 0n)
    await eventually('the tail tells', () => listener.states.length > 0)
    expect(listener.states[0]?.fault).toMatchObject({ code: 'NotAuthorized', message: expect.stringContaining('Read') })
    await Promise.all([reader.close(), positions.close()])
  })

  it('with rights on its group alone is told that it may not see the topic, not that it has no position there', async () => {
    const [topic, group] = [await topicWithRecords(), uniqueGroup()]
    const at = { topic, partition: 0 }
    const operator = kafka().operator.positions()
    await operator.commit(group, [position(at, 2n)])
    const positions = (await userWho({ operations: ['Read'], group })).positions()
    await expectRefused(positions.fetch(new Map([[group, [at]]])), new RegExp(`Describe on topic ${topic}`))
    await Promise.all([positions.close(), operator.close()])
  })

  it('does not make the group of a consumer anew while it may not see all of its topics: their positions would be lost', async () => {
    const [seen, hidden, group] = [await topicWithRecords(), await topicWithRecords(), uniqueGroup()]
    const [positions, admin] = [kafka().operator.positions(), kafka().operator.admin()]
    await using foreign = await foreignClient(kafka().address('PLAINTEXT'))
    await (await joinGroup(foreign.kafka, group, hidden)).disconnect()
    const kept = [seen, hidden].map((topic) => position({ topic, partition: 0 }, 2n))
    await eventuallyPasses('the consumer has left', () => positions.commit(group, kept))
    const log = await userWho({ operations: ['Read', 'Delete'], group }, { operations: ['Read'], topic: seen })
    const own = { admin: log.admin(), positions: log.positions() }
    const parts = { ...own, vault: new MemoryVault(), signal: new AbortController().signal }
    expect(await adopt(group, true, { ...parts, topics: new Set([seen, hidden]) })).toEqual({
      kind: 'refused',
      why: expect.stringContaining(`Describe on topic ${hidden}`),
    })
    expect(await positions.all(group)).toEqual(expect.arrayContaining(kept))
    expect(await admin.describeGroup(group)).toEqual({ kind: 'consumer', liveMembers: 0 })
    await Promise.all([own.admin, own.positions, positions, admin].map((one) => one.close()))
  })

  it('with nothing is told that it may not see the topic', async () => {
    const topic = await topicWithRecords()
    const log = await userWho()
    const [reader, admin] = [log.reader(), log.admin()]
    await expectRefused(reader.range([{ topic, partition: 0 }]), new RegExp(`Describe on topic ${topic}`))
    await expectRefused(admin.describeTopics([topic]), new RegExp(`Describe on topic ${topic}`))
    expect(await admin.listTopics()).toEqual([])
    await Promise.all([reader.close(), admin.close()])
  })
})

describe('a Broker', { concurrent: true }, () => {
  const prefix = uniqueName('broker')
  const fleet = uniqueGroup()
  let log: Log

  beforeAll(async () => {
    log = await userWho(
      {
        operations: ['Create', 'Describe', 'DescribeConfigs', 'Read', 'Write', 'Delete'],
        prefixed: true,
        topic: prefix,
      },
      { operations: ['Read', 'Describe', 'Delete'], prefixed: true, group: prefix },
      { operations: ['Read'], group: fleet },
      { operations: ['DescribeConfigs'], cluster: true },
    )
  })

  it('lives on its own topics and groups', async () => {
    const [topic, group] = [uniqueName(prefix), uniqueName(prefix)]
    const [admin, appender, positions] = [log.admin(), log.appender(), log.positions()]
    const spec = { name: topic, partitions: 1, replicationFactor: 1, config: { 'max.message.bytes': '50000' } }
    expect(await admin.ensureTopic(spec)).toBe('created')
    expect(await admin.describeTopics([topic])).toMatchObject([{ maxMessageBytes: 50_000 }])
    expect(await admin.positionRetentionMs()).toBe(7 * 86_400_000)
    await appender.append(record(topic))
    await positions.commit(group, [position({ topic, partition: 0 }, 1n)])
    await admin.deleteGroup(group)
    await admin.deleteTopic(topic)
    await Promise.all([admin.close(), appender.close(1_000), positions.close()])
  })

  it('is a member of the fleet with Read on the group of the fleet', async () => {
    const owned: TopicPartition[] = []
    const handler = {
      assigned: (some: readonly TopicPartition[]) => void owned.push(...some),
      revoked: async () => {},
      lost: () => {},
    }
    const member = log.membership({ group: fleet, instance: 'only' }, handler)
    member.share([{ topic: uniqueName(prefix), partition: 0 }])
    await eventually('it has its part', () => owned.length === 1)
    await member.close({ forGood: true, deadlineMs: 2_000 })
  })

  it('that may not write, make or delete is told what it lacks', async () => {
    const topic = await topicWithRecords()
    const poor = await userWho({ operations: ['Read'], topic })
    const [admin, appender] = [poor.admin(), poor.appender()]
    await expectRefused(appender.append(record(topic)), /Write on topic/)
    const other = uniqueTopic()
    const spec = { name: other, partitions: 1, replicationFactor: 1, config: {} }
    await expectRefused(admin.ensureTopic(spec), new RegExp(`Create on topic ${other}`))
    // one that is there needs not be made
    expect(await admin.ensureTopic({ ...spec, name: topic })).toBe('exists')
    await Promise.all([admin.close(), appender.close(1_000)])
  })

  it('that may write elsewhere is told the topic that it may not write', async () => {
    const [own, other] = [await makeTopic(kafka().operator), await makeTopic(kafka().operator)]
    const poor = await userWho({ operations: ['Write'], topic: own }, { operations: ['Read'], topic: other })
    const appender = poor.appender()
    await appender.append(record(own))
    await expectRefused(appender.append(record(other)), new RegExp(`Write on topic ${other}`))
    await appender.append(record(own))
    await appender.close(1_000)
  })
})

async function expectRefused(work: Promise<unknown>, message: RegExp): Promise<void> {
  const fault: Fault = await faultOf(work)
  expect([fault.code, fault.message]).toEqual(['NotAuthorized', expect.stringMatching(message)])
}
