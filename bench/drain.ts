import { join } from 'node:path'
import { systemClock as clock } from '../src/core/clock.ts'
import { openKafkaLog } from '../src/kafka/kafka-log.ts'
import { createLogger } from '../src/telemetry/logger.ts'
import { startChild, type Child } from '../test/support/child.ts'
import { dataBytes } from './support/event.ts'
import type { Figure } from './support/report.ts'
import type { Scene } from './support/scene.ts'
import { startSubscriber } from './support/subscriber.ts'

const partitions = 10
/** Deliveries under way: as many as an unordered Outlet has. In order it is one of each partition. */
const unorderedWindow = 100
const lookMs = 50
const conversion = {
  type: 'dev.knative.kafka.event',
  source: '/bench#in',
  keyType: 'string',
  tombstones: 'deliver',
} as const

interface Drained {
  readonly rate: number
  readonly cpuSeconds: number
  readonly peak: number
}

/**
 * A backlog of records that are no CloudEvents, as a KafkaSource finds it: 1 KB, a key and two headers each. In order and unordered, beside
 * raw fetch + undici dispatch with as many requests under way, which makes nothing of a record.
 */
export async function drain(scene: Scene, records: number): Promise<readonly Figure[]> {
  const topic = await scene.topic(partitions)
  await fill(scene, topic, records)
  const raw = (window: number) => drained((url) => baseline(scene, topic, url, window), records)
  const ours = (order: 'ordered' | 'unordered') =>
    drained((url) => {
      const { parking: _, ...outlet } = scene.outlet(topic, url, { order, conversion })
      return scene.dispatcher(scene.routes({ outlets: [outlet] }))
    }, records)
  const unordered = figures('unordered', await ours('unordered'), await raw(unorderedWindow))
  return [...unordered, ...figures('ordered', await ours('ordered'), await raw(partitions))]
}

function figures(order: string, ours: Drained, raw: Drained): readonly Figure[] {
  const bench = 'drain'
  return [
    { bench, what: `rate, ${order}`, value: ours.rate, limit: raw.rate, unit: 'records/s' },
    { bench, what: `CPU a million, ${order}`, value: ours.cpuSeconds, limit: raw.cpuSeconds, unit: 's' },
    { bench, what: `peak memory, ${order}`, value: ours.peak, limit: raw.peak, unit: 'MiB' },
  ]
}

function baseline(scene: Scene, topic: string, url: string, window: number): Child {
  return startChild(join(import.meta.dirname, 'baseline', 'deliver.ts'), [scene.kafka, topic, url, String(window)])
}

/** From the first fifth to the last record; memory from the start of the process. */
async function drained(start: (url: string) => Child, records: number): Promise<Drained> {
  await using subscriber = await startSubscriber()
  await using child = start(subscriber.url)
  let peak = 0
  const looking = setInterval(() => (peak = Math.max(peak, child.rssMib())), lookMs)
  const warm = Math.floor(records / 5)
  const read = () => ({ cpu: child.cpuMs(), at: performance.now() })
  let [from, to] = [read(), read()]
  await subscriber.reached(warm, () => (from = read()))
  await subscriber.reached(records, () => (to = read()))
  clearInterval(looking)
  const count = records - warm
  return { rate: (count / (to.at - from.at)) * 1000, cpuSeconds: ((to.cpu - from.cpu) / count) * 1000, peak }
}

async function fill(scene: Scene, topic: string, records: number): Promise<void> {
  const log = openKafkaLog({ bootstrapServers: scene.kafka, clientId: 'bench', clock, logger: createLogger('error') })
  const appender = log.appender()
  const value = Buffer.alloc(dataBytes, 'x')
  const headers = [
    ['content-type', Buffer.from('text/plain')],
    ['trace-id', Buffer.from('0af7651916cd43dd8448eb211c80319c')],
  ] as const
  const atOnce = 2_000
  for (let sent = 0; sent < records; sent += atOnce) {
    const batch = Array.from({ length: Math.min(atOnce, records - sent) }, (_, i) => {
      const key = Buffer.from(`order-${sent + i}`)
      return appender.append({ topic, partition: (sent + i) % partitions, key, value, headers })
    })
    await Promise.all(batch)
  }
  await appender.close(10_000)
  await log.close()
}
