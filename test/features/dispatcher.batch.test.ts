import { expect, test } from 'vitest'
import type { Batch, LogReader } from '../../src/kafka/log.ts'
import { eventuallyPasses } from '../support/eventually.ts'
import { embeddedRig, startSubscriber } from './dispatcher-rig.ts'

test('a batch that could not be taken to its end comes again: nobody gets twice what he had, and all get the rest', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await embeddedRig()
  const plain = rig.log.reader()
  let broken = false
  const reader: LogReader = {
    read: (...asked) => plain.read(...asked),
    range: (...asked) => plain.range(...asked),
    offsetsAt: (...asked) => plain.offsetsAt(...asked),
    epochEnds: (asked) => plain.epochEnds(asked),
    close: () => plain.close(),
    tail: (handler) =>
      plain.tail({
        batch: (batch) => handler.batch(broken ? batch : breaking(batch, 5n, () => (broken = true))),
        moved: (...moved) => handler.moved(...moved),
        state: (...state) => handler.state(...state),
      }),
  }
  const outlets = ['a', 'b'].map((uid) => rig.outlet(subscriber.url, { uid }))
  const runner = rig.run(outlets, {}, 'one', { reader })
  for (const { uid } of outlets) await rig.consuming(runner, uid)
  await eventuallyPasses('both ride the head', () =>
    expect(runner.dispatcher.snapshot().outlets.map(({ partitions }) => partitions.length)).toEqual([1, 1]),
  )
  await rig.send(10)
  for (const outlet of outlets)
    await eventuallyPasses('all is committed', async () => expect(await rig.committed(outlet)).toBe(10))
  expect(broken).toBe(true)
  for (const { uid } of outlets) {
    const ids = subscriber.got.filter(({ path }) => path === `/${uid}`).map(({ id }) => Number(id))
    expect(ids.sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  }
  expect(runner.reports.some(({ fault }) => fault?.message.includes('unreadable') === true)).toBe(true)
  expect(runner.reports.findLast(({ uid }) => uid === 'a')?.fault).toBe(null)
})

/** Looking at the record of this offset throws. */
function breaking(batch: Batch, offset: bigint, told: () => void): Batch {
  const records = batch.records.map((record) =>
    record.offset !== offset
      ? record
      : {
          ...record,
          get headers(): never {
            told()
            throw new Error('unreadable')
          },
        },
  )
  return { ...batch, records }
}
