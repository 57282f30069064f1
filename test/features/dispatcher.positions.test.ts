import { expect, test } from 'vitest'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { embeddedRig, startSubscriber, type Got } from './dispatcher-rig.ts'
import type { ServerResponse } from 'node:http'

const ids = (got: readonly Got[]): number[] => got.map(({ id }) => Number(id)).sort((a, b) => a - b)

test('a new Outlet that starts at the latest has its position committed on every partition before it is said to consume', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await embeddedRig(3)
  await rig.send(5)
  const outlet = rig.outlet(subscriber.url, { start: 'latest' })
  const runner = rig.run([outlet])
  await rig.consuming(runner)
  expect(await rig.committed(outlet, 0)).toBe(5)
  expect(await rig.committed(outlet, 1)).toBe(0)
  expect(await rig.committed(outlet, 2)).toBe(0)
  expect(runner.reports.map(({ state }) => state)).toEqual(['starting', 'consuming'])
  await rig.send(1, { from: 5 })
  await eventually('the new event came', () => subscriber.got.length === 1)
  expect(ids(subscriber.got)).toEqual([5])
})

test('a restart goes on exactly where the last one ended, also when nothing was to be delivered', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await embeddedRig()
  const outlet = rig.outlet(subscriber.url, { start: 'latest' })
  const first = rig.run([outlet], {}, 'same')
  await rig.consuming(first)
  await first.close()
  await rig.send(10)
  const second = rig.run([outlet], {}, 'same')
  await eventually('what came meanwhile is delivered', () => subscriber.got.length === 10)
  await second.close()
  expect(await rig.committed(outlet)).toBe(10)
  const third = rig.run([outlet], {}, 'same')
  await rig.consuming(third)
  await rig.send(1, { from: 10 })
  await eventually('the next came', () => subscriber.got.length === 11)
  expect(ids(subscriber.got)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
})

test('a topic that is not there yet is said, and waited for', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await embeddedRig()
  const outlet = rig.outlet(subscriber.url, { topic: 'later' })
  const runner = rig.run([outlet], { retryMs: 20 })
  await eventually('it is said', () => runner.reports.at(-1)?.fault?.reason === 'TopicNotFound')
  await rig.admin.ensureTopic({ name: 'later', partitions: 2, replicationFactor: 1, config: {} })
  await rig.consuming(runner)
  expect(runner.reports.at(-1)).toMatchObject({ state: 'consuming', fault: null })
})

test.each([
  ['of an Outlet that never consumed begins there as the Outlet asks', false, [2, 13], null],
  [
    'of one that has consumed lost it: it begins at the start of the log, and says so',
    true,
    [2, 10, 11, 12, 13],
    'EventsExpired',
  ],
])(
  'a partition without a position, in a group that another program left behind, %s',
  async (_, started, expected, reason) => {
    await using subscriber = await startSubscriber()
    await using rig = await embeddedRig(2)
    await rig.send(3, { partition: 0 })
    await rig.send(3, { from: 10, partition: 1 })
    const outlet = rig.outlet(subscriber.url, { start: 'latest' })
    await rig.positions.commit(outlet.group, [
      { topic: rig.topic, partition: 0, offset: 2n, leaderEpoch: -1, metadata: 'of another program' },
    ])
    const runner = rig.run([outlet], {}, 'd', { hasStarted: () => started })
    await rig.consuming(runner)
    await rig.send(1, { from: 13, partition: 1 })
    await eventuallyPasses('the rest came', () => expect(ids(subscriber.got)).toEqual(expected))
    expect(runner.reports.at(-1)?.fault?.reason ?? null).toBe(reason)
  },
)

test('a removed Outlet is let go without a final commit: its group may be deleted and does not come back', async () => {
  const open: ServerResponse[] = []
  await using subscriber = await startSubscriber((_, response) => void open.push(response))
  await using rig = await embeddedRig()
  const outlet = rig.outlet(subscriber.url)
  const runner = rig.run([outlet])
  await rig.send(3)
  await eventually('three are in flight', () => subscriber.got.length === 3)
  runner.routes.outlets.delete(outlet.uid)
  await eventually('it is released', () => runner.reports.at(-1)?.state === 'released')
  await rig.admin.deleteGroup(outlet.group)
  await eventually('what was in flight is cut', () => subscriber.open === 0)
  await new Promise((resolve) => setTimeout(resolve, 400))
  expect(await rig.committed(outlet)).toBeUndefined()
  expect(runner.dispatcher.snapshot()).toEqual({ outlets: [], memory: 0 })
})

test('the same Outlet removed and made again at once starts anew', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await embeddedRig()
  const outlet = rig.outlet(subscriber.url)
  const runner = rig.run([outlet])
  await rig.send(3)
  await eventuallyPasses('all is committed', async () => expect(await rig.committed(outlet)).toBe(3))
  runner.routes.outlets.delete(outlet.uid)
  runner.routes.outlets.set({ ...outlet, uid: 'b' })
  await rig.consuming(runner, 'b')
  await rig.send(3, { from: 3 })
  await eventually('the next came', () => subscriber.got.length === 6)
  expect(ids(subscriber.got)).toEqual([0, 1, 2, 3, 4, 5])
})

test('a crash in the middle of an adoption: the next start goes on from the vault', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await embeddedRig()
  const outlet = rig.outlet(subscriber.url, { start: 'latest' })
  await rig.send(4)
  const saved = [{ topic: rig.topic, partition: 0, offset: '3', leaderEpoch: -1, metadata: '' }]
  await rig.vault.save(outlet.group, JSON.stringify(saved))
  rig.run([outlet])
  await eventuallyPasses('the end is committed', async () => expect(await rig.committed(outlet)).toBe(4))
  expect(ids(subscriber.got)).toEqual([3])
  expect(rig.vault.saved.size).toBe(0)
})
