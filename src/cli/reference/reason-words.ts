import type { BrokerConditionType, BrokerReason } from '../../api/broker.ts'
import type { KafkaSourceConditionType, KafkaSourceReason } from '../../api/kafka-source.ts'
import type { SinkBindingConditionType, SinkBindingReason } from '../../api/sink-binding.ts'
import type { TriggerConditionType, TriggerReason } from '../../api/trigger.ts'
import type { OutletFaultReason } from '../../contract/route-source.ts'

/** Where a reason stands and what it means. What to do is said once, in people/describe/advice.ts. */
export interface ReasonWords<Type extends string> {
  readonly of: readonly Type[]
  /** always: the condition holds, it is something to know; too: it may, with what was good before in force. */
  readonly holds?: 'always' | 'too'
  readonly means: string
}

type Words<Type extends string, Reason extends string> = Readonly<Record<Reason, ReasonWords<Type>>>

/** A reason that is new must get a line, and one that is gone must lose it: the compiler asks for both. */
export const brokerReasons: Words<BrokerConditionType, BrokerReason> = {
  KafkaNotConfigured: { of: ['ConfigParsed'], means: 'Nobody has said where Kafka is.' },
  ConfigMapNotFound: { of: ['ConfigParsed'], means: '`spec.config` names a ConfigMap that does not exist.' },
  ConfigInvalid: { of: ['ConfigParsed'], means: 'A value of the ConfigMap cannot be used; the message names the key.' },
  SecretNotFound: { of: ['ConfigParsed'], holds: 'too', means: 'The Secret to sign in to Kafka with does not exist.' },
  SecretKeyMissing: { of: ['ConfigParsed'], holds: 'too', means: 'The Secret lacks a key.' },
  SecretInvalid: { of: ['ConfigParsed'], holds: 'too', means: 'A value of the Secret cannot be used.' },
  SecretForbidden: {
    of: ['ConfigParsed'],
    holds: 'too',
    means: 'Millrace may not read the Secret, or it does not allow the namespace of the Broker.',
  },
  CredentialNotStored: {
    of: ['ConfigParsed'],
    holds: 'too',
    means: 'What the Secret says could not be handed to the workers.',
  },
  SpecInvalid: { of: ['ConfigParsed'], means: 'The object was stored past admission, and is not understood.' },
  ReferenceNotResolved: {
    of: ['DeadLetterSinkResolved'],
    means: 'What the dead letter sink refers to does not exist, or has no address.',
  },
  KindNotInstalled: { of: ['DeadLetterSinkResolved'], means: 'The API server knows no such kind.' },
  ReferenceForbidden: { of: ['DeadLetterSinkResolved'], means: 'Millrace may not read objects of this kind.' },
  ServicePortMissing: { of: ['DeadLetterSinkResolved'], holds: 'always', means: 'The Service has no port 80.' },
  DeadLetterSinkNotConfigured: {
    of: ['DeadLetterSinkResolved'],
    holds: 'always',
    means: 'There is no dead letter sink.',
  },
  TopicTaken: { of: ['TopicReady'], means: 'Another Broker has this topic.' },
  NameTooLong: { of: ['TopicReady'], means: 'Namespace and name are too long for the name of a topic.' },
  TopicNotFound: { of: ['TopicReady'], means: 'The topic does not exist in Kafka.' },
  LogUnavailable: { of: ['TopicReady'], means: 'Kafka does not answer.' },
  NotAuthorized: { of: ['TopicReady'], means: 'Kafka lets our user in, and refuses the operation: an ACL is missing.' },
  AuthenticationFailed: {
    of: ['TopicReady'],
    means: 'Kafka does not know the user, or the password or certificate is wrong.',
  },
  TlsFailed: { of: ['TopicReady'], means: 'No TLS connection could be made.' },
  CredentialNotFound: { of: ['TopicReady'], means: 'What to sign in with is not there (yet).' },
  LogRefused: { of: ['TopicReady'], means: 'Kafka refuses what was asked of it; the message has its words.' },
  TopicDiffers: {
    of: ['TopicReady'],
    holds: 'always',
    means: 'The topic is not as the ConfigMap says; it is used as it is.',
  },
  TopicRecreated: { of: ['TopicReady'], holds: 'always', means: 'The topic was gone, and was made again, empty.' },
  TopicKept: {
    of: ['TopicReady'],
    holds: 'always',
    means: 'The annotation names another topic than the one in use, which stays.',
  },
  IngressNotReady: { of: ['DataPlaneAvailable'], means: 'No ingress is Ready.' },
  IngressNotListening: { of: ['DataPlaneAvailable'], means: 'Not every ingress has taken this version up yet.' },
  NotOurs: {
    of: ['DataPlaneAvailable', 'Addressable'],
    means: 'An object of another owner stands where one of ours should be.',
  },
  Refused: { of: ['Addressable'], means: 'The API server does not take an object that Millrace makes.' },
  Pending: { of: ['DeadLetterSinkResolved', 'TopicReady', 'Addressable'], means: 'It is on its way.' },
  Deleting: { of: ['TopicReady'], means: 'It is being deleted, and waits for what the message says.' },
}

const kafkaFaults = {
  LogUnavailable: 'Kafka does not answer.',
  NotAuthorized: 'Kafka lets our user in, and refuses the operation: an ACL is missing.',
  AuthenticationFailed: 'Kafka does not know the user, or the password or certificate is wrong.',
  TlsFailed: 'No TLS connection could be made.',
  CredentialNotFound: 'What to sign in with is not there (yet).',
  GroupInUse: 'The consumer group has members that are not ours: deliveries pause.',
  EventsExpired: 'The retention of the topic removed events before they were read.',
  LoopDetected: 'A reply went round too often, and was not stored.',
  PositionsExpire:
    'Kafka may forget the positions of the group, which had members of someone else, and Millrace may not make it anew.',
} as const

export const triggerReasons: Words<TriggerConditionType, TriggerReason> = {
  BrokerDoesNotExist: { of: ['BrokerReady'], means: 'There is no Broker of this name in the namespace.' },
  BrokerNotReady: { of: ['BrokerReady'], means: 'Its Broker is not Ready.' },
  ReferenceNotResolved: {
    of: ['SubscriberResolved', 'DeadLetterSinkResolved'],
    means: 'What it refers to does not exist, or has no address.',
  },
  KindNotInstalled: {
    of: ['SubscriberResolved', 'DeadLetterSinkResolved'],
    means: 'The API server knows no such kind.',
  },
  ReferenceForbidden: {
    of: ['SubscriberResolved', 'DeadLetterSinkResolved'],
    means: 'Millrace may not read objects of this kind.',
  },
  ServicePortMissing: {
    of: ['SubscriberResolved', 'DeadLetterSinkResolved'],
    holds: 'always',
    means: 'The Service has no port 80.',
  },
  DeadLetterSinkNotConfigured: {
    of: ['DeadLetterSinkResolved'],
    holds: 'always',
    means: 'There is no dead letter sink: what cannot be delivered is parked.',
  },
  GroupTaken: { of: ['SubscriptionReady'], means: 'Another object has this consumer group.' },
  SpecInvalid: { of: ['SubscriptionReady'], means: 'The object was stored past admission, and is not understood.' },
  DispatcherNotConsuming: { of: ['SubscriptionReady'], means: 'No dispatcher is Ready.' },
  PartitionsUnowned: {
    of: ['SubscriptionReady'],
    means: 'Partitions of the topic have no dispatcher that knows this version.',
  },
  Starting: { of: ['SubscriptionReady'], means: 'A dispatcher is taking this version up.' },
  NotOurs: { of: ['SubscriptionReady'], means: 'An object of another owner stands where one of ours should be.' },
  Deleting: { of: ['SubscriptionReady'], means: 'It is being deleted, and waits for what the message says.' },
  Pending: {
    of: ['BrokerReady', 'SubscriberResolved', 'DeadLetterSinkResolved', 'SubscriptionReady'],
    means: 'It waits for another condition.',
  },
  LogUnavailable: { of: ['BrokerReady', 'SubscriptionReady'], means: kafkaFaults.LogUnavailable },
  TopicNotFound: { of: ['SubscriptionReady'], means: 'The topic of the Broker does not exist (any more).' },
  NotAuthorized: { of: ['SubscriptionReady'], means: kafkaFaults.NotAuthorized },
  AuthenticationFailed: { of: ['BrokerReady', 'SubscriptionReady'], means: kafkaFaults.AuthenticationFailed },
  TlsFailed: { of: ['BrokerReady', 'SubscriptionReady'], means: kafkaFaults.TlsFailed },
  CredentialNotFound: { of: ['SubscriptionReady'], means: kafkaFaults.CredentialNotFound },
  GroupInUse: { of: ['SubscriptionReady'], means: kafkaFaults.GroupInUse },
  EventsExpired: { of: ['SubscriptionReady'], holds: 'always', means: kafkaFaults.EventsExpired },
  LoopDetected: { of: ['SubscriptionReady'], holds: 'always', means: kafkaFaults.LoopDetected },
  PositionsExpire: { of: ['SubscriptionReady'], holds: 'always', means: kafkaFaults.PositionsExpire },
  DeliveryFailed: {
    of: ['SubscriptionReady'],
    holds: 'always',
    means: 'Events were parked or dropped in the last ten minutes, or wait to be parked.',
  },
}

export const sinkBindingReasons: Words<SinkBindingConditionType, SinkBindingReason> = {
  ReferenceNotResolved: {
    of: ['SinkProvided'],
    means: 'What the sink refers to does not exist, or has no address. `K_SINK` stays what it was.',
  },
  KindNotInstalled: { of: ['SinkProvided'], means: 'The API server knows no such kind.' },
  ReferenceForbidden: { of: ['SinkProvided'], means: 'Millrace may not read objects of this kind.' },
  ServicePortMissing: { of: ['SinkProvided'], holds: 'always', means: 'The Service has no port 80.' },
  SubjectMissing: { of: ['SinkBindingAvailable'], means: 'The workload that `subject.name` names does not exist.' },
  NoSubjects: { of: ['SinkBindingAvailable'], holds: 'always', means: 'The selector selects nothing yet.' },
  SubjectNotBindable: { of: ['SinkBindingAvailable'], means: 'The kind has no pod template.' },
  SubjectOwned: { of: ['SinkBindingAvailable'], means: 'A controller made the workload of something else.' },
  SubjectExcluded: {
    of: ['SinkBindingAvailable'],
    means: 'A label of the workload or its namespace keeps SinkBindings away.',
  },
  SubjectForbidden: { of: ['SinkBindingAvailable'], means: 'Millrace may not read or change workloads of this kind.' },
  Conflict: { of: ['SinkBindingAvailable'], means: 'Another SinkBinding has the same variables of the same workload.' },
  Contested: {
    of: ['SinkBindingAvailable'],
    means: 'Someone took the variables away again and again; they are not put in any more.',
  },
  JobNotBound: { of: ['SinkBindingAvailable'], means: 'A Job began without the variables, and cannot be changed.' },
  BindingFailed: { of: ['SinkBindingAvailable'], means: 'The API server does not take the change of the workload.' },
  SpecInvalid: { of: ['SinkBindingAvailable'], means: 'The object was stored past admission, and is not understood.' },
  Pending: { of: ['SinkProvided', 'SinkBindingAvailable'], means: 'It is on its way.' },
}

export const kafkaSourceReasons: Words<KafkaSourceConditionType, KafkaSourceReason> = {
  ReferenceNotResolved: {
    of: ['SinkProvided', 'DeadLetterSinkResolved'],
    means: 'What it refers to does not exist, or has no address.',
  },
  KindNotInstalled: { of: ['SinkProvided', 'DeadLetterSinkResolved'], means: 'The API server knows no such kind.' },
  ReferenceForbidden: {
    of: ['SinkProvided', 'DeadLetterSinkResolved'],
    means: 'Millrace may not read objects of this kind.',
  },
  ServicePortMissing: {
    of: ['SinkProvided', 'DeadLetterSinkResolved'],
    holds: 'always',
    means: 'The Service has no port 80.',
  },
  DeadLetterSinkNotConfigured: {
    of: ['DeadLetterSinkResolved'],
    holds: 'always',
    means: 'There is no dead letter sink: what nobody takes waits.',
  },
  SecretNotFound: { of: ['KafkaReady'], holds: 'too', means: 'A Secret of `spec.net` does not exist.' },
  SecretKeyMissing: { of: ['KafkaReady'], holds: 'too', means: 'A Secret of `spec.net` lacks a key.' },
  SecretInvalid: { of: ['KafkaReady'], holds: 'too', means: 'A value of a Secret of `spec.net` cannot be used.' },
  SecretForbidden: { of: ['KafkaReady'], holds: 'too', means: 'Millrace may not read the Secret.' },
  CredentialNotStored: {
    of: ['KafkaReady'],
    holds: 'too',
    means: 'What the Secret says could not be handed to the workers.',
  },
  CredentialNotFound: { of: ['KafkaReady'], means: kafkaFaults.CredentialNotFound },
  LogUnavailable: { of: ['KafkaReady'], means: 'Nothing answers at `bootstrapServers`.' },
  AuthenticationFailed: { of: ['KafkaReady'], means: kafkaFaults.AuthenticationFailed },
  TlsFailed: { of: ['KafkaReady'], means: kafkaFaults.TlsFailed },
  NotAuthorized: { of: ['KafkaReady', 'TopicsReady', 'ConsumerGroup'], means: kafkaFaults.NotAuthorized },
  LogRefused: { of: ['KafkaReady'], means: 'Kafka refuses what was asked of it; the message has its words.' },
  TopicNotFound: { of: ['TopicsReady'], means: 'A topic does not exist. The other topics are read meanwhile.' },
  TopicsEmpty: { of: ['TopicsReady'], means: 'No topic is as the pattern says, yet.' },
  GroupTaken: { of: ['ConsumerGroup'], means: 'Another object reads the same topic with the same group.' },
  GroupInUse: { of: ['ConsumerGroup'], means: kafkaFaults.GroupInUse },
  Paused: { of: ['ConsumerGroup'], means: 'It is paused on purpose.' },
  DispatcherNotConsuming: { of: ['ConsumerGroup'], means: 'No dispatcher is Ready.' },
  PartitionsUnowned: { of: ['ConsumerGroup'], means: 'Partitions have no dispatcher that knows this version.' },
  Starting: { of: ['ConsumerGroup'], means: 'A dispatcher is taking this version up.' },
  NotOurs: { of: ['ConsumerGroup'], means: 'An object of another owner stands where one of ours should be.' },
  Deleting: { of: ['ConsumerGroup'], means: 'It is being deleted, and waits for what the message says.' },
  SpecInvalid: { of: ['ConsumerGroup'], means: 'The object was stored past admission, and is not understood.' },
  EventsExpired: { of: ['ConsumerGroup'], holds: 'always', means: kafkaFaults.EventsExpired },
  PositionsExpire: { of: ['ConsumerGroup'], holds: 'always', means: kafkaFaults.PositionsExpire },
  LoopDetected: { of: ['ConsumerGroup'], holds: 'always', means: kafkaFaults.LoopDetected },
  DeliveryFailed: {
    of: ['ConsumerGroup'],
    holds: 'always',
    means: 'An event waits because nobody takes it, or was dropped.',
  },
  Pending: {
    of: ['SinkProvided', 'DeadLetterSinkResolved', 'KafkaReady', 'TopicsReady', 'ConsumerGroup'],
    means: 'It is on its way.',
  },
  OIDCDisabled: { of: ['OIDCIdentityCreated'], holds: 'always', means: 'Requests carry no identity here.' },
}

/** `status.fault.reason` of an Outlet. */
export const outletReasons: Readonly<Record<OutletFaultReason, string>> = {
  ...kafkaFaults,
  TopicNotFound: 'The topic does not exist (any more).',
  DeliveryFailed: 'Events are parked or dropped, or wait because nobody takes them.',
}
