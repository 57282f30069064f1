import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { MemoryRouteSet } from '../../contract/memory-routes.ts'
import type { Outlet } from '../../contract/outlet.ts'
import { systemClock as clock } from '../../core/clock.ts'
import { openEmbeddedLog } from '../../kafka/embedded/embedded.ts'
import { createLogger } from '../../telemetry/logger.ts'
import { ProgressUnit, type UnitAtWork } from './progress-unit.ts'

const { signal } = new AbortController()

/** Two topics of two partitions, and a group for each Outlet; nothing is read here, so all positions are those of the log. */
async function rig(outlets: readonly { readonly uid: string; readonly topic: string }[]) {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-progress-'))
  const retention = { bytes: 1e9, ms: 1e9 }
  const log = await openEmbeddedLog({ dir, fsync: 'off', retention, clock, logger: createLogger('silent') })
  const [admin, appender, reader, positions] = [log.admin(), log.appender(), log.reader(), log.positions()]
  for (const name of ['a', 'b']) await admin.ensureTopic({ name, partitions: 2, replicationFactor: 1, config: {} })
  const routes = new MemoryRouteSet<Outlet>()
  for (const outlet of outlets) routes.set({ ...outlet, group: outlet.uid } as Outlet)
  const asked = { ranges: 0, groups: [] as string[] }
  const state = { others: new Set<string>(), worked: new Set<string>(), unfinished: new Set<string>() }
  const unit: UnitAtWork = {
    outlets: routes,
    speaksFor: (topic) => !state.others.has(topic),
    worksOn: (topic) => state.worked.has(topic),
    snapshot: (uids) =>
      [...uids].map((uid) => {
        const { group, topic } = routes.current.get(uid) ?? { group: '', topic: '' }
        const partitions = [...(state.worked.has(topic) ? [{ partition: 1, position: 0 }] : [])]
        return { uid, group, topic, partitions, lastDelivery: null, lastError: null, tally: null } as never
      }),
    reader: { range: (at) => (asked.ranges++, reader.range(at)) },
    positions: { fetch: (groups) => (asked.groups.push(...groups.keys()), positions.fetch(groups)) },
  }
  const progress = new ProgressUnit(unit, {
    partitionsOf: () => 2,
    unfinished: (uid) => state.unfinished.has(uid),
    gone: () => {},
  })
  const look = async () => {
    const { stands } = await progress.look(signal)
    return stands.map(({ uid, lag, quiet }) => ({ uid, lag, quiet }))
  }
  const append = (topic: string, partition: number) =>
    appender.append({ topic, partition, key: null, value: null, headers: [] })
  const commit = (group: string, topic: string, partition: number, offset: bigint) =>
    positions.commit(group, [{ topic, partition, offset, leaderEpoch: -1, metadata: '' }])
  const close = async () => {
    progress.close()
    await Promise.all([admin.close(), appender.close(0), reader.close(), positions.close()])
    await log.close()
  }
  return { progress, routes, asked, state, look, append, commit, admin, [Symbol.asyncDispose]: close }
}

test('lag is counted over all partitions; of an Outlet that is done, on a topic that did not move, nothing is asked', async () => {
  await using it = await rig([
    { uid: 'one', topic: 'a' },
    { uid: 'other', topic: 'b' },
  ])
  for (const partition of [0, 0, 1]) await it.append('a', partition)
  await it.commit('one', 'a', 0, 1n)
  expect(await it.look()).toEqual([
    { uid: 'one', lag: 2, quiet: false },
    { uid: 'other', lag: 0, quiet: false },
  ])
  it.progress.settled('other')
  await it.commit('one', 'a', 0, 2n)
  await it.commit('one', 'a', 1, 1n)
  expect(await it.look()).toEqual([{ uid: 'one', lag: 0, quiet: true }])
  it.progress.settled('one')
  const before = { ...it.asked, groups: [...it.asked.groups] }
  expect(await it.look()).toEqual([])
  expect(it.asked).toEqual({ ranges: before.ranges + 1, groups: before.groups })
  await it.append('b', 1)
  expect(await it.look()).toEqual([{ uid: 'other', lag: 1, quiet: false }])
})

test('of topics for which others speak nothing is asked; once we speak for one, its Outlets are looked at', async () => {
  await using it = await rig([
    { uid: 'one', topic: 'a' },
    { uid: 'other', topic: 'b' },
  ])
  it.state.others.add('a').add('b')
  expect(await it.look()).toEqual([])
  expect(it.asked.ranges).toBe(0)
  it.state.others.delete('b')
  expect(await it.look()).toEqual([{ uid: 'other', lag: 0, quiet: false }])
})

test('of a topic for which others speak we see what is to be done on our partitions, and leave the lag to them', async () => {
  await using it = await rig([{ uid: 'one', topic: 'a' }])
  it.state.others.add('a')
  it.state.worked.add('a')
  for (const partition of [0, 0, 1]) await it.append('a', partition)
  const { stands } = await it.progress.look(signal)
  expect(stands).toMatchObject([{ uid: 'one', lag: null, behind: true, quiet: false }])
  expect(it.asked.groups).toEqual([])
})

test('an Outlet whose partitions have left us is looked at until we have taken back what we said of it', async () => {
  await using it = await rig([{ uid: 'one', topic: 'a' }])
  it.state.others.add('a')
  it.state.unfinished.add('one')
  expect(await it.look()).toEqual([{ uid: 'one', lag: null, quiet: true }])
  expect(await it.look()).toHaveLength(1)
  it.state.unfinished.delete('one')
  expect(await it.look()).toEqual([])
})

test('a topic that is gone stops the others not', async () => {
  await using it = await rig([
    { uid: 'one', topic: 'a' },
    { uid: 'other', topic: 'gone' },
  ])
  await it.append('a', 0)
  expect(await it.look()).toEqual([{ uid: 'one', lag: 1, quiet: false }])
})

test('those that are behind take turns', async () => {
  await using it = await rig(Array.from({ length: 450 }, (_, i) => ({ uid: `o${i}`, topic: 'a' })))
  await it.append('a', 0)
  const seen = new Set<string>()
  for (let turn = 0; turn < 3; turn++) for (const { uid } of await it.look()) seen.add(uid)
  expect(seen.size).toBe(450)
})
