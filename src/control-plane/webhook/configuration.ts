import type { KubeObject } from '../../kube/client.ts'
import { mutatingName, validatingName } from './names.ts'

/** Where the API server finds the webhooks. */
export interface WebhookAddress {
  /** The system namespace, and the Service in it. */
  readonly namespace: string
  readonly serviceName: string
  /** `https://127.0.0.1:8443`: instead of the Service, for an API server that runs outside of a cluster. */
  readonly url?: string
}

/**
 * The two webhook configurations, without `caBundle`: the leader puts it there, and whoever applies these again leaves it alone. Every field
 * that has a default says it: else `kubectl apply` finds a difference each time.
 *
 * Mutating is asked in the version that was sent (Exact), for only there are old fields seen; validating in v1 whatever was sent (Equivalent).
 */
export function webhookConfigurations(address: WebhookAddress): KubeObject[] {
  const mutating = {
    ...common(address, mutatingName, '/mutate'),
    rules: [rule(['v1', 'v1beta1', 'v1alpha1'])],
    matchPolicy: 'Exact',
    reinvocationPolicy: 'IfNeeded',
  }
  const validating = {
    ...common(address, validatingName, '/validate'),
    rules: [rule(['v1'])],
    matchPolicy: 'Equivalent',
  }
  return [
    configuration('MutatingWebhookConfiguration', mutatingName, mutating),
    configuration('ValidatingWebhookConfiguration', validatingName, validating),
  ]
}

function configuration(kind: string, name: string, webhook: object): KubeObject {
  const labels = { 'app.kubernetes.io/name': 'millrace', 'app.kubernetes.io/component': 'controller' }
  return { apiVersion: 'admissionregistration.k8s.io/v1', kind, metadata: { name, labels }, webhooks: [webhook] }
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
    matchConditions: [{ name: 'not-being-deleted', expression: '!has(object.metadata.deletionTimestamp)' }],
  }
}

function rule(apiVersions: readonly string[]): object {
  return {
    apiGroups: ['eventing.knative.dev'],
    apiVersions,
    operations: ['CREATE', 'UPDATE'],
    resources: ['brokers', 'triggers'],
    scope: 'Namespaced',
  }
}
