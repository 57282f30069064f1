import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { apply, cluster, get, kubectl, list, systemNamespace, waitFor } from './kube.ts'
import { imageId } from './machine.ts'

const root = join(import.meta.dirname, '..', '..', '..')
const run = promisify(execFile)

/** All manifests, with the image of this run, as `make install` applies them. */
export async function manifests(image = cluster().image): Promise<string> {
  const { stdout } = await run(join(root, 'config', 'render'), [image], { maxBuffer: 16 * 1024 * 1024 })
  return stdout
}

/** Where Kafka is, as an operator says it: the command of docs/operations.md. One broker, so one replica. */
export async function configureKafka(bootstrapServers = cluster().kafka): Promise<void> {
  const data = { 'bootstrap.servers': bootstrapServers, 'default.topic.replication.factor': '1' }
  const patch = JSON.stringify({ data })
  await kubectl('patch', 'configmap', 'kafka-broker-config', '-n', systemNamespace, '--type=merge', '-p', patch)
}

/** `make install` and the Kafka address; resolves when controller and workers are there. Where it is installed already it takes 3 s. */
export async function installMillrace(): Promise<void> {
  await apply(await manifests())
  await configureKafka()
  await workersReady()
  await replaceOldBuilds()
}

const workloads = ['deployment/millrace-controller', 'deployment/millrace-ingress', 'statefulset/millrace-dispatcher']

/** In a cluster that stays from run to run, pods may be of an older build under the same name. */
async function replaceOldBuilds(): Promise<void> {
  if (!cluster().ours) return
  const newest = await imageId(cluster().image)
  const running = await list('pods', systemNamespace, '-l', 'app.kubernetes.io/name=millrace')
  const ids = running.flatMap(({ status }) => (status?.['containerStatuses'] ?? []) as { imageID: string }[])
  if (ids.every(({ imageID }) => imageID === newest)) return
  await kubectl('rollout', 'restart', ...workloads, '-n', systemNamespace)
  await workersReady()
}

/** Who leads among the controllers: the identity in the Lease, and the pod that it begins with. */
export async function leader(): Promise<{ readonly identity: string; readonly pod: string }> {
  const lease = await get('lease', 'millrace-controller', systemNamespace)
  const { holderIdentity: identity = '' } = (lease?.spec ?? {}) as { holderIdentity?: string }
  return { identity, pod: identity.replace(/-[^-]*$/, '') }
}

/** Resolves when all of Millrace's own pods are Ready in their newest version. */
export async function workersReady(withinMs = 120_000): Promise<void> {
  const options = { namespace: systemNamespace, withinMs }
  const updated = (object: Awaited<ReturnType<typeof waitFor>>): boolean => {
    const { spec, status, metadata } = object
    const wanted = spec?.['replicas']
    return (
      status?.['observedGeneration'] === metadata.generation &&
      status?.['readyReplicas'] === wanted &&
      status?.['updatedReplicas'] === wanted
    )
  }
  await waitFor('deployment', 'millrace-controller', updated, options)
  await waitFor('deployment', 'millrace-ingress', updated, options)
  await waitFor('statefulset', 'millrace-dispatcher', updated, options)
}

export type Component = 'controller' | 'ingress' | 'dispatcher'

/** Names of the pods of a component. */
export async function pods(component: Component): Promise<string[]> {
  const found = await list('pods', systemNamespace, '-l', `app.kubernetes.io/component=${component}`)
  return found.map(({ metadata }) => metadata.name)
}
