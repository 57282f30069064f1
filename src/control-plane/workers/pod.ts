import type { KafkaCluster } from '../../contract/source.ts'
import type { OwnerReference } from '../../kube/client.ts'
import { lineageArgs, lineageVolumes } from './lineage.ts'
import type { Role, WorkerSettings } from './settings.ts'
import { tracingArgs, tracingVolumes, type TracingTarget } from './tracing.ts'
import { volumeMounts, volumes } from './volumes.ts'

/** What the workers are built from: settings, and what the controller knows of itself. Pure data. */
export interface WorkersInput {
  /** The system namespace. */
  readonly namespace: string
  readonly settings: WorkerSettings
  /** Image of the controller, for workers whose settings name none. */
  readonly image: string
  /** Where dispatchers meet, whatever clusters they read; absent: nobody has said yet where Kafka is. */
  readonly kafka?: KafkaCluster
  /** Where traces go; absent: nowhere, and none are made. */
  readonly tracing?: TracingTarget
  /** Deleting it collects the workers; absent when the controller does not run in this namespace. */
  readonly owner?: OwnerReference
}

/** Which pods: selectors are immutable, so never add to these. */
export function selectorLabels(role: Role): Readonly<Record<string, string>> {
  return { 'app.kubernetes.io/name': 'millrace', 'app.kubernetes.io/component': role }
}

export function childLabels(role: Role): Readonly<Record<string, string>> {
  return { ...selectorLabels(role), 'app.kubernetes.io/part-of': 'millrace' }
}

/** Metadata of a child. */
export function childMetadata(name: string, role: Role, { namespace, owner }: WorkersInput) {
  return {
    name,
    namespace,
    labels: childLabels(role),
    ...(owner === undefined ? {} : { ownerReferences: [owner] }),
  }
}

/** `replicas`, where the settings say how many. */
export function replicas(role: Role, { settings }: WorkersInput): { readonly replicas?: number } {
  const { replicas } = settings[role]
  return replicas === undefined ? {} : { replicas }
}

/** Where a worker in a pod tells its metrics, unless it is told otherwise: as the workers of Knative. */
const metricsPort = 9090

/** What a Prometheus goes by that looks at pods; one that goes by PodMonitors finds the port by its name. Whoever wants neither overwrites them. */
const scraped = {
  'prometheus.io/scrape': 'true',
  'prometheus.io/port': String(metricsPort),
  'prometheus.io/path': '/metrics',
} as const

/** What differs between the workers' containers. */
export interface ContainerParts {
  /** Behind the name of its role, which is that of the command too. */
  readonly args: readonly string[]
  readonly port: { readonly name: string; readonly containerPort: number }
  readonly resources: { readonly requests: object; readonly limits: object }
}

/**
 * The pod template. Lists state what the API server would fill in, so that a pod that is as it shall be compares equal.
 * @see https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
 */
export function podTemplate(role: Role, input: WorkersInput, parts: ContainerParts) {
  const { settings } = input
  const { annotations, resources, replicas: _replicas, ...pod } = settings[role]
  const mounted = [...lineageVolumes(settings.lineage), ...tracingVolumes(input.tracing)]
  return {
    metadata: {
      labels: { ...selectorLabels(role), 'app.kubernetes.io/part-of': 'millrace' },
      annotations: { ...scraped, ...annotations },
    },
    spec: {
      affinity: apart(role),
      ...pod,
      serviceAccountName: `millrace-${role}`,
      // A worker drains for 20 s at most after its lame duck.
      terminationGracePeriodSeconds: 30,
      enableServiceLinks: false,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 65_532,
        runAsGroup: 65_532,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: [
        {
          name: role,
          image: settings.image ?? input.image,
          ...(settings.imagePullPolicy === undefined ? {} : { imagePullPolicy: settings.imagePullPolicy }),
          args: [role, ...lineageArgs(settings.lineage), ...parts.args, ...tracingArgs(input.tracing)],
          env: environment(settings),
          ports: [
            { ...parts.port, protocol: 'TCP' },
            { name: 'metrics', containerPort: metricsPort, protocol: 'TCP' },
          ],
          resources: { ...parts.resources, ...resources },
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
          ...probes(parts.port.name),
          ...volumeMounts(mounted),
        },
      ],
      ...volumes(mounted),
    },
  }
}

/** Soft: on one node all of them run, on several none is lost with another. */
function apart(role: Role) {
  return {
    podAntiAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        {
          weight: 100,
          podAffinityTerm: {
            labelSelector: { matchLabels: selectorLabels(role) },
            topologyKey: 'kubernetes.io/hostname',
          },
        },
      ],
    },
  }
}

function environment({ logLevel }: WorkerSettings) {
  const field = (name: string, fieldPath: string) => ({
    name,
    valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } },
  })
  return [
    { name: 'MILLRACE_LOG', value: logLevel },
    field('POD_NAME', 'metadata.name'),
    field('POD_UID', 'metadata.uid'),
    field('POD_NAMESPACE', 'metadata.namespace'),
  ]
}

/**
 * startup: the process may take its time on a busy node. readiness: it has its routes and takes work. liveness: the event loop turns; a Kafka or an API
 * server that is away is no reason to start again, so it asks for nothing else, and is patient.
 */
function probes(port: string) {
  const get = (path: string) => ({ httpGet: { path, port } })
  return {
    startupProbe: { ...get('/healthz'), periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 120 },
    readinessProbe: { ...get('/readyz'), periodSeconds: 2, timeoutSeconds: 2, failureThreshold: 2 },
    livenessProbe: { ...get('/healthz'), periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 },
  }
}
