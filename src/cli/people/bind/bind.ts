import { Fault } from '../../../core/fault.ts'
import { versionOfNone, type KubeObject, type StoredObject } from '../../../kube/client.ts'
import { isFault } from '../../../kube/faults.ts'
import { kinds } from '../../../kube/kinds.ts'
import type { Environment } from '../../flags.ts'
import { notInstalled, untilDone, withClusterOf, type Cluster } from '../cluster.ts'
import { printedObjects } from '../output/objects.ts'
import { paintFor, type Paint } from '../output/paint.ts'
import { bindingOf, bindsSame, fieldManager, subjectName } from './binding.ts'
import type { BindFlags } from './flags.ts'
import { untilGone, untilReady, type Ended } from './wait.ts'

/** `millrace bind`. False: it is not Ready, and why was said. @throws UsageError, Fault */
export async function bind(flags: BindFlags, env: Environment): Promise<boolean> {
  if (flags.dryRun === 'client') {
    const namespace = flags.namespace ?? 'default'
    print(bindingOf(flags, namespace), flags, 'would be made')
    return true
  }
  const paint = paintFor(process.stdout, env)
  return withClusterOf(flags, async (cluster) => {
    const binding = bindingOf(flags, cluster.namespace)
    for (let tries = 1; ; tries += 1) {
      const there = await standing(binding, cluster)
      if (there !== null && !bindsSame(there, flags.subject)) throw otherOne(there)
      if (flags.remove) return remove(binding, there, flags, cluster)
      const stored = await applied(binding, there, flags, cluster).catch((error: unknown) => {
        if (tries < mostTries && isFault(error, 'ApiConflict')) return null
        throw error
      })
      if (stored !== null) return told(stored, there, { flags, cluster, paint })
    }
  })
}

/** Somebody else has written it since we looked, most often its status: then it is looked at anew. */
const mostTries = 10

async function standing({ metadata }: KubeObject, { client, namespace }: Cluster): Promise<StoredObject | null> {
  try {
    return await client.get(kinds.sinkBinding, { namespace, name: metadata.name }, untilDone)
  } catch (error) {
    throw isFault(error, 'ApiNotFound') ? notInstalled(kinds.sinkBinding) : error
  }
}

function otherOne({ metadata, ...there }: StoredObject): Fault {
  const { subject } = there['spec'] as { readonly subject: BindFlags['subject'] }
  const name = `SinkBinding ${metadata.namespace ?? ''}/${metadata.name}`
  return new Fault(
    'ApiConflict',
    `${name} is there already and binds ${subjectName(subject)}: choose another name with --name`,
  )
}

interface Doing {
  readonly flags: BindFlags
  readonly cluster: Cluster
  readonly paint: Paint
}

/** @throws Fault ApiConflict: it is not `there` any more. */
async function applied(
  binding: KubeObject,
  there: StoredObject | null,
  { dryRun }: BindFlags,
  { client }: Cluster,
): Promise<StoredObject> {
  const { metadata } = binding
  // One that somebody made meanwhile may bind something else.
  const guarded = {
    ...binding,
    metadata: { ...metadata, resourceVersion: there?.metadata.resourceVersion ?? versionOfNone },
  }
  return client.apply(kinds.sinkBinding, guarded, fieldManager, untilDone, { dryRun: dryRun === 'server' })
}

/** Says what was done, and how it is then. */
async function told(
  stored: StoredObject,
  there: StoredObject | null,
  { flags, cluster, paint }: Doing,
): Promise<boolean> {
  const dryRun = flags.dryRun === 'server'
  const same = there !== null && there.metadata.resourceVersion === stored.metadata.resourceVersion
  const done = there === null ? 'made' : same ? 'unchanged' : 'changed'
  print(stored, flags, dryRun ? `would be ${done}` : done)
  if (dryRun || !flags.wait) return true
  const key = { namespace: cluster.namespace, name: stored.metadata.name }
  const ended = await untilReady(cluster.client, key, { subject: subjectName(flags.subject), timeoutMs: flags.timeout })
  sayEnded(ended, flags, paint)
  return ended.kind === 'ready'
}

function sayEnded(ended: Ended, { output, subject, envPrefix = '' }: BindFlags, paint: Paint): void {
  if (ended.kind === 'ready') {
    if (output !== 'text') return
    const many = ended.count === 1 ? 'workload has' : 'workloads have'
    console.log(
      `${paint.good('Ready:')} ${subjectName(subject)}, ${ended.count} ${many} ${envPrefix}K_SINK=${ended.sinkUri}`,
    )
    if (ended.message !== '') console.log(`  ${ended.message}`)
    return
  }
  console.error(`error: ${ended.message}`)
  if (ended.advice !== '') console.error(`To do: ${ended.advice}`)
  console.error('The SinkBinding stays, and becomes Ready when that is mended; take it away with --remove.')
}

async function remove(
  binding: KubeObject,
  there: StoredObject | null,
  flags: BindFlags,
  { client, namespace }: Cluster,
): Promise<boolean> {
  const { name } = binding.metadata
  const full = `SinkBinding ${namespace}/${name}`
  if (there === null) {
    console.error(`error: ${full} does not exist; those that do: millrace get sinkbindings -n ${namespace}`)
    return false
  }
  await client.delete(kinds.sinkBinding, { namespace, name }, untilDone, { uid: there.metadata.uid })
  const gone = !flags.wait || (await untilGone(client, { namespace, name }, there.metadata.uid, flags.timeout))
  if (!gone) {
    console.error(`error: ${full} is still there after ${flags.timeout / 1000} s: is the controller running?`)
    return false
  }
  if (flags.output === 'text') console.log(`${full} removed: ${subjectName(flags.subject)} without K_SINK from now on`)
  return true
}

function print(object: KubeObject, { output, subject, sink }: BindFlags, done: string): void {
  if (output !== 'text') return console.log(printedObjects([object], output, true))
  const { namespace = '', name } = object.metadata
  const to =
    sink.ref === undefined
      ? sink.uri
      : `${sink.ref.kind} ${sink.ref.namespace ?? namespace}/${sink.ref.name}${sink.uri ?? ''}`
  console.log(`SinkBinding ${namespace}/${name} ${done}: ${subjectName(subject)} → ${to}`)
}
