import { join } from 'node:path'
import { startChild, type Child } from '../test/support/child.ts'
import { startKafka } from '../test/support/kafka-process.ts'
import { measured } from './ingress.ts'
import type { Figure } from './support/report.ts'
import { roundTrip } from './support/round-trip.ts'
import { Scene } from './support/scene.ts'

const partitions = 10
const replicas = 3
const callers = 1_000
/** Each way, so that a round trip to a broker takes 5 ms more. Brokers among themselves are not delayed. */
const delayMs = 2.5

/** As `ingress`, but to three brokers that are 5 ms away, two of which must have the event, and with 1,000 callers, each waiting for its answer. */
export async function delayed(events: number): Promise<readonly Figure[]> {
  await using kafka = await startKafka({ brokers: 3, delayedListener: true, heapMib: 256 })
  const far = kafka.settings['KAFKA_DELAYED'] ?? ''
  const near = kafka.settings['KAFKA_DELAYED_TARGET'] ?? ''
  await using _wires = await delay(far, near)
  // Near first: a broker is slow to answer the first questions of its life.
  const trips = { near: await roundTrip(first(near)), far: await roundTrip(first(far)) }
  const scene = new Scene(kafka.bootstrap)
  const topics = [await scene.topic(partitions, replicas), await scene.topic(partitions, replicas)] as const
  const inlets = [scene.inlet(topics[1])]
  const raw = await measured(await scene.baselineIngress(topics[0], partitions, far), events, callers)
  const ours = await measured(await scene.ingress(scene.routes({ inlets }), far), events, callers)
  const bench = 'delayed'
  const share = raw.micros / ours.micros
  return [
    { bench, what: 'round trip to a broker, of an undelayed one', value: trips.far, limit: trips.near, unit: 'ms' },
    {
      bench,
      what: 'CPU an event',
      value: ours.micros,
      limit: raw.micros,
      unit: 'µs',
      asked: { text: '≥ 70 % of the raw events per CPU second', holds: share >= 0.7 },
    },
    { bench, what: 'events per CPU second, of raw', value: share * 100, unit: '%' },
    { bench, what: 'rate', value: ours.rate, limit: raw.rate, unit: 'ev/s' },
    { bench, what: 'p50', value: ours.p50, limit: raw.p50, unit: 'ms' },
    { bench, what: 'p99', value: ours.p99, limit: raw.p99, unit: 'ms' },
    { bench, what: 'memory after', value: ours.rss, limit: raw.rss, unit: 'MiB' },
  ]
}

/** Opens the wires: whoever connects to an address of `far` reaches the one of `near` in the same place, later. */
async function delay(far: string, near: string): Promise<Child> {
  const targets = near.split(',')
  const wires = far.split(',').map((address, i) => `${address.split(':')[1] ?? ''}=${targets[i] ?? ''}`)
  const file = join(import.meta.dirname, 'support', 'delay-proxy.ts')
  const child = startChild(file, [String(delayMs), ...wires])
  await child.line('delaying')
  return child
}

function first(addresses: string): string {
  return addresses.split(',')[0] ?? ''
}
