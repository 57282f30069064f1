import type { Resource } from '../../../kube/client.ts'
import { clusterAccess } from '../../kubeconfig/cluster-access.ts'
import { kinds } from '../../../kube/kinds.ts'
import { restClient } from '../../../kube/rest.ts'
import { peopleKinds } from '../kinds.ts'

/** Longer nobody waits for a tab, milliseconds. */
const patienceMs = 3_000

const most = 500

const others: readonly Resource[] = [
  kinds.deployment,
  kinds.statefulSet,
  kinds.daemonSet,
  kinds.cronJob,
  kinds.job,
  kinds.service,
]

/** Flags of the line, by their long names. */
type Values = ReadonlyMap<string, string>

/** Names of objects of a kind, as the flags of the line have it. None when the cluster does not answer in time, or anything else is wrong. */
export async function namesOf(word: string, values: Values): Promise<readonly string[]> {
  const kind = word.toLowerCase()
  const ours = peopleKinds.find(({ resource }) => isCalled(resource, kind))
  const resource = ours?.resource ?? others.find((each) => isCalled(each, kind))
  if (resource === undefined) return []
  return ask(resource, values, ours?.internal === true ? 'knative-eventing' : undefined)
}

export async function namespacesOf(values: Values): Promise<readonly string[]> {
  return ask(kinds.namespace, values, undefined)
}

function isCalled({ plural, kind }: Resource, word: string): boolean {
  return plural === word || kind.toLowerCase() === word
}

async function ask(resource: Resource, values: Values, fallback: string | undefined): Promise<readonly string[]> {
  try {
    const access = await clusterAccess(values.get('--kubeconfig'), values.get('--context'))
    const client = restClient(access)
    try {
      const namespace = values.get('--namespace') ?? fallback ?? access.namespace
      const where = resource.namespaced ? { namespace } : {}
      const page = await client.list(
        resource,
        { ...where, metadataOnly: true, limit: most },
        AbortSignal.timeout(patienceMs),
      )
      return page.items.map(({ metadata }) => metadata.name)
    } finally {
      client.close()
    }
  } catch {
    return []
  }
}
