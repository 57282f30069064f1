import { counter, gauge, type Family } from '../../telemetry/metrics/family.ts'
import { eventsSent, latency } from '../../telemetry/metrics/shared-families.ts'

const of = [
  ...['kn_trigger_namespace', 'kn_trigger_name', 'kn_kafkasource_namespace', 'kn_kafkasource_name'],
  'messaging_destination_name',
]

export const lag = gauge(
  'millrace_delivery_lag_events',
  of,
  'Records of the topic after the position: not finished, matching or not. Growing for long: the subscriber is too slow; let it scale, raise its concurrency, or order less.',
)
export const age = gauge(
  'millrace_delivery_oldest_age_seconds',
  of,
  'How long ago the oldest event that is not finished came into the topic; 0: none waits. Beyond what your users bear: see the fault and the answers of the subscriber.',
)
export const inFlight = gauge(
  'kn_eventing_dispatch_in_flight_requests_1',
  of,
  'Events under way to the subscriber, in a retry, or held back by one of their key. Always at its bound (100 a partition): the subscriber is the bottleneck.',
  'kn.eventing.dispatch.in_flight_requests',
)
export const delivered = counter(
  'millrace_delivered_events_total',
  of,
  'Events that the subscriber or the dead letter sink took. Stands still while the lag grows: nothing gets through.',
)
export const retries = counter(
  'millrace_delivery_retries_total',
  of,
  'Attempts after the first. Many: the subscriber fails now and then; its answers (http_events_sent_total) say how.',
)
export const deadLettered = counter(
  'millrace_dead_lettered_events_total',
  of,
  'Events that went to the dead letter sink after all retries. Look there at knativeerrorreason, mend the subscriber, and send them again.',
)
export const parked = counter(
  'millrace_parked_events_total',
  of,
  'Events that neither subscriber nor dead letter sink took, kept in the parking topic. Mend the subscriber and replay the topic before its retention of 30 days ends.',
)
export const dropped = counter(
  'millrace_dropped_events_total',
  of,
  'Events that nobody took and that are gone, as onExhausted: Drop asks for. If that was not meant: remove the annotation.',
)
export const looped = counter(
  'millrace_looped_replies_total',
  of,
  'Replies that were not stored because they had gone round too often (knativebrokerttl). Give replies a type that the filter does not let through.',
)
export const lost = counter(
  'millrace_expired_events_total',
  of,
  'Events that the retention of the topic removed before they were delivered. Give the topic a longer retention, or the subscriber more capacity.',
)
export const blocked = gauge(
  'millrace_blocked_events',
  of,
  'Events that nobody took, that may be neither parked nor dropped, and that are tried again until someone takes them: all behind them in order wait. Mend the subscriber.',
)
export const fault = gauge(
  'millrace_delivery_fault',
  [...of, 'reason'],
  '1 while something is wrong with it; the status of the object says what to do. GroupInUse: someone else consumes with its group. LogUnavailable: Kafka is away.',
)
export const info = gauge(
  'millrace_delivery_info',
  [...of, 'topic', 'group'],
  'Always 1: it is known here, and this is its topic and consumer group. Join by topic with millrace_inlet_info to find the Broker.',
)
export const outlets = gauge(
  'millrace_outlets',
  ['state'],
  'Triggers and sources that this dispatcher works for. starting for longer than a minute: their topics or groups cannot be reached.',
)
export const partitions = gauge(
  'millrace_partitions_at_work',
  [],
  'Partitions of Triggers and sources that this dispatcher delivers from, each Trigger counted for itself. 0 while others have some: it is not in the fleet, or there are fewer partitions than dispatchers.',
)
export const memory = gauge(
  'millrace_dispatcher_memory_bytes',
  [],
  'Bytes of events read ahead or in flight: no more than millrace_dispatcher_memory_limit_bytes. Events in flight take half of it at most.',
)
export const memoryLimit = gauge(
  'millrace_dispatcher_memory_limit_bytes',
  [],
  'The bound of millrace_dispatcher_memory_bytes.',
)
export const waiting = gauge(
  'millrace_memory_waiting_outlets',
  [],
  'Triggers and sources whose next event waits for memory: their own subscribers, or many others, hold what they have got. For long: see which has the most in flight, or run more replicas.',
)
export const queue = gauge(
  'millrace_dispatcher_append_queue_bytes',
  [],
  'Replies and parked events handed to Kafka and not acknowledged yet. Growing: brokers are slow or away.',
)

export const dispatcherFamilies: readonly Family[] = [
  ...[
    eventsSent,
    latency,
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
  ],
  ...[fault, info, outlets, partitions, memory, memoryLimit, waiting, queue],
]
