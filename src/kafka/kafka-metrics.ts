import { Fault } from '../core/fault.ts'
import { counter, gauge, histogram, type Family } from '../telemetry/metrics/family.ts'
import type { Metrics } from '../telemetry/metrics/metrics.ts'
import type { MembershipHandler } from './log.ts'

const duration = histogram(
  'millrace_kafka_request_duration_seconds',
  ['operation'],
  'Round trips to Kafka as we feel them, our own retries and waits included. append: one of 16. Slow for all: brokers or network; for commit alone: the coordinators of the groups.',
)
const failures = counter(
  'millrace_kafka_request_failures_total',
  ['operation', 'reason'],
  'Requests that Kafka did not grant, by code. LogUnavailable, LogTimeout: brokers are away. NotAuthorized: an ACL is missing. GroupInUse: someone else consumes with the group. They are tried again.',
)
const changes = counter(
  'millrace_partition_changes_total',
  ['change'],
  'Partitions that came to (assigned) or left this dispatcher: handed over (revoked), or taken because it was away too long (lost). Any lost: it was frozen or cut off; events in flight then are delivered again.',
)
const owned = gauge(
  'millrace_partitions_owned',
  [],
  'Partitions of topics that this dispatcher works on. The sum over all dispatchers is that of all topics in use: less for long means that some are read by nobody.',
)

export const kafkaFamilies: readonly Family[] = [duration, failures]
export const membershipFamilies: readonly Family[] = [changes, owned]

/** What a process asks of Kafka. */
const operations = ['append', 'read', 'range', 'commit', 'positions', 'admin'] as const
export type Operation = (typeof operations)[number]

/** Counts what a process asks of Kafka, on all clusters together. */
export class KafkaMetrics {
  readonly #took: (labels: { operation: Operation }, seconds: number) => void
  readonly #failed: (labels: { operation: Operation; reason: string }, by?: number) => void
  readonly #metrics: Metrics
  readonly #owned = new Set<{ count: number }>()
  #changed: ((labels: { change: string }, by: number) => void) | null = null

  constructor(metrics: Metrics) {
    this.#metrics = metrics
    this.#took = metrics.histogram(duration)
    this.#failed = metrics.counter(failures)
    // an alert on a rise needs to see where it rose from
    for (const operation of operations) this.#failed({ operation, reason: 'LogUnavailable' }, 0)
  }

  /** Measures one request. Never changes what becomes of it. */
  async timed<T>(operation: Operation, request: Promise<T>): Promise<T> {
    const since = performance.now()
    try {
      const answer = await request
      this.took(operation, performance.now() - since)
      return answer
    } catch (error) {
      this.failed(operation, error)
      throw error
    }
  }

  took(operation: Operation, ms: number): void {
    this.#took({ operation }, ms / 1000)
  }

  /** What we ended ourselves is no failure. */
  failed(operation: Operation, error: unknown): void {
    const reason = error instanceof Fault ? error.code : 'Defect'
    if (reason !== 'Closed') this.#failed({ operation, reason })
  }

  /** Watches what a member is told. */
  member(handler: MembershipHandler): { readonly handler: MembershipHandler; readonly left: () => void } {
    const changed = this.#counting()
    const here = { count: 0 }
    this.#owned.add(here)
    const lose = (change: 'revoked' | 'lost', count: number): void => {
      here.count -= count
      changed({ change }, count)
    }
    return {
      left: () => this.#owned.delete(here),
      handler: {
        assigned: (partitions) => {
          here.count += partitions.length
          changed({ change: 'assigned' }, partitions.length)
          handler.assigned(partitions)
        },
        revoked: async (partitions, deadlineMs) => {
          lose('revoked', partitions.length)
          await handler.revoked(partitions, deadlineMs)
        },
        lost: (partitions) => {
          lose('lost', partitions.length)
          handler.lost(partitions)
        },
      },
    }
  }

  /** Only a process that joins a fleet has these. */
  #counting(): (labels: { change: string }, by: number) => void {
    if (this.#changed !== null) return this.#changed
    const count = this.#metrics.counter(changes)
    for (const change of ['assigned', 'revoked', 'lost']) count({ change }, 0)
    const sum = (): number => [...this.#owned].reduce((all, { count }) => all + count, 0)
    this.#metrics.gauge(owned, () => [[{}, sum()]])
    return (this.#changed = count)
  }
}
