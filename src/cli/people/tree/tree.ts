import { readFileSync } from 'node:fs'
import { isMap } from '../../../api/json.ts'
import { parseManifests, type Manifest } from '../../../api/manifest.ts'
import { formatProblem } from '../../../api/problem.ts'
import type { StoredObject } from '../../../kube/client.ts'
import { isFault } from '../../../kube/faults.ts'
import { conditionsOf } from '../../../kube/status.ts'
import type { Environment } from '../../flags.ts'
import { readFiles } from '../../watched-files.ts'
import { listAll, notInstalled, untilDone, withClusterOf, type Cluster } from '../cluster.ts'
import { kindsOfUsers } from '../kinds.ts'
import { outletsOf } from '../outlets.ts'
import { printed } from '../output/objects.ts'
import { paintFor } from '../output/paint.ts'
import type { TreeFlags } from './flags.ts'
import { textOf } from './text.ts'
import { topologyOf, type Seen, type SeenStatus, type Topology } from './topology.ts'

/** `millrace tree`. False: a manifest has an error, which was said. @throws Fault; the system's error when a file cannot be read. */
export async function tree(flags: TreeFlags, env: Environment): Promise<boolean> {
  const { topology, right } =
    flags.filename.length > 0 ? ofFiles(flags) : { topology: await ofCluster(flags), right: true }
  console.log(
    flags.output === 'text' ? textOf(topology, paintFor(process.stdout, env)) : printed(topology, flags.output),
  )
  return right
}

function ofFiles({ filename, namespace }: TreeFlags): { readonly topology: Topology; readonly right: boolean } {
  const paths = filename.filter((path) => path !== '-')
  const stdin = paths.length < filename.length ? [{ file: 'stdin', text: readFileSync(0, 'utf8') }] : []
  const { objects, problems } = parseManifests([...stdin, ...readFiles(paths)], {
    defaultNamespace: namespace ?? 'default',
  })
  const errors = problems.filter(({ severity }) => severity === 'error')
  for (const problem of errors) console.error(`error: ${formatProblem(problem)}`)
  const inNamespace = objects.filter(({ key }) => namespace === undefined || key.namespace === namespace)
  // The note about Outlets is for clusters.
  const { note: _, ...topology } = topologyOf(inNamespace.map(seenInManifest), new Map())
  return { topology, right: errors.length === 0 }
}

function seenInManifest({ key, object }: Manifest): Seen {
  const { spec } = object as { readonly spec?: unknown }
  return { ...key, spec: isMap(spec) ? spec : {}, status: null }
}

async function ofCluster(flags: TreeFlags): Promise<Topology> {
  return withClusterOf(flags, async (cluster) => {
    const namespace = flags.allNamespaces ? undefined : cluster.namespace
    const objects = await allOf(cluster, namespace)
    return topologyOf(objects.map(seenInCluster), await outletsOf(cluster, flags.systemNamespace, namespace))
  })
}

/** A kind that is not installed has no objects; when none is, Millrace is not. */
async function allOf({ client }: Cluster, namespace: string | undefined): Promise<readonly StoredObject[]> {
  const found = await Promise.all(
    kindsOfUsers.map(({ resource }) =>
      listAll(client, resource, { namespace }, untilDone).catch((error: unknown) => {
        if (isFault(error, 'ApiNotFound')) return null
        throw error
      }),
    ),
  )
  const [first] = kindsOfUsers
  if (first !== undefined && found.every((each) => each === null)) throw notInstalled(first.resource)
  return found.flatMap((each) => each ?? [])
}

/** An object of the cluster as the way of events needs it. */
export function seenInCluster(object: StoredObject): Seen {
  const { kind, metadata } = object
  const status = (object['status'] ?? {}) as Omit<SeenStatus, 'conditions'>
  return {
    kind,
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    spec: object['spec'] ?? {},
    status: { ...status, conditions: conditionsOf(object) },
  }
}
