import { execFile, spawn } from 'node:child_process'
import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { parse } from 'yaml'

const env = join(import.meta.dirname, '..', 'env')
const run = promisify(execFile)

/** How to reach an API server as its administrator. Plain data, so that it can travel between processes. */
export interface ApiAccess {
  /** Path of a kubeconfig file. */
  readonly kubeconfig: string
  /** `https://127.0.0.1:PORT`. */
  readonly url: string
  /** PEM: whom to trust, and who we are. */
  readonly ca: string
  readonly cert: string
  readonly key: string
  /** One line of JSON (audit.k8s.io/v1 Event, level Metadata) a request; null when it is not ours to read. */
  readonly auditLog: string | null
}

/** How to start an API server. */
export interface ApiServerOptions {
  /** Flags of kube-apiserver, for example `['--max-requests-inflight=10']`. */
  readonly flags?: readonly string[]
}

/** An API server that a test started for itself, with its controllers (garbage collection, namespaces, service accounts); no nodes. */
export interface RunningApiServer extends ApiAccess, AsyncDisposable {
  /** Stops it; data, port and certificates stay. `kill` as in a power cut: connections end without a word. */
  stop(how: 'term' | 'kill'): Promise<void>
  /** Starts it again after `stop`, where it was, and resolves when it answers. */
  start(): Promise<void>
  /** It accepts connections but answers nothing, and open watches stay silent, until `thaw`. */
  freeze(): Promise<void>
  thaw(): Promise<void>
  /** Stops it and removes its data. */
  close(): Promise<void>
}

/**
 * Starts an API server of its own for a test (4 s, 400 MB). It ends with `close()`, and also when this process dies in any way:
 * `api-hold` watches its standard input. In a session of its own, so that ctrl-C does not reach it before we are done with it.
 * @throws Error with the last words of the script, when the binaries are not built yet or do not start.
 */
export async function startApiServer(options: ApiServerOptions = {}): Promise<RunningApiServer> {
  await run(join(env, 'kube', 'build'), ['--check', 'api']).catch((error: { stderr?: string }) => {
    throw new Error(`no Kubernetes API for the tests: ${error.stderr?.trim()}`)
  })
  const dir = await mkdtemp(join(tmpdir(), 'millrace-api-'))
  const flags = ['--audit', '--', ...(options.flags ?? [])]
  const child = spawn(join(env, 'api-hold'), [dir, ...flags], { stdio: ['pipe', 'pipe', 'pipe'], detached: true })
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const complaints = text(child.stderr)
  if (!(await isReady(child.stdout))) throw new Error(`no Kubernetes API for the tests: ${(await complaints).trim()}`)

  const signal = async (name: NodeJS.Signals): Promise<void> => {
    const [pid] = (await readFile(join(dir, 'pid', 'kube-apiserver'), 'utf8')).split(' ')
    process.kill(Number(pid), name)
  }
  const thaw = (): Promise<void> => signal('SIGCONT')
  const close = async (): Promise<void> => {
    await thaw().catch(() => undefined) // it may be down
    child.stdin.end()
    await exited
  }
  return {
    ...(await readAccess(join(dir, 'kubeconfig'))),
    auditLog: join(dir, 'audit.log'),
    stop: async (how) =>
      void (await run(join(env, 'api-down'), [dir, '--keep', ...(how === 'kill' ? ['--kill'] : [])])),
    start: async () => void (await run(join(env, 'api-up'), [dir, ...flags])),
    freeze: () => signal('SIGSTOP'),
    thaw,
    close,
    [Symbol.asyncDispose]: close,
  }
}

interface Kubeconfig {
  'current-context': string
  contexts: { name: string; context: { cluster: string; user: string } }[]
  clusters: { name: string; cluster: { server: string; 'certificate-authority-data': string } }[]
  users: { name: string; user: { 'client-certificate-data': string; 'client-key-data': string } }[]
}

/** Reads a kubeconfig whose administrator has a client certificate, all in the file itself. @throws Error when it is another kind. */
export async function readAccess(kubeconfig: string): Promise<ApiAccess> {
  const config = parse(await readFile(kubeconfig, 'utf8')) as Kubeconfig
  const context = config.contexts.find(({ name }) => name === config['current-context'])?.context
  const cluster = config.clusters.find(({ name }) => name === context?.cluster)?.cluster
  const user = config.users.find(({ name }) => name === context?.user)?.user
  if (!cluster?.['certificate-authority-data'] || !user?.['client-certificate-data']) {
    throw new Error(
      `${kubeconfig} has no certificate-authority-data or no client-certificate-data in its current context`,
    )
  }
  const pem = (base64: string): string => Buffer.from(base64, 'base64').toString()
  return {
    kubeconfig,
    url: cluster.server,
    ca: pem(cluster['certificate-authority-data']),
    cert: pem(user['client-certificate-data']),
    key: pem(user['client-key-data']),
    auditLog: null,
  }
}

/** False when the script ended without the line "ready". */
async function isReady(stdout: AsyncIterable<Buffer>): Promise<boolean> {
  let printed = ''
  for await (const chunk of stdout) {
    printed += chunk.toString()
    if (printed.endsWith('ready\n')) return true
  }
  return false
}
