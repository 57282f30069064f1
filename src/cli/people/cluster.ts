import { Fault } from '../../core/fault.ts'
import type { Access } from '../../kube/access.ts'
import type { KubeClient, Resource, StoredObject } from '../../kube/client.ts'
import { clusterAccess } from '../kubeconfig/cluster-access.ts'
import { restClient } from '../../kube/rest.ts'
import type { ClusterFlags } from './flags.ts'
import { fullName } from './kinds.ts'

/** A cluster that a command speaks to. */
export interface Cluster {
  readonly client: KubeClient
  readonly access: Access
  /** The one that -n names, else that of the context. */
  readonly namespace: string
}

/**
 * Does something with the cluster of the flags.
 * @throws Fault with what to do when it cannot be reached, refuses, or has not our kinds.
 */
export async function withClusterOf<T>(flags: ClusterFlags, use: (cluster: Cluster) => Promise<T>): Promise<T> {
  const access = await clusterAccess(flags.kubeconfig, flags.context)
  const client = restClient(access)
  try {
    return await use({ client, access, namespace: flags.namespace ?? access.namespace })
  } catch (error) {
    throw advised(error, access)
  } finally {
    client.close()
  }
}

const pageSize = 500

/** All objects of a kind, page by page. Faults as those of `KubeClient.list`. */
export async function listAll(
  client: KubeClient,
  resource: Resource,
  selection: {
    readonly namespace?: string | undefined
    readonly labelSelector?: string
    readonly fieldSelector?: string
  },
  signal: AbortSignal,
): Promise<readonly StoredObject[]> {
  const { namespace, ...more } = selection
  const found: StoredObject[] = []
  for (let next: string | undefined = ''; next !== undefined;) {
    const page = await client.list(
      resource,
      {
        ...more,
        ...(namespace === undefined ? {} : { namespace }),
        limit: pageSize,
        ...(next === '' ? {} : { continue: next }),
      },
      signal,
    )
    found.push(...page.items)
    next = page.continue
  }
  return found
}

/** As {@link listAll}; null: this cluster has no such kind, or we may not look. */
export async function listIfAllowed(
  ...[client, resource, selection, signal]: Parameters<typeof listAll>
): Promise<readonly StoredObject[] | null> {
  try {
    return await listAll(client, resource, selection, signal)
  } catch (error) {
    if (error instanceof Fault && (error.code === 'ApiForbidden' || error.code === 'ApiNotFound')) return null
    throw error
  }
}

/** The fault when a kind is not there. */
export function notInstalled(resource: Resource): Fault {
  const message = `this cluster has no kind ${resource.kind} (${fullName(resource)}): Millrace is not installed there, or in an older version; install it, or choose another cluster with --context or --kubeconfig`
  return new Fault('ApiNotFound', message)
}

/** What to do is said where it can be known. */
function advised(error: unknown, { server }: Access): unknown {
  if (!(error instanceof Fault)) return error
  const { code, message, details } = error
  const cause = { cause: error }
  if (code === 'ApiUnavailable') {
    const advice = `Is the cluster at ${server} up? Choose another with --context or --kubeconfig`
    return new Fault(code, `${message}\n${advice}`, cause)
  }
  if (code !== 'ApiForbidden') return error
  return new Fault(code, details['status'] === 401 ? unknownUser(message) : forbidden(message), cause)
}

function unknownUser(message: string): string {
  return `${message}\nThe API server does not know you: sign in again, or choose another user with --context`
}

function forbidden(message: string): string {
  return `${message}\nAsk an administrator for the ClusterRole view (to look) or edit (to change) in that namespace`
}

/** Never aborted: requests have deadlines of their own. */
export const untilDone: AbortSignal = new AbortController().signal
