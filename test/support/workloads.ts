import type { StoredObject } from '../../src/kube/client.ts'

/** A variable of a container. */
export interface Variable {
  readonly name: string
  readonly value?: string
  readonly valueFrom?: object
}

interface WorkloadOptions {
  readonly env?: readonly Variable[]
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

const templateOf = (name: string, env: readonly Variable[] | undefined, restartPolicy?: string) => ({
  metadata: { labels: { app: name } },
  spec: {
    containers: [{ name: 'app', image: 'app:1', ...(env === undefined ? {} : { env }) }],
    ...(restartPolicy === undefined ? {} : { restartPolicy }),
  },
})

/** A workload of a kind of Kubernetes itself, with one container. */
export function workload(
  kind: 'Deployment' | 'StatefulSet' | 'DaemonSet' | 'ReplicaSet' | 'Job' | 'CronJob',
  namespace: string,
  name = 'app',
  { env, labels = {}, annotations = {} }: WorkloadOptions = {},
): object {
  const metadata = { namespace, name, labels: { app: name, ...labels }, annotations }
  const selector = { matchLabels: { app: name } }
  const jobTemplate = { spec: { template: templateOf(name, env, 'Never') } }
  const job = { apiVersion: 'batch/v1', kind, metadata }
  if (kind === 'Job') return { ...job, spec: jobTemplate.spec }
  if (kind === 'CronJob') return { ...job, spec: { schedule: '0 0 1 1 *', jobTemplate } }
  const more = kind === 'StatefulSet' ? { serviceName: name } : {}
  return { apiVersion: 'apps/v1', kind, metadata, spec: { selector, template: templateOf(name, env), ...more } }
}

export function deployment(namespace: string, name = 'app', options: WorkloadOptions = {}): object {
  return workload('Deployment', namespace, name, options)
}

/** A SinkBinding of Deployment `app` to Broker `default`, unless `spec` says otherwise. */
export function sinkBinding(
  namespace: string,
  name = 'to-broker',
  spec: object = {},
  annotations: Readonly<Record<string, string>> = {},
): object {
  const ref = { apiVersion: 'eventing.knative.dev/v1', kind: 'Broker', name: 'default' }
  const subject = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'app' }
  return {
    apiVersion: 'sources.knative.dev/v1',
    kind: 'SinkBinding',
    metadata: { namespace, name, annotations },
    spec: { subject, sink: { ref }, ...spec },
  }
}

/** The variables of the first container: name to value. */
export function envOf(object: StoredObject | null): Record<string, string> {
  const spec = (object?.['spec'] ?? {}) as { template?: Template; jobTemplate?: { spec: { template: Template } } }
  const template = spec.jobTemplate?.spec.template ?? spec.template
  const env = template?.spec.containers[0]?.env ?? []
  return Object.fromEntries(env.map(({ name, value = '' }) => [name, value]))
}

interface Template {
  readonly spec: { readonly containers: readonly { readonly env?: readonly Variable[] }[] }
}
