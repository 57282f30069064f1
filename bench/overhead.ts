import type { Child } from '../test/support/child.ts'
import { drained } from './deliver.ts'
import { measured } from './ingress.ts'
import type { Figure } from './support/report.ts'
import { startSubscriber } from './support/subscriber.ts'
import type { Scene } from './support/scene.ts'

const partitions = 10
const callers = 64
/** Prometheus comes every 30 s; this is far more often. */
const scrapeMs = 1_000
const metrics = ['--metrics-port', '0'] as const
/** Each figure is taken so often: their mean counts. */
const rounds = 3
const outlets = 10_000
const most = 1.1

/** What is on: metrics are scraped each second; lineage is written to disk, and asked by nobody. */
type Variant = 'off' | 'metrics' | 'metrics and lineage'
const variants: readonly Variant[] = ['off', 'metrics', 'metrics and lineage']

/**
 * What it costs to be looked at: CPU an event of ingress and dispatcher with metrics on, and with lineage too, beside the same with both off; and one
 * page of a dispatcher with 10,000 Outlets.
 */
export async function overhead(scene: Scene, events: number): Promise<readonly Figure[]> {
  const bench = 'metrics'
  const topic = await scene.topic(partitions)
  await scene.fill(topic, partitions, events)
  const figures: Figure[] = []
  const pairs = [
    ['ingress: CPU an event', (flags: readonly string[]) => ingressMicros(scene, events, flags)],
    ['dispatcher: CPU a delivery', (flags: readonly string[]) => dispatcherMicros(scene, topic, events, flags)],
  ] as const
  for (const [what, take] of pairs) {
    const { off: limit, ...on } = await sideBySide(scene, take)
    for (const [variant, value] of Object.entries(on)) {
      const asked = { text: '≤ 1.1 × without', holds: value <= limit * most }
      figures.push({ bench, what: `${what}, ${variant} on beside off`, value, limit, unit: 'µs', asked })
    }
  }
  return [...figures, ...(await bigPage(scene))]
}

/** The variants run side by side, not one after the other: what the machine does meanwhile hits all of them alike. */
async function sideBySide(
  scene: Scene,
  take: (flags: readonly string[]) => Promise<number>,
): Promise<Record<Variant, number>> {
  const sums = { off: 0, metrics: 0, 'metrics and lineage': 0 }
  for (let round = 0; round < rounds; round++) {
    const taken = await Promise.all(variants.map((variant) => take(flagsOf(variant, scene))))
    for (const [index, variant] of variants.entries()) sums[variant] += (taken[index] ?? Infinity) / rounds
  }
  return sums
}

/** The journal begins anew with each process. */
function flagsOf(variant: Variant, scene: Scene): readonly string[] {
  if (variant === 'off') return []
  return variant === 'metrics' ? metrics : [...metrics, '--lineage', scene.folder()]
}

async function ingressMicros(scene: Scene, events: number, flags: readonly string[]): Promise<number> {
  const inlets = [scene.inlet(await scene.topic(partitions))]
  const server = await scene.ingress(scene.routes({ inlets }), scene.kafka, flags)
  using _ = scraping(server.child, flags)
  return (await measured(server, events, callers)).micros
}

async function dispatcherMicros(
  scene: Scene,
  topic: string,
  events: number,
  flags: readonly string[],
): Promise<number> {
  const started = (url: string): Child => scene.dispatcher(scene.routes({ outlets: [scene.outlet(topic, url)] }), flags)
  let scraper: Disposable | undefined
  const { micros } = await drained((url) => {
    const child = started(url)
    scraper = scraping(child, flags)
    return child
  }, events)
  scraper?.[Symbol.dispose]()
  return micros
}

/** Asks for the page again and again, as Prometheus does. */
function scraping(child: Child, flags: readonly string[]): Disposable {
  if (flags.length === 0) return { [Symbol.dispose]: () => undefined }
  const url = pageOf(child)
  const scrape = (): void =>
    void url
      .then((page) => fetch(page))
      .then((answer) => answer.text())
      .catch(() => undefined) // it ends before we do
  const timer = setInterval(scrape, scrapeMs)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

async function pageOf(child: Child): Promise<string> {
  return (await child.line('metrics ')).slice('metrics '.length)
}

const consuming = /^millrace_outlets\{state="consuming"\} (\d+)$/m
const latest = /^nodejs_eventloop_lag_max_seconds (\S+)$/m

/** The page of a dispatcher at rest with many Outlets on 10 topics of 10 partitions. */
async function bigPage(scene: Scene): Promise<readonly Figure[]> {
  const bench = 'metrics'
  await using subscriber = await startSubscriber()
  const topics = await Promise.all(Array.from({ length: 10 }, () => scene.topic(partitions)))
  const list = Array.from({ length: outlets }, (_, i) =>
    scene.outlet(topics[i % topics.length] ?? '', subscriber.url, { start: 'latest' }),
  )
  await using child = scene.dispatcher(scene.routes({ outlets: list }), metrics)
  const url = await pageOf(child)
  const take = async () => {
    const [cpu, at] = [child.cpuMs(), performance.now()]
    const text = await (await fetch(url)).text()
    return { text, ms: performance.now() - at, cpu: child.cpuMs() - cpu }
  }
  const until = performance.now() + 180_000
  for (let there = 0; there < outlets && performance.now() < until;) {
    there = Number(consuming.exec((await take()).text)?.[1] ?? 0)
    await new Promise((resolve) => setTimeout(resolve, 1_000))
  }
  const before = child.rssMib()
  const pages = []
  for (let round = 0; round < 10; round++) pages.push(await take())
  const ms = Math.min(...pages.map((page) => page.ms))
  const delays = pages.slice(1).map(({ text }) => Number(latest.exec(text)?.[1] ?? Infinity) * 1000)
  const delay = Math.min(...delays)
  const [{ text } = { text: '' }] = pages
  const of = `page of ${outlets} Outlets`
  return [
    { bench, what: `${of}: time`, value: ms, unit: 'ms', asked: { text: '< 200 ms', holds: ms < 200 } },
    {
      bench,
      what: `${of}: longest delay of the event loop`,
      value: delay,
      unit: 'ms',
      asked: { text: '< 50 ms', holds: delay < 50 },
    },
    { bench, what: `${of}: CPU`, value: pages.reduce((sum, { cpu }) => sum + cpu, 0) / pages.length, unit: 'ms' },
    { bench, what: `${of}: size`, value: Buffer.byteLength(text) / 2 ** 20, unit: 'MiB' },
    { bench, what: 'memory after ten of them, beside before', value: child.rssMib(), limit: before, unit: 'MiB' },
  ]
}
