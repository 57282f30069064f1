import { age, customResourceDefinition, type Column, type Definition } from '../api/meta/definition.ts'
import { structural } from '../api/meta/structural.ts'
import { contractGroup, contractVersion, InletSpec, OutletSpec } from './objects.ts'
import { OutletStatus } from './outlet.ts'
import { WorkerSpec, WorkerStatus } from './worker.ts'

/** CustomResourceDefinitions of what the planes tell each other. `kubectl get outlets -n knative-eventing` shows what the data plane was told. */

const source: readonly Column[] = [
  { name: 'Of', type: 'string', jsonPath: '.spec.source.kind', description: "Kind of the user's object." },
  { name: 'In', type: 'string', jsonPath: '.spec.source.namespace', description: "Namespace of the user's object." },
  { name: 'Source', type: 'string', jsonPath: '.spec.source.name', description: "Name of the user's object." },
]
const topic: Column = { name: 'Topic', type: 'string', jsonPath: '.spec.topic' }

type Schemas = Pick<Definition['versions'][number], 'spec' | 'status'>

function definition(kind: string, description: string, columns: readonly Column[], schemas: Schemas) {
  return customResourceDefinition({
    group: contractGroup,
    kind,
    description,
    categories: ['millrace'],
    labels: { 'app.kubernetes.io/name': 'millrace' },
    columns: [...columns, age],
    specRequired: true,
    versions: [{ name: contractVersion, ...schemas }],
  })
}

export function inletDefinition() {
  const description =
    'Tells the ingress to take events on a path and to append them to a topic. Written by the controller; named by the UID of the source.'
  const columns: Column[] = [...source, { name: 'Path', type: 'string', jsonPath: '.spec.path', priority: 1 }, topic]
  const spec = structural(InletSpec.describe('What the ingress shall do.'))
  return definition('Inlet', description, columns, { spec, status: null })
}

export function outletDefinition() {
  const description =
    'Tells dispatchers to read a topic as one consumer group and to deliver what passes a filter. Written by the controller; named by the UID of the source.'
  const columns: Column[] = [
    ...source,
    topic,
    { name: 'Group', type: 'string', jsonPath: '.spec.group' },
    { name: 'Subscriber', type: 'string', jsonPath: '.spec.subscriber.url' },
    { name: 'State', type: 'string', jsonPath: '.status.state' },
    { name: 'Fault', type: 'string', jsonPath: '.status.fault.reason' },
    { name: 'Lag', type: 'integer', jsonPath: '.status.progress.lag' },
  ]
  const spec = structural(OutletSpec.describe('What dispatchers shall do.'))
  const status = structural(
    OutletStatus.describe('How it is. Written by the dispatcher that owns the lowest partition.'),
  )
  return definition('Outlet', description, columns, { spec, status })
}

export function workerDefinition() {
  const description = 'What one worker pod has in force. Written by that pod and named as it.'
  const columns: Column[] = [
    { name: 'Role', type: 'string', jsonPath: '.spec.role' },
    { name: 'Seen', type: 'string', jsonPath: '.status.seen' },
    { name: 'Topics', type: 'string', jsonPath: '.status.owns[*].topic', priority: 1 },
  ]
  const spec = structural(WorkerSpec.describe('What it is.'))
  const status = structural(WorkerStatus.describe('What it has in force.'))
  return definition('Worker', description, columns, { spec, status })
}
