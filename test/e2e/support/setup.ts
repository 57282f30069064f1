import { execFile, spawn } from 'node:child_process'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseEnv, promisify } from 'node:util'
import type { TestProject } from 'vitest/node'

/** The cluster of this run and what stands in it already. */
export interface Cluster {
  /** Path of the administrator's kubeconfig. */
  readonly kubeconfig: string
  /** `host:port[,host:port]` of Kafka, as pods reach it; this machine too when `ours`. */
  readonly kafka: string
  /** Names of the images, which every node has or can pull. */
  readonly image: string
  readonly appImage: string
  /** True when test/env made it: then a test may kill its processes and read its audit log. */
  readonly ours: boolean
  /** One line of JSON a request (audit.k8s.io/v1 Event, level Metadata); null when it is not ours. */
  readonly auditLog: string | null
  /** When this run began, milliseconds since 1970: a cluster that stays is older. */
  readonly since: number
}

declare module 'vitest' {
  interface ProvidedContext {
    cluster: Cluster
  }
}

const root = join(import.meta.dirname, '..', '..', '..')
const env = join(root, 'test', 'env')
const run = promisify(execFile)

/**
 *     KUBECONFIG not set ──► cluster-hold: cluster, Kafka; then both images are built and imported ──► all of it is gone at the end
 *     KUBECONFIG=FILE    ──► that cluster, as it is. MILLRACE_E2E_KAFKA names a Kafka that its pods reach; its nodes have, or can
 *                            pull, millrace:dev and millrace-testapp:dev, or MILLRACE_E2E_IMAGE and MILLRACE_E2E_APP_IMAGE
 *
 * A cluster that `make cluster` started is used and stays; so a second `make e2e` begins after seconds.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env['KUBECONFIG']
  if (given !== undefined && given !== '' && given !== (await ourKubeconfig())) {
    project.provide('cluster', givenCluster(given))
    return () => Promise.resolve()
  }
  const held = await holdCluster()
  try {
    project.provide('cluster', { ...held.cluster, image: 'millrace:dev', appImage: 'millrace-testapp:dev' })
    await build('millrace:dev', root)
    await build('millrace-testapp:dev', join(root, 'test', 'e2e', 'app'))
  } catch (error) {
    await held.close()
    throw error
  }
  return held.close
}

function givenCluster(kubeconfig: string): Cluster {
  const kafka = process.env['MILLRACE_E2E_KAFKA']
  if (kafka === undefined) {
    throw new Error(
      'KUBECONFIG is set, so MILLRACE_E2E_KAFKA=host:port has to name a Kafka that the pods of that cluster reach',
    )
  }
  return {
    kubeconfig,
    kafka,
    image: process.env['MILLRACE_E2E_IMAGE'] ?? 'millrace:dev',
    appImage: process.env['MILLRACE_E2E_APP_IMAGE'] ?? 'millrace-testapp:dev',
    ours: false,
    auditLog: null,
    since: Date.now(),
  }
}

async function ourKubeconfig(): Promise<string> {
  const { stdout } = await run(join(env, 'cluster-up'), ['--kubeconfig'])
  return stdout.trim()
}

interface HeldCluster {
  readonly cluster: Omit<Cluster, 'image' | 'appImage'>
  close(): Promise<void>
}

/**
 * Starts cluster and Kafka (15 s). They end with `close()`, and also when this process dies in any way: `cluster-hold` watches its
 * standard input. In a session of its own, so that ctrl-C does not reach it before we are done with it.
 */
async function holdCluster(): Promise<HeldCluster> {
  const kafkaDir = await mkdtemp(join(tmpdir(), 'millrace-e2e-kafka-'))
  const child = spawn(join(env, 'cluster-hold'), [kafkaDir], { stdio: ['pipe', 'pipe', 'inherit'], detached: true })
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const close = async (): Promise<void> => {
    child.stdin.end()
    await exited
  }
  const settings = await settingsUntilReady(child.stdout)
  if (settings === null) throw new Error('no cluster for the tests; what is missing stands above')
  const { KUBECONFIG = '', KAFKA_PLAINTEXT = '', AUDIT_LOG = null } = settings
  return {
    cluster: { kubeconfig: KUBECONFIG, kafka: KAFKA_PLAINTEXT, ours: true, auditLog: AUDIT_LOG, since: Date.now() },
    close,
  }
}

/** What is printed before the line "ready"; null when the script ended without it. */
async function settingsUntilReady(stdout: AsyncIterable<Buffer>): Promise<NodeJS.Dict<string> | null> {
  let printed = ''
  for await (const chunk of stdout) {
    printed += chunk.toString()
    if (printed.endsWith('ready\n')) return parseEnv(printed.slice(0, -'ready\n'.length))
  }
  return null
}

/** Builds an image and imports it into the cluster. */
async function build(name: string, context: string): Promise<void> {
  const child = spawn(join(env, 'image'), ['build', '-t', name, context], { stdio: ['ignore', 'inherit', 'inherit'] })
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  if (code !== 0) throw new Error(`the image ${name} could not be built; why stands above`)
}
