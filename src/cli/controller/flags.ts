import { z } from 'zod'
import { dashed, metricsPort, metricsPortOf, namespace, port, read, type Environment } from '../flags.ts'
import { everywhere } from '../listen.ts'
import { clusterDomainIn } from './cluster-domain.ts'

const given = z.string().min(1, 'must not be empty')

const Options = z
  .strictObject({
    namespace: namespace.optional(),
    kubeconfig: given.optional(),
    host: given.optional(),
    port,
    metricsPort: metricsPort.optional(),
    image: given.optional(),
    clusterDomain: z
      .string()
      .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'must be a domain, e.g. cluster.local')
      .optional(),
    adopt: z.boolean().default(false),
    workers: z.boolean(),
  })
  .refine(({ kubeconfig, image, workers }) => kubeconfig === undefined || image !== undefined || !workers, {
    path: ['image'],
    error: 'is missing: outside of a pod nobody knows the image of the workers (or say --no-workers)',
  })

/** How the controller is to run. */
export interface ControllerFlags {
  /** The system namespace; absent: that of the pod. */
  readonly namespace: string | undefined
  /** Absent: the service account of the pod. */
  readonly kubeconfig: string | undefined
  /** Of this process: the name of its pod, where it is one. */
  readonly name: string
  readonly host: string
  readonly port: number
  /** Of GET /metrics; absent: there is none. */
  readonly metricsPort: number | undefined
  /** Of the workers; absent: that of this pod. */
  readonly image: string | undefined
  /** Of the Services: `cluster.local`. */
  readonly clusterDomain: string
  readonly adopt: boolean
  /** Whether it makes the workers. */
  readonly workers: boolean
}

/**
 * @param resolvConf what /etc/resolv.conf says: in a pod it knows the domain of the cluster
 * @throws UsageError with every problem at once.
 */
export function controllerFlags(raw: unknown, env: Environment, resolvConf: string): ControllerFlags {
  const flags = read(Options, raw, dashed)
  // the API server and the kubelet reach a pod from outside, nobody else anything that was not meant to be reached
  const host = flags.host ?? (flags.kubeconfig === undefined ? everywhere : '127.0.0.1')
  return {
    ...flags,
    namespace: flags.namespace ?? env.POD_NAMESPACE,
    kubeconfig: flags.kubeconfig,
    image: flags.image,
    clusterDomain: flags.clusterDomain ?? clusterDomainIn(resolvConf) ?? 'cluster.local',
    name: env.POD_NAME ?? `millrace-${process.pid}`,
    host,
    metricsPort: metricsPortOf(flags, flags.kubeconfig === undefined),
  }
}
