import { Bounded } from '../../telemetry/metrics/bounded.ts'
import { labelText } from '../../telemetry/metrics/family.ts'
import type { MetricSource, Samples } from '../../telemetry/metrics/samples.ts'
import { eventsSent, latency } from '../../telemetry/metrics/shared-families.ts'
import type { Clock } from '../../core/clock.ts'
import type { Source } from '../../contract/source.ts'
import { objectLabels, otherLabels } from '../object-labels.ts'
import {
  dispatcherFamilies,
  lag,
  age,
  inFlight,
  delivered,
  retries,
  deadLettered,
  parked,
  dropped,
  looped,
  lost,
  blocked,
  fault,
  info,
  outlets,
  partitions,
  memory,
  memoryLimit,
  queue,
  waiting,
} from './metric-families.ts'
import type { Outlet } from '../../contract/outlet.ts'
import type { Dispatcher, OutletView } from './parts.ts'

/** Their order is that of `countsOf`. always: also while it is 0, so that an alert sees the first one as a rise. */
const counters = [
  { family: delivered, always: true },
  { family: retries, always: false },
  { family: deadLettered, always: true },
  { family: parked, always: true },
  { family: dropped, always: true },
  { family: looped, always: false },
  { family: lost, always: true },
] as const
/** How many objects are told in one step. */
const inStep = 50

/** Where a partition stood when it began to wait. */
interface Standstill {
  readonly position: number
  readonly since: number
}

/** What waits of one Outlet. */
interface Waiting {
  readonly partitions: number
  readonly lag: number
  /** Age of the oldest. */
  readonly seconds: number
  readonly inFlight: number
}

/** What is added up over all Outlets of one page. */
interface Totals {
  consuming: number
  starting: number
  partitions: number
  otherLag: number
  otherAge: number
  readonly seen: Set<string>
}

/**
 * The metrics of all dispatchers of a process (one a Kafka cluster): series by Trigger and source, as long as that is there. Everything is read
 * when a page is made; what is counted between two pages is a number in an object that is there anyway.
 */
export class DispatcherMetrics implements MetricSource {
  readonly families = dispatcherFamilies
  readonly #clock: Clock
  readonly #dispatchers = new Set<Dispatcher>()
  readonly #bounded: Bounded
  /** By Outlet and partition, of those that wait with nothing in flight. */
  #still = new Map<string, Standstill>()

  /** @param most Outlets with series of their own. */
  constructor(clock: Clock, most?: number) {
    this.#clock = clock
    this.#bounded = new Bounded(most)
  }

  /** A dispatcher began. Returns the way to tell that it has ended. */
  watch(dispatcher: Dispatcher): () => void {
    this.#dispatchers.add(dispatcher)
    return () => this.#dispatchers.delete(dispatcher)
  }

  *collect(samples: Samples): Iterable<void> {
    this.#bounded.begin()
    const still = new Map<string, Standstill>()
    const totals: Totals = { consuming: 0, starting: 0, partitions: 0, otherLag: 0, otherAge: 0, seen: new Set() }
    let step = 0
    for (const dispatcher of this.#dispatchers) {
      for (const view of dispatcher.outlets()) {
        this.#outlet(samples, view, totals, still)
        if (++step % inStep === 0) yield
      }
    }
    this.#still = still
    yield
    this.#process(samples, totals)
  }

  #outlet(samples: Samples, view: OutletView, totals: Totals, still: Map<string, Standstill>): void {
    const { uid } = view.outlet
    const waits = this.#waits(view, still)
    totals[view.consuming ? 'consuming' : 'starting']++
    totals.partitions += waits.partitions
    const counts = countsOf(view)
    const { labels, about } = textOf(view.outlet)
    if (!this.#bounded.named(uid)) {
      this.#bounded.add(uid, counts)
      totals.otherLag += waits.lag
      totals.otherAge = Math.max(totals.otherAge, waits.seconds)
      return
    }
    // one is about to go and its successor of the same name is there
    if (totals.seen.has(labels)) return
    totals.seen.add(labels)
    samples.add(lag, labels, waits.lag)
    samples.add(age, labels, waits.seconds)
    samples.add(inFlight, labels, waits.inFlight)
    for (let at = 0; at < counters.length; at++) {
      const [{ family, always }, count] = [counters[at] ?? counters[0], counts[at] ?? 0]
      if (always || count > 0) samples.add(family, labels, count)
    }
    samples.add(info, about, 1)
    if (view.blocked > 0) samples.add(blocked, labels, view.blocked)
    if (view.fault !== null) samples.add(fault, `${labels},reason="${view.fault.reason}"`, 1)
    for (const [code, { events, latency: took }] of view.tally?.answers.byCode() ?? []) {
      const answered = `${labels},http_response_status_code="${code}"`
      samples.add(eventsSent, answered, events)
      samples.histogram(latency, answered, took)
    }
  }

  /**
   * How much waits, and for how long: since the oldest event in flight was stored; where none is in flight although some wait, since the position
   * was seen to stand still.
   */
  #waits(view: OutletView, still: Map<string, Standstill>): Waiting {
    const waits = { partitions: 0, lag: 0, seconds: 0, inFlight: 0 }
    const now = this.#clock.now()
    view.eachPartition((partition, position, end, inFlight, oldestAt) => {
      waits.partitions++
      waits.inFlight += inFlight
      if (end <= position) return
      waits.lag += end - position
      const since = oldestAt ?? this.#stillSince(`${view.outlet.uid} ${partition}`, position, now, still)
      waits.seconds = Math.max(waits.seconds, (now - since) / 1000)
    })
    return waits
  }

  #stillSince(id: string, position: number, now: number, still: Map<string, Standstill>): number {
    const before = this.#still.get(id)
    const since = before?.position === position ? before.since : now
    still.set(id, { position, since })
    return since
  }

  #process(samples: Samples, totals: Totals): void {
    samples.add(outlets, 'state="consuming"', totals.consuming)
    samples.add(outlets, 'state="starting"', totals.starting)
    samples.add(partitions, '', totals.partitions)
    const loads = Array.from(this.#dispatchers, (dispatcher) => dispatcher.load())
    const budgets = [...new Set(loads.map(({ budget }) => budget))]
    samples.add(
      memory,
      '',
      sum(budgets, ({ used }) => used),
    )
    samples.add(
      memoryLimit,
      '',
      sum(budgets, ({ limit }) => limit),
    )
    samples.add(
      waiting,
      '',
      sum(budgets, ({ inFlight: events }) => events.waiting),
    )
    samples.add(
      queue,
      '',
      sum(loads, ({ appendQueue }) => appendQueue),
    )
    const { sums } = this.#bounded
    if (sums === null) return
    const labels = otherLabels('Trigger')
    for (const [at, { family }] of counters.entries()) samples.add(family, labels, sums[at] ?? 0)
    samples.add(lag, labels, totals.otherLag)
    samples.add(age, labels, totals.otherAge)
  }
}

function sum<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((total, one) => total + of(one), 0)
}

function countsOf({ counts, tally }: OutletView): readonly number[] {
  const { deliveredCount: done, deadLetteredCount: dead, parkedCount: kept, droppedCount: gone } = counts
  const { loopedCount: round, lostCount: expired } = counts
  return [done, tally?.retries ?? 0, dead, kept, gone, round, expired]
}

/** By the source of an Outlet, which is another one when the Outlet was edited: to write them anew for each page costs more than all else. */
const texts = new WeakMap<Source, { readonly labels: string; readonly about: string }>()

function textOf({ source, topic, group }: Outlet): { readonly labels: string; readonly about: string } {
  const known = texts.get(source)
  if (known !== undefined) return known
  const object = objectLabels(source)
  // a source reads several topics, each by an Outlet of its own; a Trigger has one
  const labels = source.kind === 'Trigger' ? object : `${object},${labelText({ messaging_destination_name: topic })}`
  const text = { labels, about: `${labels},${labelText({ topic, group })}` }
  texts.set(source, text)
  return text
}
