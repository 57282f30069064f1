import { counter, gauge, histogram, type Family } from '../telemetry/metrics/family.ts'
import type { Metrics } from '../telemetry/metrics/metrics.ts'

const depth = gauge(
  'millrace_workqueue_depth',
  ['controller'],
  'Objects that wait to be looked at. Above 0 for minutes: the API server or Kafka is slow, see their durations.',
)
const latency = histogram(
  'millrace_workqueue_latency_seconds',
  ['controller'],
  'How long an object waited for its turn. This is how late a change is taken up.',
)
const duration = histogram(
  'millrace_reconcile_duration_seconds',
  ['controller', 'outcome'],
  'How long it took to make one object so, by outcome. failed: it is tried again, and the log says why; waiting: for something else, which its conditions name.',
)
const retries = counter(
  'millrace_reconcile_retries_total',
  ['controller'],
  'Objects that had to be tried again after a failure. Rising steadily: look into the log of the leader.',
)

export const loopFamilies: readonly Family[] = [depth, latency, duration, retries]

/** Hears of one loop. All calls return at once. */
export interface LoopObserver {
  /** How many objects are to be worked on and do not run yet. */
  waiting(read: () => number): void
  /** One began. @param ms since it was due. */
  began(ms: number): void
  ended(outcome: string, ms: number): void
  retried(): void
}

/** The metrics of the loops of a process, by controller. A loop that begins anew under its name takes the place of the one before. */
export class LoopMetrics {
  readonly #depths = new Map<string, () => number>()
  readonly #latency: (labels: { controller: string }, seconds: number) => void
  readonly #duration: (labels: { controller: string; outcome: string }, seconds: number) => void
  readonly #retries: (labels: { controller: string }, by?: number) => void

  constructor(metrics: Metrics) {
    this.#latency = metrics.histogram(latency)
    this.#duration = metrics.histogram(duration)
    this.#retries = metrics.counter(retries)
    metrics.gauge(depth, () => Array.from(this.#depths, ([controller, read]) => [{ controller }, read()] as const))
  }

  readonly of = (controller: string): LoopObserver => {
    this.#retries({ controller }, 0)
    return {
      waiting: (read) => this.#depths.set(controller, read),
      began: (ms) => this.#latency({ controller }, ms / 1000),
      ended: (outcome, ms) => this.#duration({ controller, outcome }, ms / 1000),
      retried: () => this.#retries({ controller }),
    }
  }
}
