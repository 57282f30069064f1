import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { Cluster } from '../../src/kafka/platformatic/cluster.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { ObservedFleet, partitionsOf, takes } from '../support/fleet.ts'
import { kafkaBootstrap, uniqueGroup } from '../support/kafka.ts'
import { startKafka } from '../support/kafka-process.ts'

const clusterOf = (bootstrapServers: string): Cluster =>
  new Cluster({ clientId: 'fleet', bootstrapServers, clock: systemClock, logger: createLogger('silent') })

const ten = partitionsOf('orders', 10)
let cluster: Cluster
beforeAll(() => {
  cluster = clusterOf(kafkaBootstrap())
})
afterAll(() => cluster.close())

/** A fleet for one test, ended with it. */
async function withFleet(run: (fleet: ObservedFleet, group: string) => Promise<void>): Promise<void> {
  const group = uniqueGroup()
  const fleet = new ObservedFleet(cluster, group)
  try {
    await run(fleet, group)
    expect(fleet.overlaps).toEqual([])
  } finally {
    await fleet.stop()
  }
}

const owns = (fleet: ObservedFleet, counts: Readonly<Record<string, number>>): Promise<void> =>
  eventuallyPasses(`they own ${JSON.stringify(counts)}`, () => {
    const names = Object.keys(counts)
    expect(Object.fromEntries(names.map((name) => [name, fleet.ownedBy(name).length]))).toEqual(counts)
  })

/** Starting a Kafka twice takes its time on a busy machine. */
const OUTAGE_MS = 300_000

describe.concurrent('a fleet on Kafka', () => {
  it('shares partitions out evenly while members come and go, and moves only what must move', () =>
    withFleet(async (fleet) => {
      fleet.start('a', ten)
      await owns(fleet, { a: 10 })
      fleet.start('b', ten)
      await owns(fleet, { a: 5, b: 5 })

      const beforeC = fleet.told.length
      const c = fleet.start('c', ten)
      await eventuallyPasses('c has its part', () => expect(fleet.counts('a', 'b', 'c').toSorted()).toEqual([3, 3, 4]))
      const revoked = fleet.toldSince(beforeC).filter(({ what }) => what === 'revoked')
      expect(revoked.flatMap(({ partitions }) => partitions).toSorted()).toEqual(fleet.ownedBy('c').toSorted())

      const beforeLeave = fleet.told.length
      await c.close({ forGood: true, deadlineMs: 2_000 })
      await owns(fleet, { a: 5, b: 5, c: 0 })
      expect(fleet.toldSince(beforeLeave).filter(({ member, what }) => what !== 'assigned' && member !== 'c')).toEqual(
        [],
      )
      expect(fleet.told.filter(({ what }) => what === 'lost')).toEqual([])
    }))

  it('gives a partition to the next owner only when the last one has let go', () =>
    withFleet(async (fleet) => {
      const a = fleet.start('a', ten, { letGo: takes(1_000) })
      await owns(fleet, { a: 10 })
      fleet.start('b', ten)
      await eventually('a is asked to let go', () => fleet.told.some(({ what }) => what === 'revoked'))
      expect(a.alive).toBe(true)
      await owns(fleet, { a: 5, b: 5 })
      const done = fleet.told.find(({ what }) => what === 'done')
      const assigned = fleet.told.find(({ member }) => member === 'b')
      expect(assigned?.at).toBeGreaterThan(done?.at ?? Infinity)
      expect(a.alive).toBe(true)
    }))

  it('goes on without a member that does not let go by its deadline', () =>
    withFleet(async (fleet) => {
      const end = Promise.withResolvers<void>()
      // Rebalance timeout 12 s, so the deadline is 9.6 s: longer than the session, which heartbeats keep alive meanwhile.
      const timeouts = { sessionTimeoutMs: 6_000, rebalanceTimeoutMs: 12_000 }
      const a = fleet.start('a', ten, { ...timeouts, letGo: () => end.promise })
      await owns(fleet, { a: 10 })
      fleet.start('b', ten, timeouts)
      const assigned = await eventually('b is assigned', () => fleet.told.find(({ member }) => member === 'b'))
      const revoked = fleet.told.find(({ what }) => what === 'revoked')
      expect(assigned.at - (revoked?.at ?? 0)).toBeGreaterThan(9_500)
      expect(a.alive).toBe(true)
      end.resolve()
      fleet.overlaps.length = 0 // The member broke its promise; the fleet kept its own.
    }))

  it('keeps members alive that wait at the broker for a slow one, longer than a session', () =>
    withFleet(async (fleet) => {
      let pace = 0
      const session = { sessionTimeoutMs: 6_000 }
      fleet.start('a', ten, { ...session, letGo: () => takes(pace)() })
      const b = fleet.start('b', ten, session)
      await owns(fleet, { a: 5, b: 5 })
      pace = 8_000
      fleet.start('c', ten, session)
      await eventually('a is slow', () => fleet.toldSince(0, 'a').at(-1)?.what === 'revoked')
      // While a is letting go, d comes: b rejoins, and no generation begins before a has rejoined too.
      fleet.start('d', ten, session)
      await eventually('d has a part', () => {
        expect(b.alive).toBe(true)
        return fleet.ownedBy('d').length > 0
      })
      expect(fleet.told.some(({ what }) => what === 'lost')).toBe(false)
    }))

  it('moves nothing when topics come and go', () =>
    withFleet(async (fleet) => {
      const members = [fleet.start('a', ten), fleet.start('b', ten)]
      await eventuallyPasses('both have a part', () => expect(fleet.counts('a', 'b')).toEqual([5, 5]))
      const before = fleet.told.length
      for (const member of members) member.share([...ten, ...partitionsOf('payments', 3)])
      await eventuallyPasses('the new topic is served', () => expect(fleet.counts('a', 'b').toSorted()).toEqual([6, 7]))
      expect(fleet.toldSince(before).filter(({ what }) => what !== 'assigned')).toEqual([])

      for (const member of members) member.share(partitionsOf('payments', 3))
      await eventuallyPasses('the old topic is let go', () => expect(fleet.counts('a', 'b').toSorted()).toEqual([1, 2]))
      const revoked = fleet.toldSince(before).filter(({ what }) => what === 'revoked')
      expect(revoked.flatMap(({ partitions }) => partitions)).toHaveLength(10)
    }))

  it('moves nothing when a member restarts under its name', () =>
    withFleet(async (fleet) => {
      fleet.start('a', ten)
      const b = fleet.start('b', ten)
      await eventuallyPasses('both have a part', () => expect(fleet.counts('a', 'b')).toEqual([5, 5]))
      const owned = fleet.ownedBy('b').toSorted()
      const before = fleet.told.length
      await b.close({ forGood: false, deadlineMs: 2_000 })
      expect(fleet.ownedBy('b')).toEqual([])
      expect(b.alive).toBe(false)
      await takes(2_000)() // A process needs time to start: the fleet must not fill the gap.
      fleet.start('b', ten)
      await owns(fleet, { b: 5 })
      expect(fleet.ownedBy('b').toSorted()).toEqual(owned)
      expect(fleet.toldSince(before, 'a')).toEqual([])
    }))

  it('lets only the newer of two processes of one name work', () =>
    withFleet(async (fleet, group) => {
      const other = new ObservedFleet(cluster, group)
      const first = fleet.start('a', ten)
      await owns(fleet, { a: 10 })
      const second = other.start('a', ten)
      await eventually('the first is told', () => fleet.told.some(({ what }) => what === 'lost'))
      expect(first.alive).toBe(false)
      await owns(other, { a: 10 })
      expect(second.alive).toBe(true)
      // The first one leaving does not throw out the second; when the second leaves, a third can come.
      await first.close({ forGood: true, deadlineMs: 2_000 })
      const before = other.told.length
      fleet.start('b', ten)
      await eventuallyPasses('the second shares with b', () => {
        expect([...other.counts('a'), ...fleet.counts('b')]).toEqual([5, 5])
      })
      expect(other.toldSince(before).some(({ what }) => what === 'lost')).toBe(false)
      await other.stop()
      await owns(fleet, { b: 10 })
    }))

  it('brings a fenced member back when the other process of its name has gone', () =>
    withFleet(async (fleet, group) => {
      const other = new ObservedFleet(cluster, group)
      fleet.start('a', ten)
      await owns(fleet, { a: 10 })
      other.start('a', ten)
      await owns(other, { a: 10 })
      await owns(fleet, { a: 0 })
      await other.stop()
      await owns(fleet, { a: 10 })
    }))

  it('stays a member when its handler throws', () =>
    withFleet(async (fleet) => {
      const fail = (): never => {
        throw new Error('handler')
      }
      fleet.start('a', ten, { letGo: () => Promise.reject(new Error('handler')), onAssigned: fail })
      await owns(fleet, { a: 10 })
      fleet.start('b', ten)
      await eventuallyPasses('b has its part', () => expect(fleet.counts('b')).toEqual([5]))
      fleet.overlaps.length = 0 // The failing handler did not tell that it let go.
    }))

  it('closes within its deadline although the handler does not let go', () =>
    withFleet(async (fleet) => {
      const end = Promise.withResolvers<void>()
      const a = fleet.start('a', ten, { letGo: () => end.promise })
      await owns(fleet, { a: 10 })
      const closing = a.close({ forGood: true, deadlineMs: 1_000 })
      expect(a.close({ forGood: true, deadlineMs: 1_000 })).toBe(closing)
      await closing
      expect(a.alive).toBe(false)
      expect(fleet.told.some(({ what }) => what === 'done')).toBe(false)
      end.resolve()
    }))

  it('closes at once when nothing was ever shared', () =>
    withFleet(async (fleet) => {
      await fleet.start('a', []).close({ forGood: true, deadlineMs: 1_000 })
      expect(fleet.told).toEqual([])
    }))

  it('replaces a frozen process, which on waking sees that it is not alive before anything else', () =>
    withFleet(async (fleet, group) => {
      const frozen = startMember(group, 'z')
      try {
        await eventually('the process has all', () => frozen.told.find(({ what }) => what === 'assigned'))
        fleet.start('a', ten)
        await owns(fleet, { a: 5 })
        const before = frozen.told.length
        frozen.child.kill('SIGSTOP')
        await owns(fleet, { a: 10 })
        frozen.child.kill('SIGCONT')
        await owns(fleet, { a: 5 })
        const told = (): readonly string[] => frozen.told.slice(before).map(({ what }) => what)
        await eventually('the process has a part again', () => told().includes('assigned'))
        expect(told()).toEqual(['woke not alive', 'not alive', 'lost', 'alive', 'assigned'])
        expect(frozen.told[before + 2]?.partitions).toHaveLength(5)
      } finally {
        await frozen.end()
      }
    }))

  it(
    'keeps all in an outage shorter than the session, loses all in a longer one, and comes back by itself',
    async () => {
      await using kafka = await startKafka()
      const own = clusterOf(kafka.bootstrap)
      const patient = new ObservedFleet(own, uniqueGroup())
      const hasty = new ObservedFleet(own, uniqueGroup())
      const lost = (): boolean => hasty.told.some(({ what }) => what === 'lost')
      const long = patient.start('a', ten, { sessionTimeoutMs: 60_000 })
      const short = hasty.start('a', ten, { sessionTimeoutMs: 6_000 })
      const other = new ObservedFleet(own, uniqueGroup())
      const leaving = other.start('a', ten)
      await owns(other, { a: 10 })
      await owns(patient, { a: 10 })
      await owns(hasty, { a: 10 })
      await kafka.stopBroker(1, 'kill')
      await eventually('the short session is not alive', () => !short.alive)
      // a process that was held up sees both at once
      expect(hasty.ownedBy('a')).toHaveLength(lost() ? 0 : 10)
      await leaving.close({ forGood: true, deadlineMs: 1_000 })
      await eventually('the short session is lost', lost)
      await kafka.startBrokers()
      await owns(hasty, { a: 10 })
      expect(short.alive).toBe(true)
      const before = patient.told.length
      patient.start('b', ten, { sessionTimeoutMs: 60_000 })
      await owns(patient, { a: 5, b: 5 })
      expect(long.alive).toBe(true)
      expect(patient.told.some(({ what }) => what === 'lost')).toBe(false)
      expect(before).toBe(1)
      await Promise.all([patient.stop(), hasty.stop()])
      await own.close()
    },
    OUTAGE_MS,
  )
})

interface MemberProcess {
  readonly child: ChildProcess
  readonly told: { readonly what: string; readonly partitions: readonly number[] }[]
  end(): Promise<void>
}

function startMember(group: string, instance: string): MemberProcess {
  const script = join(import.meta.dirname, '..', 'support', 'fleet-member.ts')
  const child = spawn(process.execPath, [script, kafkaBootstrap(), group, instance, '10'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const told: MemberProcess['told'] = []
  createInterface({ input: child.stdout }).on('line', (line) => told.push(JSON.parse(line)))
  const exited = once(child, 'exit')
  const end = async (): Promise<void> => {
    child.kill('SIGCONT')
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), 5_000)
    await exited
    clearTimeout(timer)
  }
  return { child, told, end }
}
