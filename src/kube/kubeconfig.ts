import type { RequestOptions } from 'node:https'
import { Fault } from '../core/fault.ts'
import type { Access } from './access.ts'

/**
 * A context of a kubeconfig file, credential plugins included: the current one unless `context` names another. Without `path` as kubectl finds
 * it: $KUBECONFIG, ~/.kube/config, else the service account of the pod. client-node is loaded here and only when this is called: it costs a
 * process tens of megabytes.
 * @throws Fault ApiRefused when the file says nothing that we can use, with what is wrong in it.
 */
export async function kubeconfigAccess(path?: string, context?: string): Promise<Access> {
  const { KubeConfig } = await import('@kubernetes/client-node')
  const config = new KubeConfig()
  try {
    if (path === undefined) config.loadFromDefault()
    else config.loadFromFile(path)
  } catch (cause) {
    const { message } = cause as Error
    throw new Fault('ApiRefused', `kubeconfig ${path ?? '(default)'} cannot be read: ${message}`, { cause })
  }
  if (context !== undefined) chooseContext(config, path, context)
  const cluster = config.getCurrentCluster()
  if (cluster === null) throw unusable(path, 'its current context names no cluster: kubectl config use-context NAME')
  if (cluster.proxyUrl) throw unusable(path, 'proxy-url is not supported: reach the API server without a proxy')

  if (path === undefined && cluster.server === nowhere) throw new Fault('ApiRefused', noKubeconfig)

  const credentials = async (): Promise<RequestOptions> => {
    const options: RequestOptions = {}
    if (config.getCurrentUser() === null) return options
    try {
      await config.applyToHTTPSOptions(options)
    } catch (cause) {
      throw unusable(path, `no credentials: ${(cause as Error).message}`)
    }
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

/** What client-node makes up where it finds nothing. */
const nowhere = 'http://localhost:8080'
const noKubeconfig =
  'nothing says how to reach a cluster: there is neither $KUBECONFIG nor ~/.kube/config; name a file with --kubeconfig'

interface Contexts {
  readonly contexts: readonly { readonly name: string }[]
  setCurrentContext(context: string): void
}

function chooseContext(config: Contexts, path: string | undefined, context: string): void {
  const names = config.contexts.map(({ name }) => name)
  if (!names.includes(context))
    throw unusable(path, `there is no context ${JSON.stringify(context)}; it has ${names.join(', ') || 'none'}`)
  config.setCurrentContext(context)
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
