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
  // it wants a cluster, which no plugin is told of
  const cluster = { name: 'cluster', cluster: { server: 'https://cluster' } }
  const context = { name: 'context', context: { cluster: 'cluster', user: 'user' } }
  const users = [{ name: 'user', user }]
  const text = JSON.stringify({ clusters: [cluster], contexts: [context], users, 'current-context': 'context' })
  let kept = new KubeConfig()
  kept.loadFromString(text)
  const ask = async (): Promise<RequestOptions> => {
    const options: RequestOptions = {}
    await kept.applyToHTTPSOptions(options)
    return options
  }
  // What a command gave is kept until it expires, and for ever when it does not say when. An `auth-provider` keeps what it renews by: that stays.
  const askAnew = async (): Promise<RequestOptions> => {
    if (user['exec']) {
      kept = new KubeConfig()
      kept.loadFromString(text)
    }
    return ask()
  }
  const first = await ask()
  const token = async (refused?: string): Promise<string> => {
    const held = bearer(await ask())
    return (held === refused ? bearer(await askAnew()) : held) ?? ''
  }
  return {
    ...pair(first),
    ...(first.cert === undefined ? {} : { certificates: async () => pair(await askAnew()) }),
    ...(bearer(first) === undefined ? {} : { token }),
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
