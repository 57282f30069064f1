import { z } from 'zod'
import type { Condition } from './meta/condition.ts'
import { DeliverySpec } from './meta/delivery.ts'
import { ObjectMeta } from './meta/object-meta.ts'
import { KReference } from './meta/reference.ts'
import type { ReferenceReason } from './meta/reference.ts'
import type { SecretReason } from './kafka-credential.ts'

/** Which implementation serves a Broker. Ours is `Kafka`, also without the annotation. */
export const brokerClassAnnotation = 'eventing.knative.dev/broker.class'
/** Use this topic, which exists, instead of one of our own. */
export const externalTopicAnnotation = 'kafka.eventing.knative.dev/external.topic'

/** What Kafka takes as the name of a topic. */
const topicName = /^(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}$/

/**
 * Why a Broker may not ask for this topic in {@link externalTopicAnnotation}; null: it may. `own`: the one that its namespace and name come to,
 * undefined when it has no name yet. To be asked at admission alone: who has such a topic in use keeps it.
 */
export function reservedTopic(topic: string, own: string | undefined): string | null {
  if (topic.startsWith('__'))
    return `must not begin with "__": Kafka keeps its own topics under such names; name another topic`
  if (topic.endsWith('__parked'))
    return `must not end in "__parked": there go the events that nobody takes; name another topic`
  if (!topic.startsWith('knative-broker-') || topic === own) return null
  return `must not begin with "knative-broker-": such a topic belongs to the Broker whose namespace and name it carries${own === undefined ? '' : `, that of this one is ${own}`}; remove the annotation, or name another topic`
}

/** `spec` of a Broker. */
export const BrokerSpec = z.strictObject({
  config: KReference.optional().describe(
    'A ConfigMap with default.topic.partitions, default.topic.replication.factor and default.topic.config.*',
  ),
  delivery: DeliverySpec.optional().describe('Delivery for the Triggers of this Broker that have none of their own.'),
})
export type BrokerSpec = z.infer<typeof BrokerSpec>

/** Broker, eventing.knative.dev/v1: takes events over HTTP and keeps them in a topic for its Triggers. */
export const Broker = z
  .strictObject({
    apiVersion: z.literal('eventing.knative.dev/v1').describe('Always eventing.knative.dev/v1.'),
    kind: z.literal('Broker').describe('Always Broker.'),
    metadata: ObjectMeta.describe('Name, namespace, labels, annotations.'),
    spec: BrokerSpec.optional().describe('What is wanted.'),
    status: z.looseObject({}).optional().describe('Written by the controller; ignored in a manifest.'),
  })
  .superRefine(({ metadata, spec }, issue) => {
    const topic = metadata.annotations?.[externalTopicAnnotation]
    if (topic !== undefined && !topicName.test(topic)) {
      const message = 'is not the name of a Kafka topic: up to 249 letters, digits, dots, dashes and underscores'
      issue.addIssue({ code: 'custom', path: ['metadata', 'annotations', externalTopicAnnotation], message })
    }
    const config = spec?.config
    if (config === undefined || brokerClass(metadata) !== 'Kafka') return
    if (config.kind !== 'ConfigMap' || config.apiVersion !== 'v1') {
      const message = `must name a ConfigMap (apiVersion: v1, kind: ConfigMap), not ${config.kind} of ${config.apiVersion}`
      issue.addIssue({ code: 'custom', path: ['spec', 'config', 'kind'], message })
    }
  })
export type Broker = z.infer<typeof Broker>

/** The class of a Broker; `Kafka` when it names none. */
export function brokerClass(metadata: { readonly annotations?: Readonly<Record<string, string>> | undefined }): string {
  return metadata.annotations?.[brokerClassAnnotation] ?? 'Kafka'
}

/** What Ready of a Broker depends on. Order decides whose reason is shown. */
export const brokerDependents = [
  'ConfigParsed',
  'DeadLetterSinkResolved',
  'TopicReady',
  'DataPlaneAvailable',
  'Addressable',
] as const
export type BrokerConditionType = (typeof brokerDependents)[number]
export type BrokerReason =
  /** ConfigParsed: a value of the ConfigMap is no number, or below 1. */
  | 'ConfigInvalid'
  /** ConfigParsed: `spec.config` names a ConfigMap that does not exist. */
  | 'ConfigMapNotFound'
  /** ConfigParsed: nothing says where Kafka is. */
  | 'KafkaNotConfigured'
  /** ConfigParsed: the Secret that `auth.secret.ref.name` names cannot be used; where the condition holds, what was good before is in force. */
  | SecretReason
  | 'SecretNotFound'
  | 'SecretForbidden'
  | 'CredentialNotStored'
  /** ConfigParsed: the object passed no admission, and this version does not understand it. */
  | 'SpecInvalid'
  /** DeadLetterSinkResolved. */
  | ReferenceReason
  | 'DeadLetterSinkNotConfigured'
  /** TopicReady: another object has this topic already. */
  | 'TopicTaken'
  | 'NameTooLong'
  | 'Pending'
  | 'TopicNotFound'
  | 'LogUnavailable'
  | 'NotAuthorized'
  | 'AuthenticationFailed'
  | 'TlsFailed'
  | 'CredentialNotFound'
  | 'LogRefused'
  /** TopicReady, which holds: the topic is not as the ConfigMap says; it is used as it is. */
  | 'TopicDiffers'
  /** TopicReady, which holds: the topic was gone and is there again, empty. */
  | 'TopicRecreated'
  /** TopicReady, which holds: the annotation names another topic than the one in use. */
  | 'TopicKept'
  /** DataPlaneAvailable: no ingress is Ready. */
  | 'IngressNotReady'
  /** DataPlaneAvailable: no ingress has taken up this version yet. */
  | 'IngressNotListening'
  /** An object of another owner stands where ours should be. */
  | 'NotOurs'
  /** Addressable: the API server does not take the Service that the address names. */
  | 'Refused'
  /** It is being deleted, and waits for something. */
  | 'Deleting'
export type BrokerCondition = Condition<BrokerConditionType, BrokerReason>
