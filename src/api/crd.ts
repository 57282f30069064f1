import { z } from 'zod'
import { BrokerSpec } from './broker.ts'
import { age, customResourceDefinition, progressColumns, readyColumns, type Version } from './meta/definition.ts'
import { BrokerStatus, TriggerStatus } from './meta/status.ts'
import { structural, type Rule, type StructuralSchema } from './meta/structural.ts'
import { oldVersions } from './old-versions.ts'
import { servedApiVersion } from './kinds.ts'
import { TriggerSpec } from './trigger.ts'

/**
 * CustomResourceDefinitions of what users write. All versions have one schema; the old ones also have the fields that admission rewrites
 * (`old-versions.ts`), so that no conversion is needed. The API server checks, in this order: structure and defaults, the rules (CEL);
 * the rest is for admission (`validate.ts`), which says all of it in our words.
 */

const group = 'eventing.knative.dev'
const categories = ['all', 'knative', 'eventing']
const labels = { 'app.kubernetes.io/name': 'millrace', 'knative.dev/crd-install': 'true' }

/**
 * What a Broker is called must fit into the name of its topic, `knative-broker-<namespace>-<name>`, for which Kafka gives 249 characters.
 * Rules cannot see the namespace: admission asks for its length as well (`validate.ts`).
 */
const brokerRules: readonly Rule[] = [
  {
    rule: 'size(self.metadata.name) <= 232',
    message:
      'the name is too long for a topic of Kafka, which is called knative-broker-<namespace>-<name>: 249 characters',
  },
  {
    rule:
      '(has(self.spec) && has(self.spec.config)) == (has(oldSelf.spec) && has(oldSelf.spec.config))' +
      ' && (!has(self.spec) || !has(self.spec.config) || self.spec.config == oldSelf.spec.config)',
    message: 'cannot be changed: delete this Broker and create it again with the other config',
    fieldPath: '.spec.config',
  },
]

export function brokerDefinition() {
  const spec = structural(BrokerSpec.describe('What is wanted.'))
  const status = structural(BrokerStatus.describe('How it is. Written by the controller.'))
  return customResourceDefinition({
    group,
    kind: 'Broker',
    description:
      'A Broker takes events over HTTP and keeps them in a Kafka topic; Triggers deliver those that pass their filter.',
    categories,
    labels: { ...labels, 'duck.knative.dev/addressable': 'true' },
    columns: [
      { name: 'URL', type: 'string', jsonPath: '.status.address.url' },
      age,
      ...readyColumns,
      { name: 'Class', type: 'string', jsonPath: ".metadata.annotations['eventing\\.knative\\.dev/broker\\.class']" },
    ],
    specRequired: false,
    versions: versions('Broker', { spec: [spec, withChannelTemplate(spec)], status, rules: brokerRules }),
  })
}

export function triggerDefinition() {
  const spec = structural(TriggerSpec.describe('What is wanted.'))
  const status = structural(TriggerStatus.describe('How it is. Written by the controller.'))
  return customResourceDefinition({
    group,
    kind: 'Trigger',
    description: 'A Trigger delivers the events of a Broker that pass its filter to a subscriber.',
    categories,
    labels,
    columns: [
      { name: 'Broker', type: 'string', jsonPath: '.spec.broker' },
      { name: 'Subscriber_URI', type: 'string', jsonPath: '.status.subscriberUri' },
      age,
      ...readyColumns,
      { name: 'Lag', type: 'integer', jsonPath: '.status.lag', description: 'Records that wait.', priority: 1 },
      ...progressColumns,
    ],
    specRequired: true,
    versions: versions('Trigger', { spec: [spec, withOldFields(spec)], status }),
  })
}

function versions(
  kind: string,
  {
    spec: [spec, oldSpec],
    ...rest
  }: {
    readonly spec: readonly [StructuralSchema, old: StructuralSchema]
    readonly status: StructuralSchema
    readonly rules?: readonly Rule[]
  },
): Version[] {
  const old = oldVersions.map((name) => ({
    ...rest,
    name,
    spec: oldSpec,
    deprecationWarning: `${group}/${name} ${kind} is an old version; write ${servedApiVersion}`,
  }))
  return [{ ...rest, name: 'v1', spec }, ...old]
}

/** Of v1alpha1: which Channels a Broker of Channels is made of. Ours ignores it; other classes may want it. */
const ChannelTemplate = z.looseObject({}).describe('Ignored: which Channels a Broker of Channels is made of.')

function withChannelTemplate(spec: StructuralSchema): StructuralSchema {
  return withFields(spec, { channelTemplateSpec: structural(ChannelTemplate) })
}

/** Of v1alpha1: a filter that knows source and type only. */
const SourceAndType = z
  .strictObject({
    source: z.string().optional().describe("The event's source; '' or none: any."),
    type: z.string().optional().describe("The event's type; '' or none: any."),
  })
  .describe('Old form of attributes: becomes attributes when it is applied.')

function withOldFields(spec: StructuralSchema): StructuralSchema {
  const { broker = {}, filter = {} } = spec.properties ?? {}
  return withFields(spec, {
    broker: { ...broker, default: 'default' },
    filter: withFields(filter, { sourceAndType: structural(SourceAndType) }),
  })
}

function withFields(schema: StructuralSchema, fields: Readonly<Record<string, StructuralSchema>>): StructuralSchema {
  return { ...schema, properties: { ...schema.properties, ...fields } }
}
