import { settingKeys } from '../../control-plane/workers/settings.ts'
import type { Environment } from '../flags.ts'
import { code, page, table, type Row } from './markdown.ts'

type Words = readonly [fallback: string, says: string]

/** Keys of config-millrace; fields of pods without the worker before them. */
const settingWords: Readonly<Record<string, Words>> = {
  image: ['that of the controller', 'Image of the workers.'],
  imagePullPolicy: ['as Kubernetes does for the tag', '`Always`, `IfNotPresent` or `Never`.'],
  'log.level': ['`info`', '`debug`, `info`, `warn` or `error`.'],
  'kafka.fleetGroup': [
    '`millrace-dispatcher`',
    'The Kafka group in which dispatchers share out partitions. Change it only while no dispatcher runs.',
  ],
  lineage: [
    '`{enabled: true, mib: 64, hours: 24}`',
    'What each worker remembers of events for `millrace trace`: whether, how much, how long: [lineage.md](../lineage.md).',
  ],
  replicas: ['two at first, then the number is yours', 'How many pods.'],
  resources: [
    'ingress: requests cpu 100m, memory 128Mi, limits cpu 2, memory 512Mi; dispatcher: cpu 200m, memory 256Mi, limits cpu 2, memory 1Gi',
    '`requests` and `limits`; each replaces its default as a whole.',
  ],
  nodeSelector: ['', 'Labels of nodes.'],
  tolerations: ['', 'As Kubernetes has it.'],
  affinity: ['pods of the same worker prefer different nodes', 'As Kubernetes has it; it replaces the default.'],
  topologySpreadConstraints: ['', 'As Kubernetes has it.'],
  priorityClassName: ['', 'Name of a PriorityClass.'],
  imagePullSecrets: ['', 'List of `name: …`.'],
  annotations: ['', 'Annotations of the pods.'],
}

const kafkaKeys: readonly Row[] = [
  ['`bootstrap.servers`', 'required', 'Where Kafka is: `host:port`, several separated by commas.'],
  [
    '`default.topic.partitions`',
    '`10`',
    'How many partitions the topic of a Broker is made with. One that exists is not changed.',
  ],
  ['`default.topic.replication.factor`', '`3`', 'How many replicas it is made with; fewer brokers than that lower it.'],
  [
    '`default.topic.config.<name>`',
    'as Kafka has it',
    'Any topic configuration of Kafka, e.g. `default.topic.config.retention.ms`.',
  ],
  [
    '`auth.secret.ref.name`',
    'nobody signs in',
    'The Secret to sign in with: [operations.md](../operations.md#signing-in-to-kafka).',
  ],
]

const defaultsKeys: readonly Row[] = [
  [
    '`default-br-config`',
    'class Kafka, ConfigMap `kafka-broker-config`, no delivery',
    'YAML with `clusterDefault` and `namespaceDefaults.<namespace>`; in each `brokerClass`, `apiVersion`, `kind`, `name`, `namespace`, `delivery`, and the same below `brokerClasses.<class>`, which goes first. `disallowDifferentNamespaceConfig: true` keeps Brokers from naming ConfigMaps of other namespaces.',
  ],
]

const tracingKeys: readonly Row[] = [
  ['`tracing-protocol`', '`none`', '`none` or `http/protobuf`.'],
  ['`tracing-endpoint`', '', 'URL of a collector of OTLP over HTTP.'],
  [
    '`tracing-sampling-rate`',
    '`0`',
    'How many of the traces that begin here are kept, 0 to 1; where a sender has decided, that holds.',
  ],
]

const sugarKeys: readonly Row[] = [
  [
    '`namespace-selector`',
    'none',
    'YAML, a label selector: these namespaces get a Broker `default`, besides those with the label. `{}`: all.',
  ],
]

const sameForTraces = 'The same, for traces; it goes first.'

/** Of OpenTelemetry. */
const traces = {
  OTEL_SDK_DISABLED: ['', '`true`: no traces.'],
  OTEL_TRACES_EXPORTER: ['`otlp`', '`otlp` or `none`.'],
  OTEL_TRACES_SAMPLER: [
    '`parentbased_always_on`',
    '`parentbased_always_on`, `parentbased_always_off` or `parentbased_traceidratio`.',
  ],
  OTEL_TRACES_SAMPLER_ARG: ['`1`', 'Which part of traces that begin here is kept, 0 to 1.'],
  OTEL_SERVICE_NAME: ['', 'What the process is called in traces.'],
  OTEL_RESOURCE_ATTRIBUTES: ['', '`name=value,…`: what is said of the process.'],
  OTEL_EXPORTER_OTLP_ENDPOINT: ['', 'URL of a collector. Without one there are no traces.'],
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: ['', sameForTraces],
  OTEL_EXPORTER_OTLP_PROTOCOL: ['', '`http/protobuf`.'],
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: ['', sameForTraces],
  OTEL_EXPORTER_OTLP_HEADERS: ['', '`name=value,…`: headers for the collector.'],
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: ['', sameForTraces],
  OTEL_EXPORTER_OTLP_CERTIFICATE: ['', 'File with authorities to trust, PEM.'],
  OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE: ['', sameForTraces],
} as const

const environment: Readonly<Record<keyof Environment, Words>> = {
  MILLRACE_LOG: [
    '`warn`; `dev`: `error`; in a pod `log.level`',
    'What is logged, JSON lines on standard error: `debug`, `info`, `warn`, `error` or `silent`.',
  ],
  POD_NAME: ['set in pods', 'Name of the pod that a worker or the controller runs in.'],
  POD_UID: ['set in pods', 'UID of that pod.'],
  POD_NAMESPACE: ['set in pods', 'Namespace of that pod: the system namespace.'],
  PORT: ['', 'Of `millrace viewer`: as `--port`.'],
  VIEWER_TOKEN: ['', 'Of `millrace viewer`: as `--token`.'],
  NO_COLOR: ['', 'Set to anything: no colours.'],
  TERM: ['', '`dumb`: no colours.'],
  ...traces,
}

/** docs/reference/settings.md. @throws Error when a key has no words here. */
export function settingsPage(): string {
  const head = ['key', 'default', 'what it says']
  return page(
    '# Settings',
    'ConfigMaps of the system namespace, `knative-eventing`. Shipped ones hold documentation only, under `_example`; set keys beside it. Flags of processes: [commands.md](commands.md).',
    '## config-millrace',
    'How the workers run. Values are YAML. `workers.<field>` speaks of both workers, `ingress.<field>` and `dispatcher.<field>` of one, and replace it as a whole. A change rolls the workers; a mistake changes nothing, and an Event on the ConfigMap names it.',
    table(head, settingKeys.map(settingRow)),
    '## kafka-broker-config',
    'Where Kafka is, and how topics of Brokers are made. A ConfigMap that a Broker names in `spec.config` has the same keys and goes over it, key by key.',
    table(head, kafkaKeys),
    '## config-br-defaults',
    'What a Broker gets that does not say it itself, when it is created.',
    table(head, defaultsKeys),
    '## config-sugar',
    'Which namespaces get a Broker `default`. Millrace never deletes it.',
    table(head, sugarKeys),
    '## config-observability',
    'Where the workers send traces: [tracing.md](../tracing.md). What the collector wants to see goes into Secret `millrace-tracing`: `headers`, `ca.crt`. Other keys of Knative are without effect.',
    table(head, tracingKeys),
    '## Environment',
    'Also the standard ones of Node.js (`NODE_EXTRA_CA_CERTS`, …), and `KUBECONFIG` as kubectl has it.',
    table(
      ['variable', 'default', 'what it says'],
      Object.entries(environment).map(([name, [fallback, says]]) => [code(name), fallback, says]),
    ),
  )
}

function settingRow(key: string): Row {
  const words = settingWords[key] ?? settingWords[key.slice(key.indexOf('.') + 1)]
  if (words === undefined) throw new Error(`src/cli/reference/settings.ts has no words for ${key}`)
  return [code(key), ...words]
}
