import { expect, it } from 'vitest'
import { Fault } from '../../../src/core/fault.ts'
import type { StoredObject } from '../../../src/kube/client.ts'
import { eventRecorder } from '../../../src/kube/events.ts'
import { kinds } from '../../../src/kube/kinds.ts'
import { eventually, eventuallyPasses } from '../../support/eventually.ts'
import { clock, logger, openBench, type Bench, type LoopUnderTest } from './subject.ts'

const recorderOf = ({ client, signal }: Bench) =>
  eventRecorder({ client, component: 'millrace-test', clock, logger, signal })

/** What the recorder of Events promises. */
export function recording(subject: () => LoopUnderTest): void {
  const eventsOf = async ({ admin, namespace, signal }: Bench, { metadata }: StoredObject): Promise<StoredObject[]> => {
    const { items } = await admin.list(kinds.event, { namespace }, signal)
    return items.filter((event) => (event['involvedObject'] as { uid: string }).uid === metadata.uid)
  }

  it('tells what happened to an object, as kubectl describe shows it', async () => {
    await using bench = await openBench(subject())
    const object = await bench.make('a'.repeat(253))
    recorderOf(bench).event(object, 'Warning', 'TopicGone', 'x'.repeat(2_000))
    const [event] = await eventually('it is there', async () => {
      const events = await eventsOf(bench, object)
      return events.length > 0 && events
    })
    expect(event).toMatchObject({
      involvedObject: {
        kind: 'Gadget',
        apiVersion: 'loop.test.millrace.dev/v1',
        name: object.metadata.name,
        namespace: bench.namespace,
      },
      type: 'Warning',
      reason: 'TopicGone',
      count: 1,
      source: { component: 'millrace-test' },
    })
    expect(event?.['message']).toHaveLength(1_024)
  })

  it('counts what happens again, and begins anew when the API server has forgotten', async () => {
    await using bench = await openBench(subject())
    const object = await bench.make('a')
    const recorder = recorderOf(bench)
    recorder.event(object, 'Normal', 'Ready', 'it is ready')
    await eventually('it is there', async () => (await eventsOf(bench, object)).length === 1)
    recorder.event(object, 'Normal', 'Ready', 'it is ready')
    await eventuallyPasses('it is counted', async () => {
      const events = await eventsOf(bench, object)
      expect(events.map(({ count }) => count)).toEqual([2])
    })
    for (const { metadata } of await eventsOf(bench, object)) {
      await bench.admin.delete(kinds.event, { namespace: bench.namespace, name: metadata.name }, bench.signal)
    }
    recorder.event(object, 'Normal', 'Ready', 'it is ready')
    await eventuallyPasses('it is told anew', async () => {
      const events = await eventsOf(bench, object)
      expect(events.map(({ count }) => count)).toEqual([3])
    })
  })

  it('writes no more than its rate, of one object and of all', async () => {
    await using bench = await openBench(subject())
    let now = 0
    const still = { now: () => Date.now(), monotonic: () => now }
    const recorder = eventRecorder({
      client: bench.client,
      component: 'test',
      clock: still,
      logger,
      signal: bench.signal,
    })
    const one = await bench.make('one')
    for (let i = 0; i < 50; i += 1) recorder.event(one, 'Normal', 'Turn', `turn ${i}`)
    await eventually('some are there', () => bench.client.writes === 3)
    now += 1_000
    for (let i = 0; i < 50; i += 1) recorder.event(one, 'Normal', 'Turn', `turn ${i}`)
    await eventually('one more', () => bench.client.writes === 4)
    now += 60_000
    for (let i = 0; i < 100; i += 1) {
      recorder.event({ ...one, metadata: { ...one.metadata, uid: `u${i}` } }, 'Normal', 'Turn', 'turn')
    }
    await eventually('a burst', () => bench.client.writes === 29)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(bench.client.writes).toBe(29)
  })

  it('takes no more of what is offered again than leaves room for what is told once', async () => {
    await using bench = await openBench(subject())
    const still = { now: () => Date.now(), monotonic: () => 0 }
    const recorder = eventRecorder({ ...bench, component: 'test', clock: still, logger })
    const one = await bench.make('one')
    const some = (i: number): StoredObject => ({ ...one, metadata: { ...one.metadata, uid: `u${i}` } })
    const taken = Array.from({ length: 100 }, (_, i) => recorder.offer(some(i), 'Warning', 'Parked', 'parked'))
    expect(taken.filter((each) => each)).toHaveLength(15)
    for (let i = 100; i < 110; i += 1) recorder.event(some(i), 'Warning', 'TopicGone', 'gone')
    await eventually('all that was taken, and what is told once', () => bench.client.writes === 25)
  })

  it('harms nobody when Events are refused, and goes on with the next', async () => {
    await using bench = await openBench(subject())
    const object = await bench.make('a')
    const recorder = recorderOf(bench)
    let refused = 0
    bench.client.breakWith(({ verb }) =>
      verb === 'create' && refused++ === 0 ? new Fault('ApiForbidden', 'the namespace is being deleted') : undefined,
    )
    recorder.event(object, 'Normal', 'First', 'first')
    recorder.event(object, 'Normal', 'Second', 'second')
    await eventuallyPasses('the second is there', async () => {
      const events = await eventsOf(bench, object)
      expect(events.map(({ reason }) => reason)).toEqual(['Second'])
    })
  })
}
