import { age, customResourceDefinition, readyColumns } from './meta/definition.ts'
import { structural } from './meta/structural.ts'
import { oldSinkBindingVersions } from './old-versions.ts'
import { SinkBindingSpec, SinkBindingStatus } from './sink-binding.ts'

/** The CustomResourceDefinition of SinkBinding. All versions have one schema. */
export function sinkBindingDefinition() {
  const spec = structural(SinkBindingSpec.describe('What is wanted.'))
  const status = structural(SinkBindingStatus.describe('How it is. Written by the controller.'))
  const old = oldSinkBindingVersions.map((name) => ({
    ...{ name, spec, status },
    deprecationWarning: `sources.knative.dev/${name} SinkBinding is an old version; write sources.knative.dev/v1`,
  }))
  return customResourceDefinition({
    group: 'sources.knative.dev',
    kind: 'SinkBinding',
    description:
      'A SinkBinding gives workloads the address of a sink: K_SINK, in the environment of each of their containers.',
    categories: ['all', 'knative', 'sources', 'bindings'],
    labels: {
      'app.kubernetes.io/name': 'millrace',
      'knative.dev/crd-install': 'true',
      'duck.knative.dev/source': 'true',
      'duck.knative.dev/binding': 'true',
      'eventing.knative.dev/source': 'true',
    },
    columns: [
      { name: 'Sink', type: 'string', jsonPath: '.status.sinkUri' },
      { name: 'Subjects', type: 'integer', jsonPath: '.status.subjectCount' },
      age,
      ...readyColumns,
    ],
    specRequired: true,
    versions: [{ name: 'v1', spec, status }, ...old],
  })
}
