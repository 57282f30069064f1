import type { Consumer } from 'kafkajs'
import { beforeAll, expect, test } from 'vitest'
import { systemClock as clock } from '../../src/core/clock.ts'
import { adopt, type AdoptionParts } from '../../src/data-plane/dispatcher/positions/adopt.ts'
import { openKafkaLog } from '../../src/kafka/kafka-log.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { foreignClient, joinGroup } from '../support/foreign.ts'
import { kafkaBootstrap, uniqueName } from '../support/kafka.ts'
import { Hand, MemoryVault, Rig, startSubscriber, withTopic } from './dispatcher-rig.ts'

/**
 * The conversion of a group that had members into one that keeps its positions, on a real Kafka:
 *
 *     read ─► save ─► look ─► delete ─► look ─► commit ─► read back ─► empty the vault
 *         ✕       ✕       ✕         ✕       ✕         ✕            ✕                  a crash at each: before it, and after it was done
 */
const steps = [
  ['reading its positions', 'all', 1],
  ['saving them', 'save', 1],
  ['looking at it once more', 'describeGroup', 2],
  ['deleting the group', 'deleteGroup', 1],
  ['looking what is there', 'fetch', 1],
  ['committing them back', 'commit', 1],
  ['reading them back', 'fetch', 2],
  ['emptying the vault', 'remove', 1],
] as const
const adopted = { kind: 'adopted' }
const moments = ['before', 'after'] as const
const cases = steps.flatMap(([what, call, nth]) => moments.map((moment) => [moment, what, call, nth] as const))

let rig: Rig
const groups: string[] = []
const patience = { withinMs: 30_000 }

/** Two partitions of 5 events, and groups of a consumer that left: 3 of the first partition are done, 4 of the other. */
beforeAll(async () => {
  const log = openKafkaLog({
    bootstrapServers: kafkaBootstrap(),
    clientId: 'test',
    clock,
    logger: createLogger('silent'),
  })
  rig = await withTopic(new Rig(log, uniqueName('adopt'), 2, async () => {}))
  await rig.send(5)
  await rig.send(5, { from: 10, partition: 1 })
  await using foreign = await foreignClient(kafkaBootstrap())
  const makeGroup = async (): Promise<void> => {
    const groupId = uniqueName('group')
    const consumer = await joinGroup(foreign.kafka, groupId, rig.topic)
    await consumer.disconnect()
    await eventuallyPasses('its positions are set', () => commit(groupId, [3, 4]), patience)
    expect(await rig.admin.describeGroup(groupId)).toEqual({ kind: 'consumer', liveMembers: 0 })
    groups.push(groupId)
  }
  // a few at a time: a busy coordinator answers late, and a client that waits too long begins again
  const left = Array.from({ length: cases.length + 5 }, () => makeGroup)
  const lane = async (): Promise<void> => {
    for (let make = left.pop(); make !== undefined; make = left.pop()) await make()
  }
  await Promise.all([lane(), lane(), lane()])
  return () => rig[Symbol.asyncDispose]()
})

test.each(cases)('a crash %s %s: a fresh dispatcher goes on where the group stood', async (moment, _, call, nth) => {
  await using subscriber = await startSubscriber()
  // a group that seems new would start at the end, and lose the rest
  const outlet = rig.outlet(subscriber.url, { group: nextGroup(), start: 'latest' })
  const vault = new MemoryVault()
  const gate = new Gate(call, nth, (work) => crash(gate, moment, work))
  const doomed = rig.run([outlet], { retryMs: 10 }, 'doomed', {
    membership: (handler) => new Hand(handler, rig),
    ...parts(vault, gate),
  })
  await eventually('it crashed', () => gate.dead)
  await doomed.close()
  expect(subscriber.got).toEqual([])

  const fresh = rig.run([outlet], {}, 'fresh', { membership: (handler) => new Hand(handler, rig), vault })
  await eventuallyPasses('all is done', async () => expect(await offsets(outlet.group)).toEqual([5, 5]))
  expect(subscriber.got.map(({ id }) => Number(id)).toSorted((a, b) => a - b)).toEqual([3, 4, 14])
  expect(await rig.admin.describeGroup(outlet.group)).toEqual({ kind: 'simple', liveMembers: 0 })
  expect(vault.saved.size).toBe(0)
  expect(fresh.reports.at(-1)).toMatchObject({ state: 'consuming', fault: null })
  await fresh.close()
})

test.each(['describeGroup', 'load'])(
  'the owner of another partition whose %s is answered before the group is deleted waits, and does not take it for a new one',
  async (first) => {
    const group = nextGroup()
    const vault = new MemoryVault()
    const asked = Promise.withResolvers<void>()
    const deleted = Promise.withResolvers<void>()
    const other = new Gate(first, 1, async (work) => {
      const answer = await work()
      asked.resolve()
      await deleted.promise
      return answer
    })
    const waits = adopt(group, false, adoption(vault, other))
    await asked.promise
    const resume = Promise.withResolvers<void>()
    const owner = new Gate('deleteGroup', 1, async (work) => {
      await work()
      deleted.resolve()
      await resume.promise
    })
    const owns = adopt(group, true, adoption(vault, owner))
    expect(await waits).toMatchObject({ kind: 'waits' })
    expect(await adopt(group, false, adoption(vault))).toEqual({ kind: 'waits', begun: true })
    resume.resolve()
    expect(await owns).toEqual(adopted)
    expect(await adopt(group, false, adoption(vault))).toEqual(adopted)
    expect(await offsets(group)).toEqual([3, 4])
  },
)

test('what another owner commits after the deletion does not go back', async () => {
  const group = nextGroup()
  const owner = new Gate('deleteGroup', 1, async (work) => {
    await work()
    await rig.positions.commit(group, [{ topic: rig.topic, partition: 1, offset: 5n, leaderEpoch: -1, metadata: '' }])
  })
  expect(await adopt(group, true, adoption(new MemoryVault(), owner))).toEqual(adopted)
  expect(await offsets(group)).toEqual([3, 5])
})

test('an attempt that died when only some positions were left in the group: the rest is still in the vault', async () => {
  const group = nextGroup()
  const vault = new MemoryVault()
  const saved = [0, 1].map((partition) => ({ topic: rig.topic, partition, offset: '2', leaderEpoch: -1, metadata: '' }))
  await vault.save(group, JSON.stringify([...saved, { ...saved[0], partition: 7 }]))
  // as when a consumer came into the group after its deletion, and went
  await rig.admin.deleteGroup(group)
  await rig.positions.commit(group, [{ topic: rig.topic, partition: 1, offset: 4n, leaderEpoch: -1, metadata: '' }])
  expect(await adopt(group, true, adoption(vault))).toEqual(adopted)
  expect(await offsets(group)).toEqual([2, 4])
  expect(vault.saved.size).toBe(0)
})

test('a group whose members come back before the deletion is left to them, with its positions', async () => {
  await using foreign = await foreignClient(kafkaBootstrap())
  const group = nextGroup()
  const back = Promise.withResolvers<Consumer>()
  const owner = new Gate('deleteGroup', 1, async (work) => {
    back.resolve(await joinGroup(foreign.kafka, group, rig.topic))
    return work()
  })
  const vault = new MemoryVault()
  await expect(adopt(group, true, adoption(vault, owner))).rejects.toMatchObject({ code: 'GroupInUse' })
  await expect(adopt(group, true, adoption(vault))).rejects.toMatchObject({ code: 'GroupInUse' })
  expect(await offsets(group)).toEqual([3, 4])
  await (await back.promise).disconnect()
  await eventually('it left', async () => (await rig.admin.describeGroup(group)).liveMembers === 0, patience)
  expect(await adopt(group, true, adoption(vault))).toEqual(adopted)
  expect(await offsets(group)).toEqual([3, 4])
})

/** Stands before real ports: something happens at the `nth` call of one method; once dead, nothing gets through. */
class Gate {
  dead = false
  readonly #call: string
  readonly #at: (work: () => Promise<unknown>) => Promise<unknown>
  #left: number

  constructor(call: string, nth: number, at: (work: () => Promise<unknown>) => Promise<unknown>) {
    this.#call = call
    this.#left = nth
    this.#at = at
  }

  around<T extends object>(port: T): T {
    return new Proxy(port, {
      get: (_, name) => {
        const method: unknown = Reflect.get(port, name, port)
        if (typeof method !== 'function') return method
        return (...args: unknown[]) => this.#pass(String(name), async () => (await method.apply(port, args)) as unknown)
      },
    })
  }

  async #pass(name: string, work: () => Promise<unknown>): Promise<unknown> {
    if (name === 'close') return work()
    if (this.dead) throw new Error('dead')
    return name === this.#call && --this.#left === 0 ? this.#at(work) : work()
  }
}

async function crash(gate: Gate, moment: 'before' | 'after', work: () => Promise<unknown>): Promise<never> {
  if (moment === 'after') await work()
  gate.dead = true
  throw new Error('crash')
}

function parts(vault: MemoryVault, gate: Gate): Pick<AdoptionParts, 'admin' | 'positions' | 'vault'> {
  return { admin: gate.around(rig.admin), positions: gate.around(rig.log.positions()), vault: gate.around(vault) }
}

function adoption(vault: MemoryVault, gate?: Gate): AdoptionParts {
  const { admin, positions } = rig
  const { signal } = new AbortController()
  const topics = new Set([rig.topic])
  return { ...(gate === undefined ? { admin, positions, vault } : parts(vault, gate)), signal, topics }
}

function nextGroup(): string {
  const group = groups.pop()
  if (group === undefined) throw new Error('no group is left')
  return group
}

async function commit(group: string, at: readonly number[]): Promise<void> {
  const positions = at.map((offset, partition) => ({
    topic: rig.topic,
    partition,
    offset: BigInt(offset),
    leaderEpoch: -1,
    metadata: '',
  }))
  await rig.positions.commit(group, positions)
}

async function offsets(group: string): Promise<number[]> {
  const places = [0, 1].map((partition) => ({ topic: rig.topic, partition }))
  const found = (await rig.positions.fetch(new Map([[group, places]]))).get(group) ?? []
  return found.toSorted((a, b) => a.partition - b.partition).map(({ offset }) => Number(offset))
}
