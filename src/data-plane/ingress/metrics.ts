import type { Inlet } from '../../contract/inlet.ts'
import type { RouteSet } from '../../contract/route-source.ts'
import type { Appender } from '../../kafka/log.ts'
import { Bounded } from '../../telemetry/metrics/bounded.ts'
import { counter, gauge, labelText, type Family } from '../../telemetry/metrics/family.ts'
import { eventsSent, latency } from '../../telemetry/metrics/shared-families.ts'
import type { MetricSource, Samples } from '../../telemetry/metrics/samples.ts'
import { objectLabels, otherLabels } from '../object-labels.ts'
import type { Budget } from './budget.ts'
import type { InletTally, Tallies } from './tallies.ts'

const of = ['kn_broker_namespace', 'kn_broker_name'] as const

const refused = counter(
  'millrace_ingress_refused_requests_total',
  [...of, 'reason'],
  'Requests that were not accepted, by the code of the answer. Unavailable or Overloaded: Kafka is away or slow. All others: the sender is told in the answer what to change. Without a Broker: nothing takes events at that path.',
)
const info = gauge(
  'millrace_inlet_info',
  [...of, 'topic'],
  'Always 1: the Broker is served here, and this is its topic. Join by topic with millrace_delivery_info.',
)
const open = gauge(
  'millrace_ingress_requests_in_flight',
  [],
  'Requests that wait for their answer, most of them for Kafka. Growing while the rate stays the same: Kafka has become slow.',
)
const bytes = gauge(
  'millrace_ingress_in_flight_bytes',
  [],
  'Memory of requests that are not answered yet. At millrace_ingress_in_flight_limit_bytes new ones get 429: run more replicas of the ingress.',
)
const limit = gauge('millrace_ingress_in_flight_limit_bytes', [], 'The bound of millrace_ingress_in_flight_bytes.')
const connections = gauge(
  'millrace_ingress_connections',
  [],
  'Open connections of senders. Very different between replicas: a load balancer keeps them too long.',
)
const queue = gauge(
  'millrace_append_queue_bytes',
  [],
  'Records handed to Kafka and not acknowledged yet, of all clusters. Growing: brokers are slow or away.',
)

export const ingressFamilies: readonly Family[] = [
  ...[eventsSent, latency, refused, info, open, bytes, limit, connections, queue],
]

/** What the metrics of an ingress are read from. */
export interface IngressState {
  readonly inlets: RouteSet<Inlet>
  readonly tallies: Tallies
  readonly budget: Budget
  /** Requests not answered yet. */
  readonly open: () => number
  readonly connections: () => number
  readonly appenderOf: (inlet: Inlet) => Appender
}

/** How many objects are told in one step. */
const inStep = 100

/** The metrics of an ingress: series by Broker, as long as that is there. */
export class IngressMetrics implements MetricSource {
  readonly families = ingressFamilies
  readonly #state: IngressState
  readonly #bounded: Bounded

  /** @param most Brokers with series of their own. */
  constructor(state: IngressState, most?: number) {
    this.#state = state
    this.#bounded = new Bounded(most)
  }

  *collect(samples: Samples): Iterable<void> {
    const { inlets, tallies, budget, open: requests, connections: sockets } = this.#state
    samples.add(open, '', requests())
    samples.add(bytes, '', budget.used)
    samples.add(limit, '', budget.limit)
    samples.add(connections, '', sockets())
    for (const [reason, count] of tallies.elsewhere) samples.add(refused, labelText({ reason }), count)
    this.#bounded.begin()
    const appenders = new Set<Appender>()
    let step = 0
    for (const inlet of inlets.current.values()) {
      this.#inlet(samples, inlet, appenders)
      if (++step % inStep === 0) yield
    }
    this.#others(samples)
    let pending = 0
    for (const appender of appenders) pending += appender.pendingBytes
    samples.add(queue, '', pending)
  }

  #inlet(samples: Samples, inlet: Inlet, appenders: Set<Appender>): void {
    const appender = this.#appender(inlet)
    if (appender !== null) appenders.add(appender)
    const tally = this.#state.tallies.get(inlet.uid)
    if (!this.#bounded.named(inlet.uid)) return this.#bounded.add(inlet.uid, sums(tally))
    const labels = objectLabels(inlet.source)
    samples.add(info, `${labels},${labelText({ topic: inlet.topic })}`, 1)
    if (tally === undefined) return
    for (const [code, { events, latency: took }] of tally.answers.byCode()) {
      const answered = `${labels},http_response_status_code="${code}"`
      samples.add(eventsSent, answered, events)
      samples.histogram(latency, answered, took)
    }
    for (const [reason, count] of tally.refused) samples.add(refused, `${labels},${labelText({ reason })}`, count)
  }

  #others(samples: Samples): void {
    const { sums } = this.#bounded
    if (sums === null) return
    samples.add(eventsSent, `${otherLabels('Broker')},http_response_status_code="other"`, sums[0] ?? 0)
    samples.add(refused, `${otherLabels('Broker')},reason="other"`, sums[1] ?? 0)
  }

  /** Null: its Inlet has just gone. */
  #appender(inlet: Inlet): Appender | null {
    try {
      return this.#state.appenderOf(inlet)
    } catch {
      return null
    }
  }
}

function sums(tally: InletTally | undefined): readonly number[] {
  let [events, refusals] = [0, 0]
  for (const [, { events: count }] of tally?.answers.byCode() ?? []) events += count
  for (const count of tally?.refused.values() ?? []) refusals += count
  return [events, refusals]
}
