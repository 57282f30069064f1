import { expect, test } from 'vitest'
import type { Positions } from '../../src/kafka/log.ts'
import { eventually } from '../support/eventually.ts'
import { embeddedRig, Hand, startSubscriber, type Rig } from './dispatcher-rig.ts'

async function closing(run: ReturnType<Rig['run']>, deadlineMs: number): Promise<number> {
  const began = performance.now()
  await run.dispatcher.close({ deadlineMs, forGood: true })
  return performance.now() - began
}

test('a start that is tried again at growing distances does not hold up the end', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await embeddedRig(2)
  const outlet = rig.outlet(subscriber.url)
  // someone is at it: only the owner of partition 0 may go on
  await rig.vault.save(outlet.group, '[]')
  let asked = 0
  const runner = rig.run([outlet], { retryMs: 600_000 }, 'by-hand', {
    membership: (handler) => {
      const hand = new Hand(handler, rig)
      hand.share = () => {
        if (hand.owned.size === 0) hand.give(1)
      }
      return hand
    },
    vault: {
      save: (...all) => rig.vault.save(...all),
      remove: (group) => rig.vault.remove(group),
      load: async (group) => {
        asked++
        await new Promise((resolve) => setTimeout(resolve, 200))
        return rig.vault.load(group)
      },
    },
  })
  await eventually('it was looked', () => asked === 1)
  // in the middle of the look
  expect(await closing(runner, 60_000)).toBeLessThan(30_000)
})

test('the end comes by the deadline also while the log does not answer', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await embeddedRig()
  const positions = rig.log.positions()
  const answered = Promise.withResolvers<void>()
  let away = false
  const silent: Positions = {
    close: () => positions.close(),
    all: (group) => positions.all(group),
    fetch: (asked) => (away ? answered.promise.then(() => Promise.reject(new Error('away'))) : positions.fetch(asked)),
    commit: (...all) =>
      away ? answered.promise.then(() => Promise.reject(new Error('away'))) : positions.commit(...all),
  }
  const outlet = rig.outlet(subscriber.url)
  const runner = rig.run([outlet], { commitIntervalMs: 50 }, 'alone', { positions: silent })
  await rig.consuming(runner)
  away = true
  await rig.send(5)
  await eventually('they are delivered', () => subscriber.got.length === 5)
  runner.routes.outlets.set(rig.outlet(subscriber.url, { uid: 'b' }))
  await new Promise((resolve) => setTimeout(resolve, 100))
  runner.routes.outlets.delete('a')
  const took = await closing(runner, 1_000)
  answered.resolve()
  expect(took).toBeLessThan(10_000)
})
