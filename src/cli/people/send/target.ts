import type { Agent } from 'node:http'
import { Fault } from '../../../core/fault.ts'
import { conditionsOf } from '../../../kube/status.ts'
import { kinds } from '../../../kube/kinds.ts'
import { serviceProxy, type ServicePort } from '../../../kube/service-proxy.ts'
import { untilDone, withClusterOf } from '../cluster.ts'
import { brokerOfDev } from '../dev.ts'
import type { SendFlags } from './flags.ts'

/** Where events go. */
export interface Target {
  readonly url: URL
  /** For people. */
  readonly name: string
  readonly agent?: Agent
  /** What each request carries besides the event. */
  headers(): Promise<Readonly<Record<string, string>>>
  /** Set: the API server passes requests on to this Service. */
  readonly through?: ServicePort
  close(): void
}

/**
 *     --url ──────────────────────────────────────────────────────────────────────────► there
 *     BROKER ─► dev on this machine has it? (not asked with --kubeconfig, --context) ─► its path
 *            └► the cluster: status.address ─┬ <service>.<namespace>.svc… ───────────► through the API server
 *                                            └ else ─────────────────────────────────► there
 * @throws Fault that says where it was looked.
 */
export async function targetOf(flags: SendFlags): Promise<Target> {
  const { url, broker = '', kubeconfig, context } = flags
  if (url !== undefined) return direct(url, url)
  if (kubeconfig !== undefined || context !== undefined) return inCluster(flags)
  const namespace = flags.namespace ?? 'default'
  const local = `${flags.dev.replace(/\/$/, '')}/${namespace}/${broker}`
  const dev = await brokerOfDev(local)
  if (dev === 'there') return direct(local, `Broker ${namespace}/${broker} of millrace dev`)
  try {
    return await inCluster(flags)
  } catch (error) {
    throw nowhere(error, `${namespace}/${broker}`, { dev, at: flags.dev })
  }
}

function direct(url: string, name: string): Target {
  return { url: new URL(url), name, headers: () => Promise.resolve({}), close: () => undefined }
}

async function inCluster(flags: SendFlags): Promise<Target> {
  return withClusterOf(flags, async ({ client, access, namespace }) => {
    const key = { namespace, name: flags.broker ?? '' }
    const name = `Broker ${namespace}/${key.name}`
    const found = await client.get(kinds.broker, key, untilDone)
    if (found === null) throw new Fault('ApiNotFound', `${name} does not exist; those that do: millrace get brokers -A`)
    const { address } = (found['status'] ?? {}) as { readonly address?: { readonly url?: string } }
    const url = address?.url
    if (url === undefined || !URL.canParse(url)) {
      const ready = conditionsOf(found).find(({ type }) => type === 'Ready')
      const why = ready?.message ?? 'nothing is known of it yet: is the controller of Millrace running?'
      throw new Fault(
        'ApiRefused',
        `${name} has no address: ${why}\nMore: millrace describe broker ${key.name} -n ${namespace}`,
      )
    }
    const through = serviceIn(new URL(url))
    if (through === null) return direct(url, name)
    const proxy = serviceProxy(access)
    const { pathname, search } = new URL(url)
    return {
      url: new URL(`${proxy.urlOf(through)}${pathname}${search}`),
      name: `${name}, through the API server`,
      agent: proxy.agent,
      headers: () => proxy.headers(),
      through,
      close: () => proxy.close(),
    }
  })
}

/** The Service that an address leads to, when it is one that only pods can reach. */
export function serviceIn({ hostname, port, protocol }: URL): ServicePort | null {
  const [, service, namespace] = /^([a-z0-9-]+)\.([a-z0-9-]+)\.svc(?:\.|$)/.exec(hostname) ?? []
  if (service === undefined || namespace === undefined || protocol !== 'http:') return null
  return { service, namespace, port: port === '' ? 80 : Number(port) }
}

function nowhere(error: unknown, broker: string, { dev, at }: { dev: 'unknown' | 'no dev'; at: string }): unknown {
  if (!(error instanceof Fault)) return error
  const said =
    dev === 'unknown'
      ? `The millrace dev at ${at} has no Broker ${broker}: apply it there\nNor was it found in a cluster: ${error.message}`
      : `${error.message}\nNo millrace dev answers at ${at} either: start one, or name where it is with --dev`
  return new Fault(error.code, said, { cause: error })
}
