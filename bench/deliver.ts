import type { Child } from '../test/support/child.ts'
import type { Figure } from './support/report.ts'
import type { Scene } from './support/scene.ts'
import { startSubscriber } from './support/subscriber.ts'

const partitions = 10
/** Raw fetch 12 + undici dispatch 50, on a machine of two cores that has nothing else to do. */
const referenceMicros = 62
const slowest = 1.15
/** Of each partition, where events have keys. */
const keys = 1000

/** CPU a delivered event of 1 KB to one subscriber, from a backlog: our dispatcher with one Outlet beside raw fetch + undici dispatch. */
export async function deliver(scene: Scene, events: number): Promise<readonly Figure[]> {
  const topic = await scene.topic(partitions)
  await scene.fill(topic, partitions, events)
  const raw = await drained((url) => scene.baselineDispatcher(topic, url), events)
  const ours = await drained((url) => scene.dispatcher(scene.routes({ outlets: [scene.outlet(topic, url)] })), events)
  const keyed = await scene.topic(partitions)
  await scene.fill(keyed, partitions, events, {}, keys)
  const ordered = (order: 'unordered' | 'key') =>
    drained((url) => scene.dispatcher(scene.routes({ outlets: [scene.outlet(keyed, url, { order })] })), events)
  const [unordered, byKey] = [await ordered('unordered'), await ordered('key')]
  const bench = 'deliver'
  return [
    {
      bench,
      what: 'CPU a delivery',
      value: ours.micros,
      limit: raw.micros,
      unit: 'µs',
      asked: { text: '≥ 70 % of the raw deliveries per CPU second', holds: raw.micros / ours.micros >= 0.7 },
      void: raw.micros > referenceMicros * slowest,
    },
    { bench, what: 'deliveries per CPU second, of raw', value: (raw.micros / ours.micros) * 100, unit: '%' },
    {
      bench,
      what: `CPU a delivery in order of key, ${keys} keys a partition, beside unordered`,
      value: byKey.micros,
      limit: unordered.micros,
      unit: 'µs',
      asked: { text: '≤ 1.15 ×', holds: byKey.micros <= unordered.micros * 1.15 },
      void: raw.micros > referenceMicros * slowest,
    },
    { bench, what: 'rate in order of key', value: byKey.rate, limit: unordered.rate, unit: 'ev/s' },
    { bench, what: 'rate', value: ours.rate, limit: raw.rate, unit: 'ev/s' },
    { bench, what: 'memory after', value: ours.rss, limit: raw.rss, unit: 'MiB' },
  ]
}

/** Measures from the first fifth to the last event, so that the start of the process is not counted. */
export async function drained(start: (url: string) => Child, events: number) {
  await using subscriber = await startSubscriber()
  await using dispatcher = start(subscriber.url)
  const reading = { cpu: 0, at: 0 }
  const warm = Math.floor(events / 5)
  const read = () => Object.assign(reading, { cpu: dispatcher.cpuMs(), at: performance.now() })
  await subscriber.reached(warm, read)
  const { cpu, at } = { ...reading }
  await subscriber.reached(events, read)
  const delivered = events - warm
  const rss = dispatcher.rssMib()
  return { micros: ((reading.cpu - cpu) * 1000) / delivered, rate: (delivered / (reading.at - at)) * 1000, rss }
}
