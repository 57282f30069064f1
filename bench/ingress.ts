import { runLoad } from './support/load.ts'
import type { Child } from '../test/support/child.ts'
import type { Figure } from './support/report.ts'
import type { Scene } from './support/scene.ts'

const partitions = 10
const callers = 64
/** Bare node:http 28 + micro-batched append 27, on a machine of two cores that has nothing else to do. */
const referenceMicros = 55
const slowest = 1.15

/** CPU an accepted event of 1 KB, 64 callers, one broker: our ingress beside bare node:http with the Kafka client's producer. */
export async function ingress(scene: Scene, events: number): Promise<readonly Figure[]> {
  const topics = [await scene.topic(partitions), await scene.topic(partitions)] as const
  const raw = await measured(await scene.baselineIngress(topics[0], partitions), events, callers)
  const inlets = [scene.inlet(topics[1])]
  const ours = await measured(await scene.ingress(scene.routes({ inlets })), events, callers)
  const bench = 'ingress'
  return [
    {
      bench,
      what: 'CPU an event',
      value: ours.micros,
      limit: raw.micros,
      unit: 'µs',
      asked: { text: '≥ 70 % of the raw events per CPU second', holds: raw.micros / ours.micros >= 0.7 },
      void: raw.micros > referenceMicros * slowest,
    },
    { bench, what: 'events per CPU second, of raw', value: (raw.micros / ours.micros) * 100, unit: '%' },
    { bench, what: 'rate', value: ours.rate, limit: raw.rate, unit: 'ev/s' },
    { bench, what: 'p50', value: ours.p50, limit: raw.p50, unit: 'ms' },
    { bench, what: 'p99', value: ours.p99, limit: raw.p99, unit: 'ms' },
    { bench, what: 'memory after', value: ours.rss, limit: raw.rss, unit: 'MiB' },
  ]
}

/** Drives one server, after a warm-up of a fifth of the events. Each caller sends its next event when the last is answered. */
export async function measured({ child, url }: { child: Child; url: string }, events: number, callers: number) {
  await using server = child
  await runLoad({ url, callers, events: events / 5 })
  const before = server.cpuMs()
  const { accepted, refused, seconds, latencies } = await runLoad({ url, callers, events })
  const micros = ((server.cpuMs() - before) * 1000) / accepted
  if (refused > 0) throw new Error(`${refused} of ${events} events were refused: the figure would be of something else`)
  return {
    micros,
    rate: accepted / seconds,
    p50: latencies.quantile(0.5),
    p99: latencies.quantile(0.99),
    rss: server.rssMib(),
  }
}
