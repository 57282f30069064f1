import type { KubeObject } from '../../kube/client.ts'
import { childMetadata, podTemplate, replicas, selectorLabels } from './pod.ts'
import type { WorkersInput } from './pod.ts'

const port = 8080

/** Both names stand in manifests of users: that of Knative's Kafka Broker, and that of its other one. */
export const ingressServices = ['kafka-broker-ingress', 'broker-ingress'] as const

/** The ingress. Where the settings say no `replicas`, see withReplicas. */
export function ingressDeployment(input: WorkersInput): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: childMetadata('millrace-ingress', 'ingress', input),
    spec: {
      ...replicas('ingress', input),
      selector: { matchLabels: selectorLabels('ingress') },
      // The new pod serves before an old one goes: a sender never meets fewer of them.
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: podTemplate('ingress', input, {
        args: ['--kubernetes', '--port', String(port)],
        port: { name: 'http', containerPort: port },
        resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { cpu: '2', memory: '512Mi' } },
      }),
    },
  }
}

/** Port 80 of `kafka-broker-ingress.<system namespace>` or its alias → the ingress. */
export function ingressService(name: (typeof ingressServices)[number], input: WorkersInput): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: childMetadata(name, 'ingress', input),
    spec: {
      selector: selectorLabels('ingress'),
      ports: [{ name: 'http', port: 80, targetPort: port, protocol: 'TCP' }],
    },
  }
}
