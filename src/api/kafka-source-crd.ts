import { z } from 'zod'
import { KafkaSourceSpec } from './kafka-source.ts'
import { age, customResourceDefinition, progressColumns, readyColumns } from './meta/definition.ts'
import { progressFields } from './meta/progress.ts'
import { commonStatus, deliveryIdentity } from './meta/status.ts'
import { structural } from './meta/structural.ts'
import { oldKafkaSourceVersions } from './old-versions.ts'

const text = (description: string) => z.string().optional().describe(description)
const count = (description: string) => z.int().optional().describe(description)

/** `status` of a KafkaSource: what Knative's has, and how far it is. */
const KafkaSourceStatus = z.strictObject({
  ...commonStatus,
  sinkUri: text('Where events are delivered to: the sink, resolved.'),
  sinkCACerts: text('Certificate authorities to trust there, PEM.'),
  sinkAudience: text('Audience of the OIDC token that requests to it carry.'),
  deadLetterSinkUri: text('Where events go that could not be delivered.'),
  ceAttributes: z
    .array(
      z
        .strictObject({ type: text('Attribute type.'), source: text('Attribute source.') })
        .describe('Type and source of the events that are made of records that are none.'),
    )
    .optional()
    .describe('What kind of events come out, one entry a topic.'),
  auth: deliveryIdentity,
  consumers: count('How many dispatchers share its partitions now.'),
  selector: text('Labels of the dispatchers, for the scale subresource.'),
  claims: text('Not used.'),
  maxAllowedVReplicas: count('How many partitions its topics have: more dispatchers cannot share them.'),
  placements: z
    .array(
      z
        .strictObject({
          podName: text('Name of the dispatcher.'),
          zoneName: text('Not used.'),
          vreplicas: count('How many partitions it has.'),
        })
        .describe('A dispatcher that has partitions of it.'),
    )
    .optional()
    .describe('Who has its partitions.'),
  topics: z.array(z.string().describe('Name of a topic.')).optional().describe('The topics that are read.'),
  ...progressFields,
})

const eventTypes = [
  {
    type: 'dev.knative.kafka.event',
    description: 'A record of a Kafka topic. One that is a CloudEvent already keeps its own type.',
  },
]

/** The CustomResourceDefinition of KafkaSource. Both versions have one schema. */
export function kafkaSourceDefinition() {
  const spec = structural(KafkaSourceSpec.describe('What is wanted.'))
  const status = structural(KafkaSourceStatus.describe('How it is. Written by the controller.'))
  return customResourceDefinition({
    group: 'sources.knative.dev',
    kind: 'KafkaSource',
    description: 'A KafkaSource delivers the records of existing Kafka topics to a sink, as CloudEvents.',
    categories: ['all', 'knative', 'eventing', 'sources'],
    labels: {
      'app.kubernetes.io/name': 'millrace',
      'knative.dev/crd-install': 'true',
      'duck.knative.dev/source': 'true',
      'eventing.knative.dev/source': 'true',
    },
    annotations: { 'registry.knative.dev/eventTypes': JSON.stringify(eventTypes) },
    columns: [
      { name: 'Topics', type: 'string', jsonPath: '.spec.topics' },
      { name: 'BootstrapServers', type: 'string', jsonPath: '.spec.bootstrapServers' },
      ...readyColumns,
      { name: 'Lag', type: 'integer', jsonPath: '.status.lag' },
      ...progressColumns,
      age,
    ],
    specRequired: true,
    scale: { spec: '.spec.consumers', status: '.status.consumers', selector: '.status.selector' },
    versions: ['v1', ...oldKafkaSourceVersions].map((name) => ({ name, spec, status })),
  })
}
