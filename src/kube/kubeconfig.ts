import type { RequestOptions } from 'node:https'
import type { Access, Certificates } from './access.ts'

/** What a user of a kubeconfig signs in with. */
export type Credentials = Pick<Access, 'cert' | 'key' | 'token' | 'certificates'>

/**
 * Asks the credential plugin of a user (`exec`, `auth-provider`), now and whenever what it gave is wanted anew. client-node is loaded here and
 * only when this is called: it knows them all, and costs a process tens of megabytes and most of a second.
 * @param user as it stands in the kubeconfig, with absolute paths.
 * @throws Error of the plugin, also when what it gave is asked for.
 */
export async function pluginCredentials(user: Readonly<Record<string, unknown>>): Promise<Credentials> {
  const { KubeConfig } = await import('@kubernetes/client-node')
  const config = new KubeConfig()
  // it wants a cluster, which no plugin is told of
  const cluster = { name: 'cluster', cluster: { server: 'https://cluster' } }
  const context = { name: 'context', context: { cluster: 'cluster', user: 'user' } }
  const users = [{ name: 'user', user }]
  config.loadFromString(
    JSON.stringify({ clusters: [cluster], contexts: [context], users, 'current-context': 'context' }),
  )
  const ask = async (): Promise<RequestOptions> => {
    const options: RequestOptions = {}
    await config.applyToHTTPSOptions(options)
    return options
  }
  const first = await ask()
  const certificates = async (): Promise<Certificates> => pair(await ask())
  return {
    ...pair(first),
    ...(first.cert === undefined ? {} : { certificates }),
    ...(bearer(first) === undefined ? {} : { token: async () => bearer(await ask()) ?? '' }),
  }
}

function bearer({ headers }: RequestOptions): string | undefined {
  const header = (headers as Record<string, unknown> | undefined)?.['Authorization']
  return typeof header === 'string' ? header.replace(/^Bearer /, '') : undefined
}

function pair({ cert, key }: RequestOptions): Pick<Certificates, 'cert' | 'key'> {
  return { ...(cert === undefined ? {} : { cert: pem(cert) }), ...(key === undefined ? {} : { key: pem(key) }) }
}

/** client-node gives text, or the bytes of a file. */
function pem(value: unknown): string {
  return String(value)
}
