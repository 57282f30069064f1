import type { BrokerReason } from '../../../api/broker.ts'
import type { KafkaSourceReason } from '../../../api/kafka-source.ts'
import type { SinkBindingReason } from '../../../api/sink-binding.ts'
import type { TriggerReason } from '../../../api/trigger.ts'
import type { OutletFaultReason } from '../../../contract/route-source.ts'

type Known = BrokerReason | TriggerReason | SinkBindingReason | KafkaSourceReason | OutletFaultReason

/** Stand for what is described, in the commands of an advice. */
const placeholders = /\$(KIND|NAME|NS|SYSTEM|BROKER)/g

export interface AdviceFor {
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly systemNamespace: string
  /** Of a Trigger. */
  readonly broker?: string | undefined
}

/** What to do about a reason, beside what its message says already. A reason that is new must get a line here: the compiler asks for it. */
const advices: Readonly<Record<Known, string>> = {
  ConfigInvalid: 'Correct that value in the ConfigMap; the Broker follows within seconds.',
  ConfigMapNotFound: 'Apply the ConfigMap, or make the Broker again without spec.config.',
  KafkaNotConfigured:
    'Say where Kafka is: kubectl patch configmap kafka-broker-config -n $SYSTEM --type merge -p \'{"data":{"bootstrap.servers":"HOST:9092"}}\'',
  SpecInvalid: 'See what is wrong: kubectl get $KIND $NAME -n $NS -o yaml | millrace check -f -',
  ReferenceNotResolved:
    'Apply what it refers to, or correct the reference. Does it stand in another namespace? Then say so in ref.namespace.',
  KindNotInstalled: 'Correct apiVersion and kind of the reference, or install what brings the kind.',
  ReferenceForbidden: 'Apply the ClusterRole that the message prints.',
  ServicePortMissing: 'Events go to port 80 of the Service: add it, or name another with uri.',
  DeadLetterSinkNotConfigured:
    'None is configured: what cannot be delivered is parked. Name one in spec.delivery.deadLetterSink if you want it elsewhere.',
  TopicTaken:
    'Another Broker has this topic: remove one of the two annotations, or delete the Broker that should not have it.',
  NameTooLong: 'Choose a shorter name: it becomes part of the name of a topic, and Kafka allows 249 characters.',
  Pending: 'Nothing to do: it is on its way. When it stays so: kubectl logs deployment/millrace-controller -n $SYSTEM',
  TopicNotFound:
    'The topic does not exist in Kafka. It is made again when it is ours; one that an annotation names is for you to make.',
  LogUnavailable:
    'Kafka does not answer: is it up, and is bootstrap.servers right? kubectl get configmap kafka-broker-config -n $SYSTEM -o yaml',
  NotAuthorized: 'Kafka refuses our user: give it the rights that the message names (kafka-acls --add ...).',
  AuthenticationFailed: 'Kafka refuses user or password: correct the Secret; it is read again within a minute.',
  TlsFailed: 'No TLS connection: check ca.crt in the Secret, and whether the port speaks TLS at all.',
  CredentialNotFound: 'Apply the Secret that is named, in the namespace where it is looked for.',
  SecretNotFound:
    'Apply the Secret that is named, in the namespace where it is looked for; it is seen within a minute.',
  SecretKeyMissing: 'Add the key that the message names to the Secret; it is read again within a minute.',
  SecretInvalid: 'Correct the Secret as the message says; it is read again within a minute.',
  SecretForbidden: 'Give Millrace the right to read this Secret, or name one that objects of this namespace may use.',
  CredentialNotStored: 'See what the API server refuses: kubectl logs deployment/millrace-controller -n $SYSTEM',
  TopicsEmpty:
    'Nothing to do until there is such a topic: it is read within seconds, from its first record. Or correct the pattern.',
  Paused:
    'It is paused on purpose, by spec.consumers 0 or an annotation: take that away and it goes on where it stopped.',
  PositionsExpire:
    'Events flow. Give our user the right to delete the consumer group, or choose a new one, so that Kafka does not forget its positions.',
  OIDCDisabled: 'Nothing to do: requests carry no identity here.',
  LogRefused: 'Kafka refuses what the topic should be: correct what the message quotes.',
  TopicDiffers: 'It works. To have the topic as the ConfigMap says, change it in Kafka; partitions can only grow.',
  TopicRecreated: 'It works. Somebody deleted the topic; events that were in it are gone.',
  TopicKept: 'It works. To use the other topic delete the Broker and make it again.',
  IngressNotReady: 'See why no ingress runs: kubectl get pods -n $SYSTEM -l app.kubernetes.io/component=ingress',
  IngressNotListening: 'Nothing to do for some seconds. When it stays so: kubectl get pods,workers -n $SYSTEM',
  NotOurs: 'Something of another owner stands in the place: rename or delete that, once you know whose it is.',
  Refused: 'The API server refuses the Service that the address names: the message has its words.',
  Deleting: 'It is going; the message says what it waits for.',
  BrokerDoesNotExist: 'Make it: kubectl apply a Broker $BROKER in namespace $NS, or correct spec.broker.',
  BrokerNotReady: 'It is the Broker that has a problem: millrace describe broker $BROKER -n $NS',
  GroupTaken: 'Another Trigger has this consumer group: delete the one that should not have it.',
  DispatcherNotConsuming:
    'See why no dispatcher runs: kubectl get pods -n $SYSTEM -l app.kubernetes.io/component=dispatcher',
  PartitionsUnowned:
    'A rebalance is under way; some seconds. When it stays so: millrace get workers -n $SYSTEM -o wide',
  Starting:
    'A dispatcher is taking it up; some seconds. When it stays so: kubectl logs statefulset/millrace-dispatcher -n $SYSTEM',
  GroupInUse: 'Another program is a member of this consumer group: stop it, deliveries go on by themselves.',
  EventsExpired:
    'Events were gone before they could be delivered: lengthen the retention of the topic, or make the subscriber faster.',
  LoopDetected:
    'A reply of the subscriber comes back to it: narrow the filter so that it does not pass its own replies.',
  DeliveryFailed:
    'Events flow, but some could not be delivered: mend the subscriber, then look into the dead letter sink or the parked events. The fate of one: millrace trace ID',
  SubjectMissing: 'Apply the workload, or correct spec.subject.',
  NoSubjects: 'It works; the selector selects nothing yet. Compare: kubectl get deployments -n $NS --show-labels',
  SubjectNotBindable: 'Name a kind that has a pod template, e.g. Deployment, StatefulSet, CronJob.',
  SubjectOwned: 'Bind the owner that the message names instead.',
  SubjectExcluded:
    'Remove the label bindings.knative.dev/exclude from the workload or its namespace, if it is meant to be bound.',
  SubjectForbidden: 'Apply the ClusterRole that the message prints.',
  Conflict:
    'Delete one of the two SinkBindings, or give one variables of its own: annotation sources.millrace.dev/env-prefix.',
  Contested:
    'Find who takes the variables away (most often a tool that replaces the whole workload) and have it leave env alone.',
  JobNotBound: 'A Job cannot be changed once it began: delete it and create it again.',
  BindingFailed: 'The API server refuses the change to the workload: the message has its words.',
}

/** What to do; '' when we do not know more than the message says. */
export function adviceFor(reason: string, about: AdviceFor): string {
  const known: Readonly<Record<string, string>> = advices
  const text = Object.hasOwn(known, reason) ? (known[reason] ?? '') : ''
  const values: Readonly<Record<string, string>> = {
    KIND: about.kind.toLowerCase(),
    NAME: about.name,
    NS: about.namespace,
    SYSTEM: about.systemNamespace,
    BROKER: about.broker ?? 'NAME',
  }
  return text.replaceAll(placeholders, (_, name: string) => values[name] ?? '')
}
