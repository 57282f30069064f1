import { oldKafkaSourceVersions, oldSinkBindingVersions, oldVersions } from '../../api/old-versions.ts'
import type { KubeObject } from '../../kube/client.ts'
import { excludeLabel } from '../sink-binding/workload.ts'
import { bindingKindsName, bindingName, mutatingName, validatingName } from './names.ts'

/** Where the API server finds the webhooks. */
export interface WebhookAddress {
  /** The system namespace, and the Service in it. */
  readonly namespace: string
  readonly serviceName: string
  /** `https://127.0.0.1:8443`: instead of the Service, for an API server that runs outside of a cluster. */
  readonly url?: string
}

/**
 * The webhook configurations, without `caBundle`: the leader puts it there, and whoever applies these again leaves it alone. Every field
 * that has a default says it: else `kubectl apply` finds a difference each time.
 *
 * Mutating is asked in the version that was sent (Exact), for only there are old fields seen; validating in v1 whatever was sent (Equivalent).
 */
export function webhookConfigurations(address: WebhookAddress): KubeObject[] {
  const mutating = {
    ...common(address, mutatingName, '/mutate'),
    rules: [
      rule(eventing, ['v1', ...oldVersions], ['brokers', 'triggers']),
      rule(sources, ['v1', ...oldSinkBindingVersions], ['sinkbindings']),
      rule(sources, ['v1', ...oldKafkaSourceVersions], ['kafkasources']),
    ],
    matchPolicy: 'Exact',
    reinvocationPolicy: 'IfNeeded',
  }
  const validating = {
    ...common(address, validatingName, '/validate'),
    rules: [rule(eventing, ['v1'], ['brokers', 'triggers']), rule(sources, ['v1'], ['sinkbindings', 'kafkasources'])],
    matchPolicy: 'Equivalent',
  }
  return [
    configuration('MutatingWebhookConfiguration', mutatingName, mutating),
    configuration('ValidatingWebhookConfiguration', validatingName, validating),
    configuration('MutatingWebhookConfiguration', bindingName, binding(address)),
    configuration('MutatingWebhookConfiguration', bindingKindsName),
  ]
}

/**
 * Workloads, for SinkBindings. It never stands in the way of a deployment: what it misses is repaired (`sink-binding/reconciler.ts`). It is asked about
 * no subresource, no system namespace, nothing that a controller made, and nothing that our own controller writes, which knows best.
 */
function binding(address: WebhookAddress): object {
  const { namespace } = address
  const excluded = { key: excludeLabel, operator: 'NotIn', values: ['true'] }
  const systems = ['kube-system', 'kube-public', 'kube-node-lease', namespace]
  const controller = `system:serviceaccount:${namespace}:millrace-controller`
  return {
    ...common(address, bindingName, '/bind'),
    failurePolicy: 'Ignore',
    timeoutSeconds: 2,
    namespaceSelector: {
      matchExpressions: [excluded, { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: systems }],
    },
    objectSelector: { matchExpressions: [excluded] },
    matchConditions: [
      notBeingDeleted,
      { name: 'not-by-the-controller', expression: `request.userInfo.username != '${controller}'` },
      {
        name: 'not-made-by-a-controller',
        expression:
          '!has(object.metadata.ownerReferences) || !object.metadata.ownerReferences.exists(owner, has(owner.controller) && owner.controller)',
      },
    ],
    rules: [
      rule('apps', ['v1'], ['deployments', 'statefulsets', 'daemonsets', 'replicasets']),
      rule('batch', ['v1'], ['jobs', 'cronjobs']),
      rule('serving.knative.dev', ['v1'], ['services']),
    ],
    matchPolicy: 'Equivalent',
    reinvocationPolicy: 'IfNeeded',
  }
}

function configuration(kind: string, name: string, webhook?: object): KubeObject {
  const labels = { 'app.kubernetes.io/name': 'millrace', 'app.kubernetes.io/component': 'controller' }
  const webhooks = webhook === undefined ? {} : { webhooks: [webhook] }
  return { apiVersion: 'admissionregistration.k8s.io/v1', kind, metadata: { name, labels }, ...webhooks }
}

function common({ namespace, serviceName, url }: WebhookAddress, name: string, path: string): object {
  const service = { namespace, name: serviceName, path, port: 443 }
  return {
    name,
    admissionReviewVersions: ['v1'],
    clientConfig: url === undefined ? { service } : { url: `${url}${path}` },
    failurePolicy: 'Fail',
    timeoutSeconds: 5,
    sideEffects: 'None',
    namespaceSelector: {},
    objectSelector: {},
    // What is being deleted only loses finalizers: it must go even when no webhook answers.
    matchConditions: [notBeingDeleted],
  }
}

const eventing = 'eventing.knative.dev'
const sources = 'sources.knative.dev'
const notBeingDeleted = { name: 'not-being-deleted', expression: '!has(object.metadata.deletionTimestamp)' }

function rule(group: string, apiVersions: readonly string[], resources: readonly string[]): object {
  return {
    apiGroups: [group],
    apiVersions,
    operations: ['CREATE', 'UPDATE'],
    resources,
    scope: 'Namespaced',
  }
}
