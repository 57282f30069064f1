import { expect, test } from 'vitest'
import type { Batch, LogReader, Position } from '../../src/kafka/log.ts'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { answer, embeddedRig, startSubscriber, type Got, type Rig } from './dispatcher-rig.ts'

/** What is below was written under epoch 4, the rest under epoch 5; nothing was ever cut. */
const CHANGE = 5n
const stamped = (batch: Batch): Batch => ({ ...batch, leaderEpoch: batch.next > CHANGE ? 5 : 4 })

/** @param reads whether a read from this offset is ever answered. */
function withEpochs(inner: LogReader, reads: (from: bigint) => boolean): LogReader {
  return {
    tail: (handler) =>
      inner.tail({
        batch: (batch) => handler.batch(stamped(batch)),
        moved: (at, moved) => handler.moved(at, moved),
        state: (at, fault) => handler.state(at, fault),
      }),
    read: async (at, from, maxBytes) => {
      if (!reads(from)) await new Promise(() => {})
      const read = await inner.read(at, from, maxBytes)
      return 'kind' in read ? read : stamped(read)
    },
    range: (at) => inner.range(at),
    offsetsAt: (at, timestampMs) => inner.offsetsAt(at, timestampMs),
    epochEnds: async (asked) => asked.map((one) => ({ ...one, end: one.leaderEpoch < 5 ? CHANGE : 1000n })),
    close: () => inner.close(),
  }
}

async function committed(rig: Rig, group: string): Promise<Position | undefined> {
  const at = { topic: rig.topic, partition: 0 }
  return (await rig.positions.fetch(new Map([[group, [at]]]))).get(group)?.[0]
}

test('a position says of no later record that it was written under an earlier epoch: nobody takes the log for one that was cut', async () => {
  const hung = new Set(['0', '7'])
  await using subscriber = await startSubscriber((got, response) => {
    if (got.path === '/a' && hung.has(got.id)) return
    answer(200)(got, response)
  })
  await using rig = await embeddedRig()
  const [slow, fast] = [rig.outlet(subscriber.url, { uid: 'a' }), rig.outlet(subscriber.url, { uid: 'b' })]
  const { group } = slow
  const first = rig.run([slow, fast], {}, 'd', { reader: withEpochs(rig.log.reader(), () => true) })
  for (const { uid } of [slow, fast]) await rig.consuming(first, uid)
  await rig.send(10)
  await eventually('all but two are done', () => subscriber.got.length === 20)
  await first.close(200)
  expect(await committed(rig, group)).toMatchObject({ offset: 0n, leaderEpoch: 5 })

  // it has looked at nothing but the first record, and knows of others that they are done
  hung.delete('0')
  const reader = withEpochs(rig.log.reader(), (from) => from < 7n)
  const second = rig.run([slow, fast], { window: 1, catchUpBytes: 1 }, 'd', { reader })
  await eventuallyPasses('the first is done', async () =>
    expect(await committed(rig, group)).toMatchObject({ offset: 7n, leaderEpoch: 5 }),
  )
  await second.close(200)

  hung.delete('7')
  const third = rig.run([slow, fast], {}, 'd', { reader: withEpochs(rig.log.reader(), () => true) })
  await eventuallyPasses('all is done', async () => expect(await rig.committed(slow)).toBe(10))
  const times = (id: string): number => subscriber.got.filter((got: Got) => got.path === '/a' && got.id === id).length
  expect(Array.from({ length: 10 }, (_, id) => times(String(id)))).toEqual([2, 1, 1, 1, 1, 1, 1, 2, 1, 1])
  expect(third.reports.map(({ fault }) => fault)).toEqual(third.reports.map(() => null))
})
