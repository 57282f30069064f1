import { expect, it } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { uniqueGroup, uniqueTopic } from '../../support/kafka.ts'
import { appendAll, expectFault, makeTopic, type LogUnderTest } from './subject.ts'

export function administrating(subject: () => LogUnderTest): void {
  it('makes a topic once, which can be written and read at once', async () => {
    const { log } = subject()
    const admin = log.admin()
    const spec = { name: uniqueTopic(), partitions: 3, replicationFactor: 1, config: {} }
    const answers = await Promise.all([admin.ensureTopic(spec), admin.ensureTopic(spec), admin.ensureTopic(spec)])
    expect(answers.filter((answer) => answer === 'created')).toHaveLength(1)
    await appendAll(log, spec.name, ['a'])
    const reader = log.reader()
    expect(await reader.range([{ topic: spec.name, partition: 0 }])).toMatchObject([{ start: 0n, end: 1n }])
    await reader.close()
    await admin.close()
  })

  it('leaves an existing topic as it is', async () => {
    const { log } = subject()
    const admin = log.admin()
    const name = await makeTopic(log, 2, { 'max.message.bytes': '50000' })
    expect(await admin.ensureTopic({ name, partitions: 5, replicationFactor: 1, config: {} })).toBe('exists')
    expect(await admin.describeTopics([name])).toMatchObject([{ name, partitions: 2, maxMessageBytes: 50_000 }])
    await admin.close()
  })

  it('tells by an id which log it is, always the same, whoever asks', async () => {
    const { log } = subject()
    const [one, other] = [log.admin(), log.admin()]
    const id = await one.clusterId()
    expect(id).not.toBe('')
    expect(await other.clusterId()).toBe(id)
    await Promise.all([one.close(), other.close()])
  })

  it('describes the topics that there are, and leaves out those that there are not', async () => {
    const { log } = subject()
    const admin = log.admin()
    const [one, two] = await Promise.all([makeTopic(log, 1), makeTopic(log, 4)])
    const found = await admin.describeTopics([one, uniqueTopic(), two])
    expect(new Map(found.map(({ name, partitions }) => [name, partitions]))).toEqual(
      new Map([
        [one, 1],
        [two, 4],
      ]),
    )
    for (const { maxMessageBytes } of found) expect(maxMessageBytes).toBe(1_048_588)
    expect(await admin.describeTopics([uniqueTopic()])).toEqual([])
    expect(await admin.describeTopics([])).toEqual([])
    await admin.close()
  })

  it('lists the topics that there are, without those of the log itself', async () => {
    const { log } = subject()
    const admin = log.admin()
    const made = await Promise.all([makeTopic(log), makeTopic(log, 2)])
    // Kafka keeps positions in a topic
    const positions = log.positions()
    const position = { topic: made[0], partition: 0, offset: 0n, leaderEpoch: -1, metadata: '' }
    await positions.commit(uniqueGroup(), [position])
    await positions.close()
    const listed = await admin.listTopics()
    expect(listed).toEqual(expect.arrayContaining(made))
    expect(new Set(listed).size).toBe(listed.length)
    expect(listed.filter((name) => name.startsWith('__'))).toEqual([])
    await admin.deleteTopic(made[0])
    expect(await admin.listTopics()).not.toContain(made[0])
    await expect(admin.listTopics(AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough')
    await admin.close()
    await expectFault(admin.listTopics(), 'Closed')
  })

  it('gives a topic that was deleted and made again another id', async () => {
    const { log } = subject()
    const admin = log.admin()
    const name = await makeTopic(log)
    const [before] = await admin.describeTopics([name])
    expect((await admin.describeTopics([name]))[0]?.id).toBe(before?.id)
    await admin.deleteTopic(name)
    await admin.ensureTopic({ name, partitions: 1, replicationFactor: 1, config: {} })
    const [after] = await admin.describeTopics([name])
    expect(before?.id).not.toBe('')
    expect(after?.id).not.toBe('')
    expect(after?.id).not.toBe(before?.id)
    await admin.close()
  })

  it('deletes a topic, and does not mind when it is gone', async () => {
    const { log } = subject()
    const admin = log.admin()
    const name = await makeTopic(log, 2)
    await appendAll(log, name, ['a'])
    await admin.deleteTopic(name)
    await admin.deleteTopic(name)
    expect(await admin.describeTopics([name])).toEqual([])
    await admin.close()
  })

  it('refuses a topic that cannot be, in a sentence', async () => {
    const { log } = subject()
    const admin = log.admin()
    const spec = { name: 'not a name', partitions: 1, replicationFactor: 1, config: {} }
    await expectFault(admin.ensureTopic(spec), 'LogRefused')
    await expectFault(admin.ensureTopic({ ...spec, name: uniqueTopic(), partitions: 0 }), 'LogRefused')
    await expectFault(
      admin.ensureTopic({ ...spec, name: uniqueTopic(), config: { 'retention.ms': 'x' } }),
      'LogRefused',
    )
    await admin.close()
  })

  it('says what a group is, and deletes it with its positions', async () => {
    const { log } = subject()
    const admin = log.admin()
    const topic = await makeTopic(log)
    const group = uniqueGroup()
    expect(await admin.describeGroup(group)).toEqual({ kind: 'missing', liveMembers: 0 })
    const positions = log.positions()
    const places = [{ topic, partition: 0 }]
    await positions.commit(group, [{ topic, partition: 0, offset: 3n, leaderEpoch: -1, metadata: '' }])
    expect(await admin.describeGroup(group)).toEqual({ kind: 'simple', liveMembers: 0 })
    await admin.deleteGroup(group)
    await admin.deleteGroup(group)
    expect((await positions.fetch(new Map([[group, places]]))).get(group) ?? []).toEqual([])
    expect(await admin.describeGroup(group)).toEqual({ kind: 'missing', liveMembers: 0 })
    await positions.close()
    await admin.close()
  })

  it('counts the live members of someone else, and does not delete their group', async ({ skip }) => {
    const { log, foreignConsumer } = subject()
    if (foreignConsumer === undefined) {
      skip('nobody else can be in a group of this log')
      return
    }
    const admin = log.admin()
    const group = uniqueGroup()
    const consumer = await foreignConsumer(group, await makeTopic(log))
    expect(await admin.describeGroup(group)).toEqual({ kind: 'consumer', liveMembers: 1 })
    await expectFault(admin.deleteGroup(group), 'GroupInUse')
    await consumer.close()
    await eventually('the group is empty', async () => (await admin.describeGroup(group)).liveMembers === 0)
    await admin.deleteGroup(group)
    expect(await admin.describeGroup(group)).toEqual({ kind: 'missing', liveMembers: 0 })
    await admin.close()
  })

  it('tells how long a position is kept without a commit', async () => {
    const { log, positionRetentionMs } = subject()
    const admin = log.admin()
    expect(await admin.positionRetentionMs()).toBe(positionRetentionMs)
    await expect(admin.positionRetentionMs(AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough')
    await admin.close()
    await expectFault(admin.positionRetentionMs(), 'Closed')
  })

  it('stops when its signal aborts', async () => {
    const admin = subject().log.admin()
    const reason = new Error('not any more')
    const spec = { name: uniqueTopic(), partitions: 1, replicationFactor: 1, config: {} }
    await expect(admin.ensureTopic(spec, AbortSignal.abort(reason))).rejects.toBe(reason)
    await expect(admin.describeTopics([spec.name], AbortSignal.abort(reason))).rejects.toBe(reason)
    expect(await admin.describeTopics([spec.name])).toEqual([])
    await admin.close()
  })
}
