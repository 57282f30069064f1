import { expect, it } from 'vitest'
import type { Position } from '../../../src/kafka/log.ts'
import { eventuallyPasses } from '../../support/eventually.ts'
import { uniqueGroup } from '../../support/kafka.ts'
import { expectFault, makeTopic, type LogUnderTest } from './subject.ts'

export function positioning(subject: () => LogUnderTest): void {
  it('keeps positions with metadata and leader epoch, and has none where none was committed', async () => {
    const { log } = subject()
    const topic = await makeTopic(log, 3)
    const positions = log.positions()
    const group = uniqueGroup()
    const committed: Position[] = [
      { topic, partition: 0, offset: 42n, leaderEpoch: 0, metadata: 'v1:größe' },
      { topic, partition: 2, offset: 0n, leaderEpoch: -1, metadata: '' },
    ]
    await positions.commit(group, committed)
    expect(await fetch(subject(), group, topic, 3)).toEqual(committed)
    expect(await fetch(subject(), uniqueGroup(), topic, 3)).toEqual([])
    await positions.close()
  })

  it('tells all positions of a group, of whatever topic', async () => {
    const { log } = subject()
    const [one, two] = await Promise.all([makeTopic(log, 3), makeTopic(log)])
    const positions = log.positions()
    const group = uniqueGroup()
    expect(await positions.all(group)).toEqual([])
    const committed = [at(one, 0, 5n), { ...at(one, 2, 7n), metadata: 'm' }, at(two, 0, 0n)]
    await positions.commit(group, committed)
    await positions.commit(uniqueGroup(), [at(one, 1, 9n)])
    const name = ({ topic, partition }: Position) => `${topic}/${partition}`
    const found = new Map((await positions.all(group)).map((position) => [name(position), position]))
    expect(found).toEqual(new Map(committed.map((position) => [name(position), position])))
    await positions.close()
    await expectFault(positions.all(group), 'Closed')
  })

  it('replaces a position, forwards or backwards, and leaves the others', async () => {
    const { log } = subject()
    const topic = await makeTopic(log, 2)
    const positions = log.positions()
    const group = uniqueGroup()
    await positions.commit(
      group,
      [0, 1].map((partition) => at(topic, partition, 10n)),
    )
    await positions.commit(group, [{ ...at(topic, 0, 20n), metadata: 'done' }])
    await positions.commit(group, [at(topic, 0, 3n)])
    expect(await fetch(subject(), group, topic, 2)).toEqual([at(topic, 0, 3n), at(topic, 1, 10n)])
    await positions.close()
  })

  it('commits and fetches the positions of 200 groups at once', async () => {
    const { log } = subject()
    const topic = await makeTopic(log, 4)
    const positions = log.positions()
    const prefix = uniqueGroup()
    const groups = Array.from({ length: 200 }, (_, n) => `${prefix}-${n}`)
    const partitions = [0, 1, 2, 3].map((partition) => ({ topic, partition }))
    await Promise.all(
      groups.map((group, n) =>
        positions.commit(
          group,
          partitions.map(({ partition }) => at(topic, partition, BigInt(n * 10 + partition))),
        ),
      ),
    )
    const found = await positions.fetch(new Map(groups.map((group) => [group, partitions])))
    for (const [n, group] of groups.entries()) {
      expect(sorted(found.get(group))).toEqual(
        partitions.map(({ partition }) => at(topic, partition, BigInt(n * 10 + partition))),
      )
    }
    await positions.close()
  })

  it('keeps 4,096 bytes of metadata, and refuses more without touching what is there', async () => {
    const { log } = subject()
    const topic = await makeTopic(log)
    const positions = log.positions()
    const group = uniqueGroup()
    const full = { ...at(topic, 0, 1n), metadata: 'm'.repeat(4_096) }
    await positions.commit(group, [full])
    await expectFault(positions.commit(group, [{ ...at(topic, 0, 2n), metadata: 'm'.repeat(4_097) }]), 'LogRefused')
    expect(await fetch(subject(), group, topic, 1)).toEqual([full])
    await positions.close()
  })

  it('finds positions again after the log was closed and opened', async () => {
    const topic = await makeTopic(subject().log)
    const group = uniqueGroup()
    const positions = subject().log.positions()
    await positions.commit(group, [{ ...at(topic, 0, 7n), metadata: 'kept' }])
    await positions.close()
    await subject().reopen()
    expect(await fetch(subject(), group, topic, 1)).toEqual([{ ...at(topic, 0, 7n), metadata: 'kept' }])
  })

  it('is told GroupInUse while someone else consumes in the group, and may commit when they are gone', async ({
    skip,
  }) => {
    const { log, foreignConsumer } = subject()
    if (foreignConsumer === undefined) {
      skip('nobody else can be in a group of this log')
      return
    }
    const topic = await makeTopic(log)
    const positions = log.positions()
    const group = uniqueGroup()
    const consumer = await foreignConsumer(group, topic)
    await expectFault(positions.commit(group, [at(topic, 0, 1n)]), 'GroupInUse')
    await consumer.close()
    await eventuallyPasses('the commit is accepted', () => positions.commit(group, [at(topic, 0, 2n)]))
    expect(await fetch(subject(), group, topic, 1)).toEqual([at(topic, 0, 2n)])
    await positions.close()
  })
}

function at(topic: string, partition: number, offset: bigint): Position {
  return { topic, partition, offset, leaderEpoch: -1, metadata: '' }
}

async function fetch({ log }: LogUnderTest, group: string, topic: string, partitions: number): Promise<Position[]> {
  const positions = log.positions()
  const asked = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
  const found = await positions.fetch(new Map([[group, asked]]))
  await positions.close()
  return sorted(found.get(group))
}

function sorted(positions: readonly Position[] | undefined): Position[] {
  return [...(positions ?? [])].sort((a, b) => a.partition - b.partition)
}
