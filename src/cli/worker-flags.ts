import { z } from 'zod'
import type { KafkaCluster } from '../contract/source.ts'
import {
  bootstrapServers,
  dashed,
  metricsPort,
  metricsPortOf,
  namespace,
  port,
  read,
  tracingShape,
  type Environment,
} from './flags.ts'
import { lineageFlags, lineageShape, type LineageFlags } from './lineage/flags.ts'
import { everywhere } from './listen.ts'
import type { TracingFlags } from './tracing/settings.ts'

/** Where a worker in a cluster has its routes from, and who it is there. */
export interface KubernetesFlags {
  readonly kind: 'kubernetes'
  /** The system namespace; absent: that of the pod. */
  readonly namespace: string | undefined
  /** Absent: the service account of the pod. */
  readonly kubeconfig: string | undefined
  /** Of the pod: names the Worker object. */
  readonly name: string
  readonly podUid: string | undefined
}

export interface FileFlags {
  readonly kind: 'file'
  readonly file: string
  /** Folder of credentials, `<name>.json` each. */
  readonly credentials?: string
}

interface WorkerFlags {
  readonly tracing: TracingFlags
  /** Absent: nothing is remembered. */
  readonly lineage: LineageFlags | undefined
  readonly source: KubernetesFlags | FileFlags
  /** The main Kafka cluster: that of routes that name none, and where dispatchers meet. */
  readonly kafka: KafkaCluster | undefined
  readonly host: string
  /** Of GET /metrics; absent: there is none. */
  readonly metricsPort: number | undefined
}

export interface IngressFlags extends WorkerFlags {
  readonly port: number
  readonly lameDuckMs: number
}

export interface DispatcherFlags extends WorkerFlags {
  readonly instance: string
  readonly group: string
  readonly data: string
  /** Absent: nobody asks. */
  readonly healthPort: number | undefined
}

const name = z.string().regex(/^[a-zA-Z0-9._-]+$/, 'must consist of letters, digits, ".", "_" and "-"')
const given = z.string().min(1, 'must not be empty')

/** `1s`, `500ms`, `0`: milliseconds. */
const duration = z
  .string()
  .regex(/^(0|\d{1,6}(ms|s))$/, 'must be a time such as 1s or 500ms')
  .transform((text) => Number.parseInt(text, 10) * (text.endsWith('ms') ? 1 : 1000))

const workerShape = {
  routes: given.optional(),
  kafka: bootstrapServers.optional(),
  kafkaCredential: name.optional(),
  credentials: given.optional(),
  kubernetes: z.boolean().default(false),
  namespace: namespace.optional(),
  kubeconfig: given.optional(),
  instance: name.optional(),
  host: given.optional(),
  metricsPort: metricsPort.optional(),
  ...tracingShape,
  ...lineageShape,
}

/** So long may kube-proxy and senders take to hear of the end of a pod: kube-proxy alone looks once a second, by default. */
const podLameDuckMs = 3_000

const IngressOptions = between(z.strictObject({ ...workerShape, port, lameDuck: duration.optional() }))
const DispatcherOptions = between(
  z.strictObject({ ...workerShape, group: given, data: given, healthPort: port.optional() }),
).refine(({ kubernetes, instance }) => kubernetes || instance !== undefined, {
  path: ['instance'],
  error: 'is missing: a stable name of this process',
  when: always,
})

interface Sources {
  readonly routes?: string | undefined
  readonly kafka?: string | undefined
  readonly kafkaCredential?: string | undefined
  readonly credentials?: string | undefined
  readonly kubernetes: boolean
  readonly namespace?: string | undefined
  readonly kubeconfig?: string | undefined
  readonly metricsPort?: number | 'off' | undefined
  readonly lineage?: string | undefined
}

/** Also when something else is wrong: all problems are told at once. */
function always(): boolean {
  return true
}

/** Routes come from Kubernetes or from a file; each has flags that the other has no use for. */
function between<T extends z.ZodType<Sources>>(schema: T): T {
  const check = (path: string, error: string, holds: (flags: Sources) => boolean) => ({
    path: [path],
    error,
    when: always,
    holds,
  })
  const checks = [
    check(
      'routes',
      'is of no use beside --kubernetes',
      ({ kubernetes, routes }) => !kubernetes || routes === undefined,
    ),
    check(
      'routes',
      'is missing: name a file of Inlets and Outlets, or take them from the cluster with --kubernetes',
      ({ kubernetes, routes }) => kubernetes || routes !== undefined,
    ),
    check(
      'kafka',
      'is missing: the bootstrap servers of the Kafka cluster, e.g. --kafka localhost:9092',
      ({ kubernetes, kafka }) => kubernetes || kafka !== undefined,
    ),
    check(
      'kafkaCredential',
      'is of no use without --kafka',
      ({ kafka, kafkaCredential }) => kafka !== undefined || kafkaCredential === undefined,
    ),
    check(
      'credentials',
      'is of no use with --kubernetes: there credentials are Secrets',
      ({ kubernetes, credentials }) => !kubernetes || credentials === undefined,
    ),
    check(
      'namespace',
      'is of use with --kubernetes only',
      (flags) => flags.kubernetes || flags.namespace === undefined,
    ),
    check(
      'lineage',
      'is of no use without --metrics-port: that is where it is asked for',
      (flags) => flags.lineage === undefined || metricsPortOf(flags, isInPod(flags)) !== undefined,
    ),
    check(
      'kubeconfig',
      'is of use with --kubernetes only',
      (flags) => flags.kubernetes || flags.kubeconfig === undefined,
    ),
  ]
  return checks.reduce((all, { holds, ...more }) => all.refine(holds, more), schema)
}

const readFlags = <T extends z.ZodType>(schema: T, raw: unknown): z.output<T> => read(schema, raw, dashed)

/** @throws UsageError with every problem at once. */
export function ingressFlags(raw: unknown, env: Environment): IngressFlags {
  const { lameDuck, port, ...worker } = readFlags(withName(IngressOptions, env), raw)
  return { ...workerFlags(worker, env), port, lameDuckMs: lameDuck ?? (worker.kubernetes ? podLameDuckMs : 0) }
}

/** @throws UsageError with every problem at once. */
export function dispatcherFlags(raw: unknown, env: Environment): DispatcherFlags {
  const { group, data, healthPort, ...worker } = readFlags(withName(DispatcherOptions, env), raw)
  const instance = worker.instance ?? env.POD_NAME ?? ''
  const health = healthPort ?? (worker.kubernetes ? 8081 : undefined)
  return { ...workerFlags(worker, env), group, data, instance, healthPort: health }
}

interface Named extends Sources {
  readonly instance?: string | undefined
}

function withName<T extends z.ZodType<Named>>(schema: T, env: Environment): T {
  return schema.refine(({ kubernetes, instance }) => !kubernetes || (instance ?? env.POD_NAME) !== undefined, {
    path: ['instance'],
    error: 'is missing: outside of a pod (which sets POD_NAME) give this process a name',
    when: always,
  })
}

type Bound = Parameters<typeof lineageFlags>[0] & { readonly host?: string | undefined }

function isInPod({ kubernetes, kubeconfig }: Sources): boolean {
  return kubernetes && kubeconfig === undefined
}

function workerFlags(rest: Named & Bound & TracingFlags, env: Environment): WorkerFlags {
  // the kubelet and senders reach a pod from outside, nobody else anything that was not meant to be reached
  const inPod = isInPod(rest)
  const host = rest.host ?? (inPod ? everywhere : '127.0.0.1')
  const { tracingEndpoint, tracingSamplingRate, tracingCredentials } = rest
  const bound = {
    host,
    metricsPort: metricsPortOf(rest, inPod),
    tracing: { tracingEndpoint, tracingSamplingRate, tracingCredentials },
    lineage: lineageFlags(rest, { inPod, host }),
  }
  const kafka = rest.kafka === undefined ? undefined : mainCluster(rest.kafka, rest.kafkaCredential)
  if (rest.routes !== undefined) {
    const credentials = rest.credentials === undefined ? {} : { credentials: rest.credentials }
    return { ...bound, kafka, source: { kind: 'file', file: rest.routes, ...credentials } }
  }
  const name = rest.instance ?? env.POD_NAME ?? ''
  const podUid = name === env.POD_NAME ? env.POD_UID : undefined
  const namespace = rest.namespace ?? env.POD_NAMESPACE
  return { ...bound, kafka, source: { kind: 'kubernetes', namespace, kubeconfig: rest.kubeconfig, name, podUid } }
}

function mainCluster(bootstrapServers: string, credential: string | undefined): KafkaCluster {
  return { bootstrapServers, ...(credential === undefined ? {} : { credential }) }
}
