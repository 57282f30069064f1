import type { Agent } from 'node:http'
import https from 'node:https'
import { http } from '../core/node-http.ts'
import type { Access } from './access.ts'
import { Pools } from './transport-pools.ts'

/** A port of a Service. */
export interface ServicePort {
  readonly namespace: string
  readonly service: string
  readonly port: number
}

/** A port of a pod. */
interface PodPort {
  readonly namespace: string
  readonly pod: string
  readonly port: number
}

/** The way into a cluster through its API server (the subresources `services/proxy` and `pods/proxy`): for who is not in the cluster. */
export interface ServiceProxy {
  /** What stands for the Service: paths go below it. */
  urlOf(port: ServicePort): string
  /** The same for one pod. */
  urlOfPod(port: PodPort): string
  readonly agent: Agent
  /** What each request has to carry besides its own headers. Those of who answers cannot be named Authorization. */
  headers(): Promise<Readonly<Record<string, string>>>
  close(): void
}

const maxConnections = 32

export function serviceProxy(access: Access): ServiceProxy {
  const pools = new Pools(access, maxConnections)
  const base = `${access.server.replace(/\/$/, '')}/api/v1/namespaces`
  return {
    urlOf: ({ namespace, service, port }) => `${base}/${namespace}/services/${service}:${port}/proxy`,
    urlOfPod: ({ namespace, pod, port }) => `${base}/${namespace}/pods/${pod}:${port}/proxy`,
    agent: pools.requests,
    headers: async () => {
      const token = await access.token?.()
      return token === undefined ? {} : { authorization: `Bearer ${token}` }
    },
    close: () => pools.destroy(),
  }
}

/** Node.js' client for a URL. */
export function protocolOf(url: URL): typeof http | typeof https {
  return url.protocol === 'http:' ? http : https
}
