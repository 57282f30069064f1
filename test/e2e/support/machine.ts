import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { get, systemNamespace } from './kube.ts'

/** What only root on the machine of the cluster can do: for tests that are skipped where the cluster is not ours. */

const run = promisify(execFile)
const env = join(import.meta.dirname, '..', '..', 'env')

/** `kill -9` of the process in a pod: it says goodbye to nobody, and the kubelet starts the container again. */
export async function killPod(name: string, namespace = systemNamespace): Promise<void> {
  process.kill(await pidOf(name, namespace), 'SIGKILL')
}

/** Resident memory of the process in a pod, MiB. */
export async function residentMiB(name: string, namespace = systemNamespace): Promise<number> {
  const status = await readFile(`/proc/${await pidOf(name, namespace)}/status`, 'utf8')
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024)
}

/** Kills the API server; everything else runs on. */
export async function takeApiServerAway(): Promise<void> {
  await run(join(env, 'api-away'), ['start'])
}

/** Starts the API server again, if it is away, and resolves when it answers. */
export async function bringApiServerBack(): Promise<void> {
  await run(join(env, 'api-away'), ['end'])
}

/** `imageID` of the containers that run the newest build of an image. */
export async function imageId(image: string): Promise<string> {
  const { stdout } = await run(join(env, 'image'), ['id', image])
  return stdout.trim()
}

/** Gives an image of the cluster a second name. */
export async function tagImage(image: string, name: string): Promise<void> {
  await run(join(env, 'image'), ['tag', image, name])
}

/** The one container's process. */
async function pidOf(name: string, namespace: string): Promise<number> {
  const pod = await get('pod', name, namespace)
  const [container] = (pod?.status?.['containerStatuses'] ?? []) as { readonly containerID?: string }[]
  const id = container?.containerID?.replace('containerd://', '')
  if (id === undefined) throw new Error(`pod ${namespace}/${name} has no container that runs`)
  const { stdout } = await run(join(env, 'container-pid'), [id])
  return Number(stdout)
}
