import type { Source } from '../contract/source.ts'
import type { SpanAttributes } from '../telemetry/spans.ts'

/** A user's object, named by its kind as Knative does it: `kn.trigger.namespace`, `kn.trigger.name`. */
export function objectAttributes({ kind, namespace, name }: Source): SpanAttributes {
  const of = kind.toLowerCase().replaceAll(/[^a-z0-9]/g, '_')
  return { [`kn.${of}.namespace`]: namespace, [`kn.${of}.name`]: name }
}

const ofEvent = [
  ['id', 'cloudevents.event_id'],
  ['source', 'cloudevents.event_source'],
  ['type', 'cloudevents.event_type'],
  ['specversion', 'cloudevents.event_spec_version'],
  ['subject', 'cloudevents.event_subject'],
] as const

/** OpenTelemetry semantic conventions for CloudEvents. */
export function eventAttributes(attributes: ReadonlyMap<string, string>): SpanAttributes {
  const said: Record<string, string> = {}
  for (const [name, as] of ofEvent) {
    const value = attributes.get(name)
    if (value !== undefined) said[as] = value
  }
  return said
}

/** OpenTelemetry semantic conventions for messaging and Kafka. */
export function topicAttributes(topic: string, operation: string, type: 'send' | 'process'): SpanAttributes {
  return {
    'messaging.system': 'kafka',
    'messaging.operation.name': operation,
    'messaging.operation.type': type,
    'messaging.destination.name': topic,
  }
}

/** Where a record stands in its topic. */
export function placeAttributes(partition: number, offset: number | bigint): SpanAttributes {
  return { 'messaging.destination.partition.id': String(partition), 'messaging.kafka.offset': Number(offset) }
}

/** Who is asked, by `http://host:port`. */
export function serverAttributes({ hostname, port, protocol }: URL): SpanAttributes {
  const usual = protocol === 'https:' ? 443 : 80
  return { 'server.address': hostname, 'server.port': port === '' ? usual : Number(port) }
}
