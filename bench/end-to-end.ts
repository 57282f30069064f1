import { Latencies } from './support/latency.ts'
import { runLoad } from './support/load.ts'
import type { Figure } from './support/report.ts'
import type { Scene } from './support/scene.ts'
import { startSubscriber } from './support/subscriber.ts'

const partitions = 10
const rate = 500

/** From the time that an event was due at the sender to its arrival at the subscriber, 500 events/s, open loop; ours beside the two baselines in a row. */
export async function endToEnd(scene: Scene, events: number): Promise<readonly Figure[]> {
  const topics = [await scene.topic(partitions), await scene.topic(partitions)] as const
  const raw = await flow(
    await scene.baselineIngress(topics[0], partitions),
    (url) => scene.baselineDispatcher(topics[0], url),
    events,
  )
  const outlet = (url: string) => scene.routes({ outlets: [scene.outlet(topics[1], url)] })
  const ours = await flow(
    await scene.ingress(scene.routes({ inlets: [scene.inlet(topics[1])] })),
    (url) => scene.dispatcher(outlet(url)),
    events,
  )
  const bench = `end to end at ${rate}/s`
  return [
    { bench, what: 'p50', value: ours.quantile(0.5), limit: raw.quantile(0.5), unit: 'ms' },
    {
      bench,
      what: 'p99',
      value: ours.quantile(0.99),
      limit: raw.quantile(0.99),
      unit: 'ms',
      asked: { text: '< 10 ms', holds: ours.quantile(0.99) < 10 },
    },
  ]
}

async function flow(
  ingress: Awaited<ReturnType<Scene['ingress']>>,
  dispatcher: (url: string) => ReturnType<Scene['dispatcher']>,
  events: number,
) {
  await using subscriber = await startSubscriber()
  await using _server = ingress.child
  await using _worker = dispatcher(subscriber.url)
  const warm = rate * 4
  await runLoad({ url: ingress.url, callers: 16, events: warm, rate })
  await subscriber.reached(warm)
  subscriber.latencies = new Latencies()
  await runLoad({ url: ingress.url, callers: 64, events, rate })
  await subscriber.reached(warm + events)
  return subscriber.latencies
}
