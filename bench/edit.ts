import { setTimeout as wait } from 'node:timers/promises'
import { Latencies } from './support/latency.ts'
import { monotonicMs } from './support/event.ts'
import { runLoad } from './support/load.ts'
import type { Figure } from './support/report.ts'
import type { Scene } from './support/scene.ts'
import { startSubscriber } from './support/subscriber.ts'

const partitions = 10
const rate = 500
const everyMs = 100

/**
 * One Trigger is edited under load, its filter and its address. For each edit: the longest pause of another Trigger's deliveries in the
 * 100 ms after it, beside the same without edits.
 */
export async function edit(scene: Scene, events: number): Promise<readonly Figure[]> {
  const edits = Math.floor(((events / rate) * 1000) / everyMs / 2)
  const topic = await scene.topic(partitions)
  await using steady = await startSubscriber()
  await using edited = await startSubscriber()
  const others = [scene.outlet(topic, steady.url)]
  const subject = scene.outlet(topic, edited.url, { filter: { attributes: { tenant: 'acme' } } })
  const routes = scene.routes({ inlets: [scene.inlet(topic)], outlets: [...others, subject] })
  const server = await scene.ingress(routes)
  await using _ingress = server.child
  await using _dispatcher = scene.dispatcher(routes)
  const seconds = (edits * everyMs) / 1000
  const load = (more: number) => runLoad({ url: server.url, callers: 64, rate, events: rate * more })
  await load(3)
  await steady.reached(rate * 3)

  const still = await pauses(() => {})
  const moved = await pauses((n) => {
    const filter = { attributes: n % 2 === 0 ? { tenant: 'acme' } : { tenant: 'acme', subject: 'orders/4711' } }
    const subscriber = { url: `${edited.url}edit-${n}` }
    const now = { ...subject, generation: subject.generation + 1 + n, filter, subscriber }
    scene.replaceRoutes(routes, { inlets: [scene.inlet(topic)], outlets: [...others, now] })
  })
  return [
    {
      bench: 'edit',
      what: `longest pause of another Trigger, p99 of ${edits} edits`,
      value: moved.quantile(0.99),
      limit: still.quantile(0.99),
      unit: 'ms',
      asked: { text: '< 50 ms', holds: moved.quantile(0.99) < 50 },
    },
  ]

  async function pauses(change: (n: number) => void): Promise<Latencies> {
    const sent = load(seconds + 1)
    const longest = new Latencies()
    for (let n = 0; n < edits; n++) {
      change(n)
      const from = monotonicMs()
      await wait(everyMs)
      const gaps = steady.arrivals.filter((at) => at >= from).concat(monotonicMs())
      longest.add(Math.max(...gaps.map((at, i) => at - (gaps[i - 1] ?? from))))
      steady.arrivals.length = 0
    }
    await sent
    return longest
  }
}
