import { latencyBounds } from './distribution.ts'
import { counter, histogram } from './family.ts'

const objects = ['broker', 'trigger', 'kafkasource'].flatMap((kind) => [`kn_${kind}_namespace`, `kn_${kind}_name`])

/** What ingress and dispatcher both count, told apart by whose it is: a Broker (from senders) or a Trigger or source (to subscribers). */
export const eventsSent = counter(
  'http_events_sent_total',
  [...objects, 'http_response_status_code'],
  'Events in HTTP requests, by the answer: those of senders to a Broker, and each attempt of a delivery to a subscriber or dead letter sink. none: there was no answer. More 4xx or 5xx than usual: look at the sender, or at the subscriber.',
  'http.events.sent',
)

export const latency = histogram(
  'kn_eventing_dispatch_latency_ms',
  [...objects, 'http_response_status_code'],
  'How long a request took until its answer, milliseconds: of a sender to a Broker until Kafka has stored it, or of one attempt of a delivery. Slow at the Broker: look at millrace_kafka_request_duration_seconds. Slow at a Trigger: its subscriber is.',
  latencyBounds,
  'kn.eventing.dispatch.latency',
)
