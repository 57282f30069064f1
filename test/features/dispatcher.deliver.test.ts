import { expect, test } from 'vitest'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { embeddedRig, startSubscriber } from './dispatcher-rig.ts'

test('an event is delivered, as a binary CloudEvent with its place in the log, and its position is committed', async () => {
  await using subscriber = await startSubscriber()
  await using rig = await embeddedRig()
  const outlet = rig.outlet(subscriber.url)
  await rig.send(3, { data: '{"n":1.0}', extra: { datacontenttype: 'application/json', region: 'é b' } })
  const runner = rig.run([outlet])
  await eventually('three events came', () => subscriber.got.length === 3)
  const [got] = subscriber.got
  expect(got?.body.toString()).toBe('{"n":1.0}')
  expect(got?.headers).toMatchObject({
    'prefer': 'reply',
    'kn-namespace': 'shop',
    'content-type': 'application/json',
    'ce-id': '0',
    'ce-region': '%C3%A9%20b',
    'ce-knativekafkapartition': '0',
    'ce-knativekafkaoffset': '0',
  })
  await eventuallyPasses('the position is committed', async () => expect(await rig.committed(outlet)).toBe(3))
  expect(runner.reports.at(-1)).toEqual({ uid: 'a', generation: 1, state: 'consuming', fault: null })
  expect(runner.dispatcher.snapshot().outlets[0]).toMatchObject({ delivered: 3, parked: 0, partitions: [{ position: 3, end: 3 }] })
})
