import { expect, it } from 'vitest'
import type { Log, Membership, MembershipHandler, TopicPartition } from '../../../src/kafka/log.ts'
import { eventually } from '../../support/eventually.ts'
import { uniqueGroup } from '../../support/kafka.ts'
import { makeTopic, type LogUnderTest } from './subject.ts'

export function sharing(subject: () => LogUnderTest): void {
  it('gives a single member all partitions, and more or fewer as they are shared', async () => {
    const { log } = subject()
    const topic = await makeTopic(log, 4)
    const member = join(log, uniqueGroup(), 'only')
    member.membership.share(places(topic, 2))
    await eventually('it owns two', () => member.owned.size === 2)
    expect(member.membership.alive).toBe(true)
    member.membership.share(places(topic, 4))
    await eventually('it owns four', () => member.owned.size === 4)
    member.membership.share(places(topic, 4).slice(1))
    await eventually('it owns three', () => member.owned.size === 3)
    expect(member.told).toEqual(['assigned 0 1', 'assigned 2 3', 'revoked 0'])
    await member.membership.close({ forGood: true, deadlineMs: 5_000 })
  })

  it('hands back all partitions when it closes, and waits until they are let go', async () => {
    const { log } = subject()
    const topic = await makeTopic(log, 3)
    const member = join(log, uniqueGroup(), 'only')
    member.membership.share(places(topic, 3))
    await eventually('it owns all', () => member.owned.size === 3)
    const gate = member.holdRevocations()
    let closed = false
    const closing = member.membership.close({ forGood: true, deadlineMs: 20_000 }).then(() => (closed = true))
    await eventually('it is asked to let go', () => member.told.at(-1) === 'revoked 0 1 2')
    expect(closed).toBe(false)
    gate.open()
    await closing
    expect(member.owned.size).toBe(0)
    expect(member.membership.alive).toBe(false)
  })

  it('does not wait longer than the deadline for a member that does not let go', async () => {
    const { log } = subject()
    const topic = await makeTopic(log, 1)
    const member = join(log, uniqueGroup(), 'only')
    member.membership.share(places(topic, 1))
    await eventually('it owns all', () => member.owned.size === 1)
    const gate = member.holdRevocations()
    const started = performance.now()
    await member.membership.close({ forGood: true, deadlineMs: 300 })
    expect(performance.now() - started).toBeLessThan(20_000)
    gate.open()
  })

  it('shares the partitions between two members, each partition with one', async ({ skip }) => {
    const { log, openAgain } = subject()
    if (openAgain === undefined) {
      skip('one process has this log alone')
      return
    }
    const other = await openAgain()
    const topic = await makeTopic(log, 6)
    const group = uniqueGroup()
    const members = [join(log, group, 'a'), join(other, group, 'b')] as const
    for (const { membership } of members) membership.share(places(topic, 6))
    await eventually('both own some, together all', () => balanced(members))
    await members[1].membership.close({ forGood: true, deadlineMs: 5_000 })
    await eventually('the one that stays owns all', () => members[0].owned.size === 6)
    await members[0].membership.close({ forGood: true, deadlineMs: 5_000 })
    await other.close()
  })

  it('gives a topic to no more members than its bound, and to more, or fewer, when that changes', async ({ skip }) => {
    const { log, openAgain } = subject()
    const topic = await makeTopic(log, 6)
    const group = uniqueGroup()
    if (openAgain === undefined) {
      const only = join(log, group, 'only')
      only.membership.share(places(topic, 6), new Map([[topic, 1]]))
      await eventually('it owns all', () => only.owned.size === 6)
      await only.membership.close({ forGood: true, deadlineMs: 5_000 })
      skip('one process has this log alone')
      return
    }
    const other = await openAgain()
    const members = [join(log, group, 'a'), join(other, group, 'b')] as const
    const share = (most: ReadonlyMap<string, number>): void => {
      for (const { membership } of members) membership.share(places(topic, 6), most)
    }
    const owners = (): number => members.filter(({ owned }) => owned.size > 0).length
    const all = (): boolean => members[0].owned.size + members[1].owned.size === 6
    share(new Map([[topic, 1]]))
    await eventually('one owns all', all)
    await watched(2_000, () => expect(owners()).toBe(1))
    share(new Map())
    await eventually('both own some, together all', () => balanced(members))
    share(new Map([[topic, 1]]))
    await eventually('one owns all', () => all() && owners() === 1)
    for (const { membership } of members) await membership.close({ forGood: true, deadlineMs: 5_000 })
    await other.close()
  })

  it('gives a partition to its next owner only when the one before has let go', async ({ skip }) => {
    const { log, openAgain } = subject()
    if (openAgain === undefined) {
      skip('one process has this log alone')
      return
    }
    const other = await openAgain()
    const topic = await makeTopic(log, 4)
    const group = uniqueGroup()
    const first = join(log, group, 'first')
    first.membership.share(places(topic, 4))
    await eventually('the first owns all', () => first.owned.size === 4)
    const gate = first.holdRevocations()
    const second = join(other, group, 'second')
    second.membership.share(places(topic, 4))
    await eventually('the first is asked to let go', () => first.told.at(-1)?.startsWith('revoked'))
    const moving = first.told.at(-1)!.split(' ').slice(1)
    // What does not move stays where it is, and what moves is with nobody else yet: watched for two heartbeats and more.
    await watched(4_000, () => expect([...second.owned].filter((at) => moving.includes(at))).toEqual([]))
    gate.open()
    await eventually('the second has them', () => moving.every((at) => second.owned.has(at)))
    expect(balanced([first, second])).toBe(true)
    await first.membership.close({ forGood: true, deadlineMs: 5_000 })
    await second.membership.close({ forGood: true, deadlineMs: 5_000 })
    await other.close()
  })
}

/** A member that remembers what it was told and what it owns, by partition number. */
interface Member {
  readonly membership: Membership
  readonly owned: Set<string>
  readonly told: string[]
  /** From now on revocations wait for `open`. */
  holdRevocations(): { open(): void }
}

function join(log: Log, group: string, instance: string): Member {
  const owned = new Set<string>()
  const told: string[] = []
  let gate = Promise.resolve()
  const numbersOf = (partitions: readonly TopicPartition[]) =>
    partitions.map(({ partition }) => String(partition)).sort()
  const handler: MembershipHandler = {
    assigned: (partitions) => {
      told.push(['assigned', ...numbersOf(partitions)].join(' '))
      for (const at of numbersOf(partitions)) owned.add(at)
    },
    revoked: async (partitions) => {
      told.push(['revoked', ...numbersOf(partitions)].join(' '))
      await gate
      for (const at of numbersOf(partitions)) owned.delete(at)
    },
    lost: (partitions) => {
      told.push(['lost', ...numbersOf(partitions)].join(' '))
      for (const at of numbersOf(partitions)) owned.delete(at)
    },
  }
  const options = { group, instance, sessionTimeoutMs: 20_000, rebalanceTimeoutMs: 40_000 }
  const holdRevocations = () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    gate = promise
    return { open: resolve }
  }
  return { membership: log.membership(options, handler), owned, told, holdRevocations }
}

function places(topic: string, partitions: number): TopicPartition[] {
  return Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
}

function balanced([a, b]: readonly [Member, Member]): boolean {
  const disjoint = [...a.owned].every((at) => !b.owned.has(at))
  return disjoint && a.owned.size > 0 && a.owned.size === b.owned.size
}

/** Holds that something stays true for a while. */
async function watched(ms: number, holds: () => void): Promise<void> {
  const end = performance.now() + ms
  while (performance.now() < end) {
    holds()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
