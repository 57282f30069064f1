import type { RequestOptions } from 'node:https'
import { Fault } from '../core/fault.ts'
import type { Access } from './access.ts'

/**
 * The current context of a kubeconfig file, credential plugins included. Without `path` as kubectl finds it: $KUBECONFIG, ~/.kube/config,
 * else the service account of the pod. client-node is loaded here and only when this is called: it costs a process tens of megabytes.
 * @throws Fault ApiRefused when the file says nothing that we can use, with what is wrong in it.
 */
export async function kubeconfigAccess(path?: string): Promise<Access> {
  const { KubeConfig } = await import('@kubernetes/client-node')
  const config = new KubeConfig()
  try {
    if (path === undefined) config.loadFromDefault()
    else config.loadFromFile(path)
  } catch (cause) {
    const { message } = cause as Error
    throw new Fault('ApiRefused', `kubeconfig ${path ?? '(default)'} cannot be read: ${message}`, { cause })
  }
  const cluster = config.getCurrentCluster()
  if (cluster === null) throw unusable(path, 'its current context names no cluster: kubectl config use-context NAME')
  if (cluster.proxyUrl) throw unusable(path, 'proxy-url is not supported: reach the API server without a proxy')

  const credentials = async (): Promise<RequestOptions> => {
    const options: RequestOptions = {}
    if (config.getCurrentUser() !== null) await config.applyToHTTPSOptions(options)
    return options
  }
  const first = await credentials()
  if (first.auth) throw unusable(path, 'user name and password are not supported: use a token or a client certificate')
  return {
    server: cluster.server,
    namespace: config.getContextObject(config.getCurrentContext())?.namespace ?? 'default',
    ...pem('ca', first.ca),
    ...pem('cert', first.cert),
    ...pem('key', first.key),
    ...(cluster.skipTLSVerify ? { skipTlsVerify: true } : {}),
    ...(cluster.tlsServerName ? { serverName: cluster.tlsServerName } : {}),
    // Asked again and again: a credential plugin makes a new one when the old one expires.
    ...(bearer(first) === undefined ? {} : { token: async () => bearer(await credentials()) ?? '' }),
  }
}

function bearer({ headers }: RequestOptions): string | undefined {
  const header = (headers as Record<string, unknown> | undefined)?.['Authorization']
  return typeof header === 'string' ? header.replace(/^Bearer /, '') : undefined
}

function pem<K extends 'ca' | 'cert' | 'key'>(name: K, value: unknown): { [P in K]?: string } {
  const text = Buffer.isBuffer(value) || typeof value === 'string' ? String(value) : undefined
  return (text === undefined ? {} : { [name]: text }) as { [P in K]?: string }
}

function unusable(path: string | undefined, why: string): Fault {
  return new Fault('ApiRefused', `kubeconfig ${path ?? '(default)'}: ${why}`)
}
