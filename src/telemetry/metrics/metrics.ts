import { setImmediate as turn } from 'node:timers/promises'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { SharedAnswer } from '../../core/shared-answer.ts'
import { labelText, type Family } from './family.ts'
import { Samples, type Format, type MetricSource } from './samples.ts'

/** Of one series: a value for each label of its family. */
export type Labels = Readonly<Record<string, string>>

/** How long a page may be made without letting others run, milliseconds. */
const sliceMs = 8

/**
 * The metrics of a process.
 *
 *     few series (of the process, Kafka, the API server)   prom-client ──► JSON ─┐
 *     many series (of each Broker, Trigger, source)         MetricSource ─────────┴─► Samples, in slices ─► page
 *
 * prom-client writes a page in one go: with ten thousand Triggers that would hold up every delivery for most of a second. So what grows with the
 * number of objects is kept by who works for them, and is asked for in slices.
 */
export class Metrics {
  readonly #registry = new Registry()
  readonly #families = new Map<string, Family>()
  readonly #sources: MetricSource[] = []
  readonly #answers: Readonly<Record<Format, SharedAnswer<Buffer[]>>>

  constructor() {
    const answer = (format: Format) => new SharedAnswer(() => this.#page(format))
    this.#answers = { text: answer('text'), openmetrics: answer('openmetrics') }
  }

  /** All that may be on the page. */
  get families(): readonly Family[] {
    return [...this.#families.values()]
  }

  counter(family: Family): (labels: Labels, by?: number) => void {
    const one = new Counter({ ...this.#declare(family), registers: [this.#registry] })
    return (labels, by = 1) => one.inc(labels, by)
  }

  histogram(family: Family): (labels: Labels, value: number) => void {
    const buckets = [...(family.buckets ?? [])]
    const one = new Histogram({ ...this.#declare(family), buckets, registers: [this.#registry] })
    return (labels, value) => one.observe(labels, value)
  }

  /** @param read asked when the page is made: the series that there are then. */
  gauge(family: Family, read: () => Iterable<readonly [labels: Labels, value: number]>): void {
    const collect = function (this: Gauge): void {
      this.reset()
      for (const [labels, value] of read()) this.set(labels, value)
    }
    const one = new Gauge({ ...this.#declare(family), collect, registers: [] })
    this.#registry.registerMetric(one)
  }

  add(source: MetricSource): void {
    for (const family of source.families) this.#families.set(family.name, family)
    this.#sources.push(source)
  }

  /** The page as it is now. Who asks while one is made gets the next one, together with all others who do. */
  page(format: Format): Promise<Buffer[]> {
    return this.#answers[format].get()
  }

  #declare(family: Family): { name: string; help: string; labelNames: string[] } {
    this.#families.set(family.name, family)
    return { name: family.name, help: family.help, labelNames: [...family.labels] }
  }

  async #page(format: Format): Promise<Buffer[]> {
    const samples = new Samples()
    await this.#fewSeries(samples)
    let since = performance.now()
    for (const source of this.#sources) {
      for (const _ of source.collect(samples)) {
        samples.pack()
        if (performance.now() - since < sliceMs) continue
        await turn()
        since = performance.now()
      }
    }
    return samples.page(format)
  }

  async #fewSeries(samples: Samples): Promise<void> {
    for (const metric of await this.#registry.getMetricsAsJSON()) {
      const family = this.#families.get(metric.name)
      if (family === undefined) continue
      for (const each of metric.values) {
        const { metricName = metric.name } = each as { metricName?: string }
        samples.line(family, line(metricName, each.labels, each.value))
      }
    }
  }
}

function line(name: string, labels: Readonly<Partial<Record<string, string | number>>>, value: number): string {
  const given: Record<string, string> = {}
  for (const [label, of] of Object.entries(labels)) {
    // as the other histograms write it
    given[label] = label === 'le' && Number.isInteger(of) ? `${of}.0` : String(of)
  }
  const text = labelText(given)
  return `${name}${text === '' ? '' : `{${text}}`} ${value}`
}
