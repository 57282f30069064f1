import type { Resource } from './client.ts'

const namespaced = (group: string, version: string, plural: string, kind: string): Resource => ({
  group,
  version,
  plural,
  kind,
  namespaced: true,
})
const clusterWide = (group: string, version: string, plural: string, kind: string): Resource => ({
  group,
  version,
  plural,
  kind,
  namespaced: false,
})

/** The kinds that we work with, as the API server serves them. */
export const kinds = {
  broker: namespaced('eventing.knative.dev', 'v1', 'brokers', 'Broker'),
  sinkBinding: namespaced('sources.knative.dev', 'v1', 'sinkbindings', 'SinkBinding'),
  kafkaSource: namespaced('sources.knative.dev', 'v1', 'kafkasources', 'KafkaSource'),
  trigger: namespaced('eventing.knative.dev', 'v1', 'triggers', 'Trigger'),
  inlet: namespaced('internal.millrace.dev', 'v1alpha1', 'inlets', 'Inlet'),
  outlet: namespaced('internal.millrace.dev', 'v1alpha1', 'outlets', 'Outlet'),
  worker: namespaced('internal.millrace.dev', 'v1alpha1', 'workers', 'Worker'),
  configMap: namespaced('', 'v1', 'configmaps', 'ConfigMap'),
  secret: namespaced('', 'v1', 'secrets', 'Secret'),
  service: namespaced('', 'v1', 'services', 'Service'),
  serviceAccount: namespaced('', 'v1', 'serviceaccounts', 'ServiceAccount'),
  pod: namespaced('', 'v1', 'pods', 'Pod'),
  event: namespaced('', 'v1', 'events', 'Event'),
  namespace: clusterWide('', 'v1', 'namespaces', 'Namespace'),
  lease: namespaced('coordination.k8s.io', 'v1', 'leases', 'Lease'),
  deployment: namespaced('apps', 'v1', 'deployments', 'Deployment'),
  statefulSet: namespaced('apps', 'v1', 'statefulsets', 'StatefulSet'),
  daemonSet: namespaced('apps', 'v1', 'daemonsets', 'DaemonSet'),
  replicaSet: namespaced('apps', 'v1', 'replicasets', 'ReplicaSet'),
  job: namespaced('batch', 'v1', 'jobs', 'Job'),
  cronJob: namespaced('batch', 'v1', 'cronjobs', 'CronJob'),
  podDisruptionBudget: namespaced('policy', 'v1', 'poddisruptionbudgets', 'PodDisruptionBudget'),
  crd: clusterWide('apiextensions.k8s.io', 'v1', 'customresourcedefinitions', 'CustomResourceDefinition'),
  mutatingWebhook: clusterWide(
    'admissionregistration.k8s.io',
    'v1',
    'mutatingwebhookconfigurations',
    'MutatingWebhookConfiguration',
  ),
  validatingWebhook: clusterWide(
    'admissionregistration.k8s.io',
    'v1',
    'validatingwebhookconfigurations',
    'ValidatingWebhookConfiguration',
  ),
} as const satisfies Record<string, Resource>
