import { createHash } from 'node:crypto'
import { ownGroupPrefix } from '../api/kafka-source.ts'
import type { ObjectKey } from '../api/problem.ts'

/** What Kafka allows. */
export const longestTopicName = 249

const parkedSuffix = '__parked'

/** Topic of a Broker: Knative's default `brokers-topic-template`, so that its topics are found again. */
export function brokerTopic({ namespace, name }: ObjectKey): string {
  return `knative-broker-${namespace}-${name}`
}

/** Consumer group of a Trigger: Knative's default `triggers-consumergroup-template`, so that its positions are found again. */
export function triggerGroup({ namespace, name }: ObjectKey): string {
  return `knative-trigger-${namespace}-${name}`
}

/** Consumer group of a KafkaSource that names none: of its UID, where admission has not given it a name. */
export function sourceGroup(uid: string): string {
  return `${ownGroupPrefix}${uid}`
}

/** A KafkaSource has an Outlet for each topic. This is the UID of one. */
export function sourceOutletUid(uid: string, topic: string): string {
  return `${uid}.${digest(topic).slice(0, 8)}`
}

/** The UID of the object that an Outlet was made of, from that of the Outlet. */
export function sourceUidOf(outletUid: string): string {
  return outletUid.split('.', 1)[0] ?? outletUid
}

/**
 * Where the Outlets of a topic park what no one takes: `<topic>__parked`. No name of Kubernetes holds an underscore, so no Broker's topic
 * can be called so. When that would be too long for Kafka the topic's name is cut and a hash of the whole keeps it apart from others.
 */
export function parkingTopic(topic: string): string {
  const room = longestTopicName - parkedSuffix.length
  if (topic.length <= room) return topic + parkedSuffix
  const hash = digest(topic).slice(0, 16)
  return `${topic.slice(0, room - hash.length - 1)}-${hash}${parkedSuffix}`
}

/** The UID of an object that no API server gave one: always the same for the same kind, namespace and name. In the form of a UUID. */
export function derivedUid({ kind, namespace, name }: ObjectKey): string {
  const hex = digest(`${kind}/${namespace}/${name}`)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
