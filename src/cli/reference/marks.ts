import { brokerClassAnnotation, externalTopicAnnotation } from '../../api/broker.ts'
import {
  keyTypeLabel,
  keyTypes,
  pausedAnnotation,
  startAtAnnotation,
  tombstonesAnnotation,
  topicsPatternAnnotation,
} from '../../api/kafka-source.ts'
import { envPrefixAnnotation } from '../../api/sink-binding.ts'
import {
  deliveryOrderAnnotation,
  deliveryOrders,
  dependencyAnnotation,
  onExhaustedAnnotation,
  strictRepliesAnnotation,
} from '../../api/trigger.ts'
import { sourceLabels } from '../../contract/objects.ts'
import { forceDeleteAnnotation } from '../../control-plane/kafka-remains.ts'
import { allowedNamespacesAnnotation, refreshAnnotation } from '../../control-plane/credentials/credentials.ts'
import { recordAnnotation } from '../../control-plane/sink-binding/record.ts'
import { excludeLabel, skipContainersAnnotation } from '../../control-plane/sink-binding/workload.ts'
import { brokerLabel } from '../../control-plane/webhook/admit/trigger.ts'
import { renewAnnotation } from '../../control-plane/webhook/certificate-secret.ts'
import { commandAnnotation } from '../dev/processes.ts'
import { urlAnnotation } from '../dev/services.ts'
import { code, codes } from './markdown.ts'

/** An annotation or label: name, what carries it, values, default, what it says. */
export interface Mark {
  readonly name: string
  readonly on: string
  readonly values: string
  readonly fallback: string
  readonly says: string
}

const mark = (name: string, on: string, values: string, fallback: string, says: string): Mark => ({
  ...{ name, on, values, fallback, says },
})
const none = ''

/** Annotations that users write. */
export const written: readonly Mark[] = [
  mark(
    brokerClassAnnotation,
    'Broker',
    'the name of a class',
    code('Kafka'),
    'Which implementation serves it. Of another class Millrace touches nothing. Cannot be changed.',
  ),
  mark(
    externalTopicAnnotation,
    'Broker',
    'the name of a topic',
    code('knative-broker-<namespace>-<name>'),
    'Use this topic, which exists. It is never made, changed or deleted.',
  ),
  mark(
    deliveryOrderAnnotation,
    'Trigger',
    codes(deliveryOrders),
    code('unordered'),
    'What waits for what: [order](../delivery.md#order).',
  ),
  mark(
    onExhaustedAnnotation,
    'Trigger, KafkaSource',
    '`Park`, `Drop`; of a KafkaSource `Block`, `Drop`',
    '`Park`; `Block`',
    'What becomes of an event that neither subscriber nor dead letter sink takes: [parked events](../delivery.md#parked-events), [events that wait](../delivery.md#events-that-wait-until-they-are-taken).',
  ),
  mark(
    strictRepliesAnnotation,
    'Trigger, KafkaSource',
    '`true`, `false`',
    code('false'),
    'Whether an answer 2xx with a body that is no CloudEvent is a failed delivery: [replies](../delivery.md#replies).',
  ),
  mark(
    topicsPatternAnnotation,
    'KafkaSource',
    'patterns with `*`, separated by commas',
    none,
    'In place of `spec.topics`: [topics by pattern](../kafka-source.md#topics-by-pattern).',
  ),
  mark(
    startAtAnnotation,
    'KafkaSource',
    'a time of RFC 3339',
    none,
    'In place of `spec.initialOffset`: the first record of this time or later.',
  ),
  mark(
    tombstonesAnnotation,
    'KafkaSource',
    '`deliver`, `skip`',
    code('deliver'),
    'What becomes of records without a value.',
  ),
  mark(
    pausedAnnotation,
    'KafkaSource',
    '`true`, `false`',
    code('false'),
    'Whether nothing is delivered. Positions are kept.',
  ),
  mark(
    envPrefixAnnotation,
    'SinkBinding',
    'capital letters, digits, `_`',
    none,
    'Goes before the names of the variables: [several sinks](../sink-binding.md#several-sinks-for-one-workload).',
  ),
  mark(
    skipContainersAnnotation,
    'workload that a SinkBinding binds',
    'names of containers, separated by commas',
    none,
    'These get no variables.',
  ),
  mark(
    refreshAnnotation,
    'Broker, KafkaSource',
    'anything',
    none,
    'Another value has the Secret that it names read at once, and not within a minute.',
  ),
  mark(
    allowedNamespacesAnnotation,
    'Secret',
    'names of namespaces, separated by commas, or `*`',
    none,
    'Whose Brokers may sign in with it, although it is in another namespace.',
  ),
  mark(
    forceDeleteAnnotation,
    'Broker, Trigger, KafkaSource that is being deleted',
    code('true'),
    none,
    'Do not wait for Kafka: give up what it holds (topic, group). An Event says what was left behind.',
  ),
  mark(
    commandAnnotation,
    'workload, in `millrace dev` alone',
    'a command',
    none,
    'The program that stands for its pods on this machine: [on a laptop](../sink-binding.md#on-a-laptop).',
  ),
  mark(
    urlAnnotation,
    'Service, in `millrace dev` alone',
    'a URL',
    none,
    'Where that Service is on this machine, unless `--service` says it.',
  ),
  mark(
    renewAnnotation,
    'Secret of the webhooks',
    'anything',
    none,
    'Make new certificates now. The leader takes the annotation away.',
  ),
]

/** Labels that users write. */
export const labels: readonly Mark[] = [
  mark(keyTypeLabel, 'KafkaSource', codes(keyTypes), code('string'), 'How keys of records are read.'),
  mark(
    'eventing.knative.dev/injection',
    'Namespace',
    '`enabled`, `disabled`',
    none,
    'Whether it gets a Broker `default`; `knative-eventing-injection` is the same.',
  ),
  mark(excludeLabel, 'Namespace, workload', code('true'), none, 'No SinkBinding touches it.'),
  mark(
    'duck.knative.dev/addressable',
    'ClusterRole',
    code('true'),
    none,
    'Millrace gets its rights: kinds that may be a sink or subscriber.',
  ),
  mark(
    'duck.knative.dev/podspecable',
    'ClusterRole',
    code('true'),
    none,
    'Millrace gets its rights: kinds whose pod template a SinkBinding may change.',
  ),
]

/** What Millrace writes, for who finds it. */
export const found: readonly Mark[] = [
  mark('eventing.knative.dev/creator', 'Broker, Trigger', '', none, 'Annotation: who made it. An edit is put back.'),
  mark(
    'eventing.knative.dev/lastModifier',
    'Broker, Trigger',
    '',
    none,
    'Annotation: who last changed its spec. An edit is put back.',
  ),
  mark('sources.knative.dev/creator', 'KafkaSource, SinkBinding', '', none, 'The same.'),
  mark('sources.knative.dev/lastModifier', 'KafkaSource, SinkBinding', '', none, 'The same.'),
  mark(
    brokerLabel,
    'Trigger',
    '',
    none,
    'Label: its Broker, so that `kubectl get triggers -l eventing.knative.dev/broker=NAME` works.',
  ),
  mark(
    recordAnnotation,
    'workload that is bound',
    '',
    none,
    'Annotation: what was put in, and what stood there before.',
  ),
  mark(sourceLabels.kind, 'Inlet, Outlet', '', none, 'Label: the kind of the object that it was made of.'),
  mark(sourceLabels.namespace, 'Inlet, Outlet', '', none, 'Label: the namespace of that object.'),
  mark(sourceLabels.name, 'Inlet, Outlet', '', none, 'Label: the name of that object, its first 63 characters.'),
  mark(
    'millrace.dev/applied-hash',
    'what the controller makes',
    '',
    none,
    'Annotation: what was meant when it was last written.',
  ),
  mark(
    'millrace.dev/made-of',
    'Secret of `millrace-credentials`',
    '',
    none,
    'Annotation: the object and Secrets that it was read from.',
  ),
  mark(
    'millrace.dev/bootstrap-servers',
    'Secret of `millrace-credentials`',
    '',
    none,
    'Annotation: the Kafka cluster that it is for.',
  ),
  mark(
    'serving.webhook.millrace.dev/',
    'Secret of the webhooks',
    '',
    none,
    'Annotation, one a replica: which certificate it serves.',
  ),
  mark('knative.dev/crd-install', 'definition', '', none, 'Label: by which tools of Knative find it.'),
  mark('duck.knative.dev/source', 'definition of SinkBinding, KafkaSource', '', none, 'The same.'),
  mark('duck.knative.dev/binding', 'definition of SinkBinding', '', none, 'The same.'),
  mark('eventing.knative.dev/source', 'definition of SinkBinding, KafkaSource', '', none, 'The same.'),
  mark(
    'registry.knative.dev/eventTypes',
    'definition of KafkaSource',
    '',
    none,
    'Annotation: the types of its events, for tools of Knative.',
  ),
]

/** Knative's, which change nothing here, or are refused. */
export const ofKnative: readonly Mark[] = [
  mark(dependencyAnnotation, 'Trigger', '', none, 'Refused: not yet.'),
  mark(
    'autoscaling.eventing.knative.dev/',
    'KafkaSource',
    '',
    none,
    'All that begin so are ignored, with a warning: scaling by KEDA comes in a later version.',
  ),
  mark('autoscaling.knative.dev/', 'KafkaSource', '', none, 'The same.'),
  mark('keda.autoscaling.knative.dev/', 'KafkaSource', '', none, 'The same.'),
]
